# SPDX-License-Identifier: Apache-2.0
"""Waiting for something to become true."""

import time


def until(condition, what, patience_s=120, pause_s=0.05):
    """Calls condition() until it returns something true, which is returned; fails after patience_s. By default
    that is long enough for a machine whose disk stands still for seconds: it says nothing of what is tested."""
    end = time.monotonic() + patience_s
    while True:
        found = condition()
        if found:
            return found
        assert time.monotonic() < end, f"not within {patience_s} s: {what}"
        time.sleep(pause_s)
