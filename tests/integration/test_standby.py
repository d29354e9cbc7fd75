# SPDX-License-Identifier: Apache-2.0
"""A publisher that stands by for another one of the same name."""

import signal
import time

import pytest

from tests.integration import wait
from tests.integration.load import Load, assert_each_change_once
from tests.integration.pipeline import expect, stop

CHECKPOINT_S = 0.5
SILENCE_S = 3 * CHECKPOINT_S  # after which the other one counts as gone


@pytest.fixture
def path(pipeline):
    pipeline.options["publish"]["checkpoint_time"] = f"{int(CHECKPOINT_S * 1000)}ms"
    return pipeline


def start_both(path):
    """The first publishes, the second stands by for it."""
    first = path.start_publisher("--standby")
    first.wait_for("started")
    second = path.start_publisher("--standby")
    second.wait_for("standing by")
    return first, second


def has_taken_over(path, program):
    checkpoint = path.checkpoint()
    return checkpoint["running"] and f":{program.process.pid}:" in checkpoint["instance"]


def wait_for_taking_over(path, program, figures):
    """Returns after how many seconds it published."""
    begin = time.monotonic()
    wait.until(lambda: has_taken_over(path, program), "the standby", patience_s=20)
    figures(f"takes over {time.monotonic() - begin:.1f} s after"
            f" (checkpoint_time = {CHECKPOINT_S} s, so {SILENCE_S} s of silence)")


def finish(path, program):
    stop(program)
    path.publish()
    assert_each_change_once(path)


def test_takes_over_from_a_killed_one(path, database, figures):
    """Not before: neither while the source is quiet nor under load."""
    first, second = start_both(path)
    time.sleep(1.3 * SILENCE_S)
    with Load(database):
        time.sleep(1.3 * SILENCE_S)
        assert "taking over" not in second.log()
        first.check()
        first.kill()
        wait_for_taking_over(path, second, figures)
    finish(path, second)


def test_one_that_wakes_up_is_fenced(path, database, figures):
    """Stopped for longer than the standby waits; when it goes on it ends, and the other one does not."""
    first, second = start_both(path)
    with Load(database):
        time.sleep(1)
        first.process.send_signal(signal.SIGSTOP)
        wait_for_taking_over(path, second, figures)
        time.sleep(1)
        first.process.send_signal(signal.SIGCONT)
        expect(first, 77, patience_s=20)
        assert "another publisher" in first.log()
        time.sleep(1)
        second.check()
        third = path.start_publisher("--standby")
        third.wait_for("standing by")
        stop(third)
        second.check()
    finish(path, second)


def test_takes_over_at_once_when_the_first_ends_in_good_order(path, database):
    first, second = start_both(path)
    with Load(database):
        stop(first)
        silent_ms = second.wait_for(r"taking over .*silent_ms=(\d+)")[1]
        assert int(silent_ms) < 1000 * SILENCE_S
        wait.until(lambda: has_taken_over(path, second), "the standby")
    finish(path, second)


def test_refuses_before_it_stands_by(path, database):
    """What would make it fail later is said now."""
    first = path.start_publisher()
    first.wait_for("started")
    with database.setting("binlog_format", "'MIXED'"):
        refused = expect(path.start_publisher("--standby"), 78)
        assert "binlog_format" in refused.log()
    first.check()


# --- without transactions nothing fences; the checkpoints tell who is the newer one -------------------------


@pytest.mark.parametrize("is_suspended", [False, True])
def test_at_least_once(path, database, is_suspended):
    """The older one ends by itself, or when it wakes up; what both have sent converges."""
    path.options["publish"]["delivery"] = "at-least-once"
    first = path.start_publisher()
    first.wait_for("started")
    with Load(database):
        time.sleep(1)
        if is_suspended:
            first.process.send_signal(signal.SIGSTOP)
        second = path.start_publisher()
        second.wait_for("started")
        if is_suspended:
            time.sleep(1)
            first.process.send_signal(signal.SIGCONT)
        expect(first, 77, patience_s=10)
        assert "another publisher" in first.log() and "epoch 2" in first.log()
        time.sleep(1)
        second.check()
    stop(second)
    path.converge()
    assert path.checkpoint()["epoch"] == 3
