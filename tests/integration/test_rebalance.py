# SPDX-License-Identifier: Apache-2.0
"""Appliers that join, leave, die and sleep under load. What their targets were told in between is watched by
the targets' own means, MongoDB's change streams and Redis's MONITOR: each record has its effect in one step."""

import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor

from tests.integration import wait
from tests.integration.load import Load, assert_each_change_once
from tests.integration.pipeline import APPLIERS, stop

SESSION_S = 6  # the least that the brokers allow
ASLEEP_S = SESSION_S + 2.5


class Watch:
    """Two lists, as they were committed: `steps` of (topic and partition, offset behind the step) and
    `writes` of (key, n)."""

    def __init__(self):
        self.steps, self.writes = [], []
        self.ended = threading.Event()
        self.ready = threading.Semaphore(0)
        self.failure = None
        self.threads = []

    def run(self, *functions):
        self.threads = [threading.Thread(target=self._guarded, args=[function]) for function in functions]
        for thread in self.threads:
            thread.start()
        for _ in self.threads:
            assert self.ready.acquire(timeout=20)

    def _guarded(self, function):
        try:
            function()
        except Exception as error:  # shown by the test's own thread
            self.failure = error

    def end(self):
        """What is on its way still comes."""
        time.sleep(1)
        self.ended.set()
        for thread in self.threads:
            thread.join()
        assert self.failure is None, self.failure

    def assert_each_step_once(self, rows):
        """Offsets only grow, whoever makes the step, and so does the n of each row up to the last."""
        assert self.steps and self.writes
        for kind, found in (("step", self.steps), ("write", self.writes)):
            last = {}
            for key, number in found:
                assert number > last.get(key, -1), f"{kind} of {key}: {number} after {last[key]}"
                last[key] = number
        assert {key: number for key, number in self.writes} == rows


class MongodbWatch(Watch):
    def __init__(self, pipeline):
        super().__init__()
        self.pipeline = pipeline
        self.run(self._watch_steps, self._watch_writes)

    def _watch_steps(self):
        group = f"{self.pipeline.name}.apply.mongodb"
        for change in self._changes(self.pipeline.mongodb.tailrace.checkpoints):
            place = change["documentKey"]["_id"]
            updated = change.get("updateDescription", {}).get("updatedFields", {})
            if place["group"] == group and "offset" in updated:
                self.steps.append(((place["topic"], place["partition"]), updated["offset"]))

    def _watch_writes(self):
        for change in self._changes(self.pipeline.documents("t")):
            document = change["fullDocument"]
            self.writes.append((document["_id"], document["n"]))

    def _changes(self, collection):
        with collection.watch(max_await_time_ms=100) as stream:
            self.ready.release()
            while not self.ended.is_set():
                change = stream.try_next()
                if change is not None:
                    yield change


class RedisWatch(Watch):
    def __init__(self, pipeline):
        super().__init__()
        self.pipeline = pipeline
        self.run(self._watch)

    def end(self):
        time.sleep(1)
        self.ended.set()
        self.pipeline.redis.ping()  # MONITOR tells of this, too
        super().end()

    def _watch(self):
        checkpoint = f"tailrace:checkpoint:{self.pipeline.name}.apply.redis:"
        row = f"{self.pipeline.name}:t:"
        with self.pipeline.redis.monitor() as monitor:
            self.ready.release()
            for told in monitor.listen():
                if self.ended.is_set():
                    return
                name, key, *fields = (told["command"].split(" ") + [""])[:40]
                if name != "HSET" or not key.startswith((checkpoint, row)):
                    continue
                fields = dict(zip(fields[::2], fields[1::2]))
                if key.startswith(row):
                    self.writes.append((int(key.removeprefix(row)), int(fields["n"])))
                elif "offset" in fields:
                    self.steps.append((key, int(fields["offset"])))


def owning(pipeline, applier):
    return {int(place["owner"].split(":")[-2]) for place in pipeline.places(applier).values()
            if place["owner"]}


def churn(pipeline, applier):
    """Processes of one applier come and go. Returns those that still run."""
    def start():
        return pipeline.start_applier(applier)

    def owned_by(*started):
        pids = {process.process.pid for process in started}
        wait.until(lambda: owning(pipeline, applier) == pids, f"{applier}: owners {pids}", patience_s=25,
                   pause_s=0.2)

    first = start()
    owned_by(first)
    second, third = start(), start()
    owned_by(first, second, third)
    first.process.send_signal(signal.SIGSTOP)
    time.sleep(ASLEEP_S)
    owned_by(second, third)
    first.process.send_signal(signal.SIGCONT)
    owned_by(first, second, third)
    stop(second)
    owned_by(first, third)
    third.kill()
    fourth = start()
    owned_by(first, fourth)
    return first, fourth


def test_processes_come_and_go_under_load(pipeline, database):
    pipeline.options["kafka"] |= {"session.timeout.ms": SESSION_S * 1000, "heartbeat.interval.ms": 500}
    publisher = pipeline.start_publisher()
    watches = [MongodbWatch(pipeline), RedisWatch(pipeline)]
    with Load(database, pause_s=0.01):
        wait.until(lambda: f"{pipeline.name}.{pipeline.name}.t" in pipeline.topics.names(), "the topic")
        with ThreadPoolExecutor(len(APPLIERS)) as pool:
            left = [process for pair in pool.map(lambda name: churn(pipeline, name), APPLIERS)
                    for process in pair]
    stop(publisher)
    pipeline.publish()
    wait.until(pipeline.is_equal, "both targets to be equal", pause_s=0.3)
    for process in left:
        process.check()
        stop(process)
    rows = dict(database.rows("SELECT id, n FROM t"))
    for watch in watches:
        watch.end()
        watch.assert_each_step_once(rows)
    assert_each_change_once(pipeline)
