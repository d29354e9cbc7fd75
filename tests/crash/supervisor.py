# SPDX-License-Identifier: Apache-2.0
"""Our processes under a supervisor, which does what docs/operating.md says: after exit 75, and after a kill,
it starts a process again; any other end is a person's business, and here the end of the test."""

import signal
import threading
import time

from tests.lib import programs

TRY_AGAIN, REFUSED, KILLED = 75, 77, -signal.SIGKILL
RESTART_S = 0.5
LOOK_S = 0.1


class Supervisor:
    """`wanted`: names of processes → command. A publisher that was fenced is given up while another one
    is wanted; all else that ends otherwise is a line in `failures`."""

    def __init__(self, directory, config, environment=None):
        self.directory, self.config, self.environment = directory, config, environment
        self.wanted, self.stopped = {}, set()
        self.failures, self.restarts, self.fenced = [], 0, 0
        self.lock = threading.RLock()
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self._watch, daemon=True)
        self.thread.start()

    def add(self, label, command):
        """Starts it, and keeps it running."""
        with self.lock:
            self.wanted[label] = programs.Program([command, "-c", self.config], self.directory, label,
                                                  self.environment).start()

    def labels(self, prefix=""):
        with self.lock:
            return sorted(label for label in self.wanted if label.startswith(prefix))

    def kill(self, label):
        with self.lock:
            self._signal(label, signal.SIGKILL)
            self.stopped.discard(label)

    def stop(self, label):
        """SIGSTOP; it counts as running."""
        with self.lock:
            if self._signal(label, signal.SIGSTOP):
                self.stopped.add(label)

    def go_on(self, label):
        with self.lock:
            self._signal(label, signal.SIGCONT)
            self.stopped.discard(label)

    def heal(self):
        """Nobody stays stopped."""
        for label in list(self.stopped):
            self.go_on(label)

    def end(self, patience_s=20):
        """SIGTERM to all: each has to end with 0. No more restarts from here on."""
        self.ended.set()
        self.thread.join()
        for program in self.wanted.values():
            if program.alive():
                program.process.terminate()
        for label, program in self.wanted.items():
            code = program.wait(patience_s)
            if code not in (0, TRY_AGAIN):  # it may have been between two tries
                self._fail(label, program, code)

    def end_hard(self):
        """Whatever happened: nothing of ours runs afterwards."""
        self.ended.set()
        self.thread.join()
        for program in self.wanted.values():
            program.end()

    def peak_rss_kib(self):
        """label → most memory that it ever had."""
        return {label: program.peak_rss_kib for label, program in self.wanted.items()}

    def _signal(self, label, number):
        program = self.wanted.get(label)
        if program is None or not program.alive():
            return False
        program.process.send_signal(number)
        return True

    def _watch(self):
        down_since = {}
        while not self.ended.wait(LOOK_S):
            with self.lock:
                for label, program in list(self.wanted.items()):
                    if program.alive():
                        down_since.pop(label, None)
                    elif label not in down_since:
                        down_since[label] = time.monotonic()
                        self._judge(label, program)
                    elif time.monotonic() - down_since[label] > RESTART_S:
                        program.start()
                        self.restarts += 1

    def _judge(self, label, program):
        code = program.process.returncode
        others = [one for one in self.wanted if one != label and one.startswith("publish")]
        if code in (TRY_AGAIN, KILLED):
            return
        if label.startswith("publish") and code == REFUSED and others and "another publisher" in program.log():
            del self.wanted[label]
            self.fenced += 1
            return
        self._fail(label, program, code)

    def _fail(self, label, program, code):
        self.failures.append(str(program.failure(f"ended with exit code {code}")))
