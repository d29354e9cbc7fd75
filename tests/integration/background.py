# SPDX-License-Identifier: Apache-2.0
"""Something that goes on beside a test."""

import threading


class Background:
    """Runs work() in a thread while its context lasts; work() ends soon after `ended` is set. What work()
    raises fails the test."""

    def __init__(self):
        self.ended = threading.Event()
        self.failure = None
        self.thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.ended.set()
        self.thread.join()
        self.close()
        assert self.failure is None, self.failure

    def _run(self):
        try:
            self.work()
        except Exception as error:  # shown by the test's own thread
            self.failure = error

    def work(self):
        raise NotImplementedError

    def close(self):
        """After the thread has ended."""
