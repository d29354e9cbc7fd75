# SPDX-License-Identifier: Apache-2.0
"""Killed, or stopped until others have taken over, at each step between reading and committing: the points
of common/crash.h, all of them. What follows goes on, and each change is there once."""

import re
import signal
import time

import pytest

from tests.integration import load, wait
from tests.integration.load import assert_each_change_once
from tests.integration.pipeline import APPLIERS, expect, stop
from tests.lib import programs

POINTS = re.findall(r"^ +X\((\w+)\)", (programs.ROOT / "common/crash.h").read_text(), re.M)
KILLED = -signal.SIGKILL
OF_PUBLISHER = [point for point in POINTS if point.startswith("publish_")]
SHARED = [point for point in POINTS if point.startswith("apply_")]
OF_APPLIERS = [(point, applier) for point in POINTS for applier in APPLIERS
               if point.startswith(("apply_", applier + "_"))]
# A point of the core is met with each applier in turn; with the other one too where time does not matter.
LONG = {(point, APPLIERS[number % 2]) for number, point in enumerate(SHARED)}
# Passed once or a few times in a life; the others are met for the second time, in the middle of the work.
ONCE = {"publish_fenced_older", "publish_started", "publish_topic_created", "apply_group_told"}
ROWS, ROUNDS = 20, 3


@pytest.fixture(autouse=True)
def crash_build(monkeypatch, request):
    """The programs that have the points; a dead member of a group is missed soon."""
    monkeypatch.setenv("BUILD", "build/crash")
    if "pipeline" in request.fixturenames:
        request.getfixturevalue("pipeline").options["kafka"].update(
            {"session.timeout.ms": 1200, "heartbeat.interval.ms": 300})


def test_the_table_is_whole():
    """No point is in the code but not in the table, or the other way round."""
    sources = [path for folder in ("publisher", "appliers") for path in (programs.ROOT / folder).rglob("*.c")]
    used = re.findall(r"CRASH_POINT\((\w+)\)", "".join(path.read_text() for path in sources))
    assert sorted(used) == sorted(POINTS)
    assert len(OF_PUBLISHER) + len({point for point, _ in OF_APPLIERS}) == len(POINTS)


def at(variable, point):
    return {variable: point if point in ONCE else f"{point}:2"}


def write(database):
    """A first transaction of many rows, then small ones; two changes of a key."""
    load.create(database, ROWS)
    for _ in range(ROUNDS):
        database.sql("UPDATE t SET n = n + 1")


@pytest.mark.parametrize("point", OF_PUBLISHER)
def test_publisher_killed(pipeline, database, point):
    pipeline.options["publish"]["transaction_bytes"] = "1KiB"
    write(database)
    expect(pipeline.start_publisher("--until-caught-up", environment=at("TAILRACE_CRASH_AT", point)), KILLED)
    pipeline.publish()
    assert_each_change_once(pipeline)
    database.sql("UPDATE t SET n = n + 1", "UPDATE t SET id = id + 1000", "DELETE FROM t WHERE id % 3 = 1")
    pipeline.converge()


@pytest.mark.parametrize("point, applier", [pytest.param(*case, marks=pytest.mark.long if case in LONG else ())
                                            for case in OF_APPLIERS])
def test_applier_killed(pipeline, database, point, applier):
    pipeline.options["apply"].update(batch_records=3)
    write(database)
    pipeline.publish()
    expect(pipeline.start_applier(applier, environment=at("TAILRACE_CRASH_AT", point)), KILLED)
    pipeline.options["apply"].update(batch_records=1000)
    database.sql("UPDATE t SET n = n + 1 WHERE id % 2 = 1", "DELETE FROM t WHERE id % 3 = 1")
    pipeline.publish()
    pipeline.apply(applier)
    pipeline.assert_equal(applier)


# --- stopped for longer than the group's session, and awakened when another one has gone on --------------

STOPPED = [(point, applier) for point, applier in OF_APPLIERS
           if point in ("mongodb_written", "redis_checked", "redis_sent")]


@pytest.mark.parametrize("point, applier", STOPPED)
def test_applier_stopped_and_replaced(pipeline, database, point, applier):
    """What it still holds in its hands is old by now: none of it may be written."""
    pipeline.options["apply"].update(batch_records=3)
    write(database)
    pipeline.publish()
    first = pipeline.start_applier(applier, environment=at("TAILRACE_STOP_AT", point))
    wait.until(lambda: is_stopped(first), "SIGSTOP", pause_s=0.02)
    database.sql("UPDATE t SET n = n + 1", "DELETE FROM t WHERE id % 3 = 1")
    pipeline.publish()
    pipeline.apply(applier)
    pipeline.assert_equal(applier)
    first.process.send_signal(signal.SIGCONT)
    time.sleep(1)
    pipeline.assert_equal(applier)
    first.check()
    stop(first)
    pipeline.assert_equal(applier)


@pytest.mark.parametrize("point", ["publish_change_sent", "publish_all_acknowledged"])
def test_publisher_stopped_and_replaced(pipeline, database, point):
    """What it has sent and not committed is never seen."""
    write(database)
    first = pipeline.start_publisher(environment=at("TAILRACE_STOP_AT", point))
    wait.until(lambda: is_stopped(first), "SIGSTOP", pause_s=0.02)
    pipeline.publish()
    first.process.send_signal(signal.SIGCONT)
    expect(first, 77)
    pipeline.publish()
    assert_each_change_once(pipeline)


def is_stopped(program):
    with open(f"/proc/{program.process.pid}/stat", encoding="ascii") as stat:
        return stat.read().rsplit(") ")[-1].startswith("T")
