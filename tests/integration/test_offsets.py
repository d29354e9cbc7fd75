# SPDX-License-Identifier: Apache-2.0
"""`tailrace offsets`: what it shows, and every form of reset, by what happens afterwards."""

import os
import signal
import time

import pytest

from tests.integration import wait
from tests.integration.background import Background
from tests.integration.pipeline import APPLIERS, stop
from tests.integration.test_positions import each_source, published, table_with_rows
from tests.lib import stack

PUBLISHER_FORMS = {"earliest": [1, 2, 3, 4, 5, 6], "latest": [], "gtid": [4, 5, 6],
                   "position": [4, 5, 6], "time": [4, 5, 6]}
APPLIER_FORMS = {"earliest": [1, 2, 3, 4, 5, 6], "latest": [], "offset": [4, 5, 6],
                 "offset of a partition": [4, 5, 6], "time": [4, 5, 6], "gtid": [4, 5, 6]}


# --- show --------------------------------------------------------------------------------------------


def test_show(pipeline, database):
    """Lag as it is: what is not published and not applied yet, then nothing. (Kafka's marks of
    transactions have offsets too, so two records are three.)"""
    pipeline.options["kafka"]["partitions"] = 1
    assert pipeline.shown()[0]["checkpoint"] is None
    table_with_rows(database, 1, 2)
    pipeline.publish()
    assert pipeline.shown()[0]["lag"] == {"transactions": 0, "bytes": 0, "seconds": 0}
    assert pipeline.places("redis")["t", 0]["lag_records"] == 3
    assert pipeline.places("redis")["t", 0]["offset"] is None

    pipeline.apply()
    database.sql("INSERT INTO t VALUES (3)", "INSERT INTO t VALUES (4)")
    publisher = pipeline.shown()[0]
    assert publisher["name"] == pipeline.name
    assert publisher["lag"]["transactions"] == 2 and publisher["lag"]["bytes"] > 0
    assert publisher["source"]["gtid"] == database.executed()
    assert f"{publisher['source']['file']}:{publisher['source']['pos']}" == database.position()
    for applier in APPLIERS:
        place = pipeline.places(applier)["t", 0]
        assert place["lag_records"] == 0 and place["offset"] > 1
        assert database.value(f"SELECT GTID_SUBSET('{place['gtid']}', '{database.executed()}')")

    text = pipeline.offsets("show")
    assert f"publisher {pipeline.name}: stopped" in text and "2 transactions" in text
    for applier in APPLIERS:
        assert f"applier {applier}: group {pipeline.name}.apply.{applier}" in text


# --- reset publisher ---------------------------------------------------------------------------------


@each_source
@pytest.mark.parametrize("form", PUBLISHER_FORMS)
def test_reset_publisher(pipeline, database, form):
    table_with_rows(database, 1, 3)
    to = {"earliest": "earliest", "latest": "latest", "gtid": f"gtid:{database.executed()}",
          "position": database.position()}
    if form == "time":
        time.sleep(1.1)
        to["time"] = f"time:{database.now()[:19]}Z"
    table_with_rows(database, 4, 6)
    pipeline.converge()

    before = pipeline.topics.read("checkpoint")
    plan = pipeline.offsets("reset", "publisher", "--to", to[form], "--dry-run")
    assert "nothing was changed" in plan and " from " in plan and " to " in plan
    pipeline.offsets("reset", "publisher", "--to", to[form], code=64)  # nobody to ask
    assert pipeline.topics.read("checkpoint") == before

    assert "set" in pipeline.offsets("reset", "publisher", "--to", to[form], "--yes")
    table_with_rows(database, 7, 7)
    pipeline.converge()
    assert published(pipeline) == sorted([1, 2, 3, 4, 5, 6, *PUBLISHER_FORMS[form], 7])


def test_reset_before_the_first_start(pipeline, database):
    table_with_rows(database, 1, 3)
    pipeline.offsets("reset", "publisher", "--to", f"gtid:{database.executed()}", "--yes")
    table_with_rows(database, 4, 4)
    pipeline.publish()
    assert published(pipeline) == [4]


def test_reset_publisher_refused_while_it_runs(pipeline, database):
    table_with_rows(database, 1, 1)
    publisher = pipeline.start_publisher()
    wait.until(pipeline.checkpoint, "the first checkpoint")
    refusal = pipeline.offsets("reset", "publisher", "--to", "earliest", "--yes", code=77)
    assert f":{publisher.process.pid}" in refusal and "stop it first" in refusal
    stop(publisher)
    pipeline.offsets("reset", "publisher", "--to", "earliest", "--yes")


@pytest.mark.parametrize("to", ["soon", "gtid:nonsense", "binlog.999999:4", "time:yesterday"])
def test_reset_publisher_to_nowhere(pipeline, database, to):
    table_with_rows(database, 1, 1)
    pipeline.publish()
    before = pipeline.topics.read("checkpoint")
    code = 77 if to.startswith("binlog") else 64
    refusal = pipeline.offsets("reset", "publisher", "--to", to, "--yes", code=code)
    assert to.split(":")[-1].split(".")[-1] in refusal or to in refusal
    assert pipeline.topics.read("checkpoint") == before


# --- reset apply -------------------------------------------------------------------------------------


def empty_targets(pipeline):
    pipeline.documents("t").delete_many({})
    pipeline.documents("u").delete_many({})
    for key in pipeline.keys(f"{pipeline.name}:*"):
        pipeline.redis.delete(key)


def ids(pipeline, applier, table):
    """The keys that the target has for a table."""
    if applier == "mongodb":
        return sorted(found["_id"] for found in pipeline.documents(table).find())
    return sorted(int(key.rsplit(b":", 1)[1]) for key in pipeline.keys(f"{pipeline.name}:{table}:*"))


@pytest.fixture
def halves(pipeline, database):
    """Tables t and u with the rows 1 to 6, of which 1 to 3 were published before the rest; emptied
    targets; what each form of reset has to be given so that it goes on at row 4 of table t."""
    pipeline.options["kafka"]["partitions"] = 1
    table_with_rows(database, 1, 3)
    database.sql("CREATE TABLE u (id INT PRIMARY KEY)", "INSERT INTO u VALUES (1), (2), (3)")
    pipeline.publish()
    executed = database.executed()
    time.sleep(0.01)
    now = time.time()
    table_with_rows(database, 4, 6)
    database.sql("INSERT INTO u VALUES (4), (5), (6)")
    pipeline.converge()
    fourth = pipeline.topics.table("t")[3]
    assert fourth.keys() == {"id": 4}
    empty_targets(pipeline)
    stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now)) + f".{int(now * 1000) % 1000:03}Z"
    return {"earliest": "earliest", "latest": "latest", "offset": f"offset:{fourth.offset}",
            "offset of a partition": f"offset:{fourth.topic}:0:{fourth.offset}",
            "time": f"time:{stamp}", "gtid": f"gtid:{executed}"}


@pytest.mark.parametrize("form", APPLIER_FORMS)
def test_reset_applier(pipeline, database, halves, form):
    for applier in APPLIERS:
        reset = ["reset", "apply", applier, "--to", halves[form]]
        before = pipeline.places(applier)
        assert "nothing was changed" in pipeline.offsets(*reset, "--dry-run")
        pipeline.offsets(*reset, code=64)
        assert pipeline.places(applier) == before
        pipeline.offsets(*reset, "--yes")
    table_with_rows(database, 7, 7)
    pipeline.publish()
    pipeline.apply()
    for applier in APPLIERS:
        assert ids(pipeline, applier, "t") == [*APPLIER_FORMS[form], 7]
        expected = [] if form == "offset of a partition" else APPLIER_FORMS[form]
        assert ids(pipeline, applier, "u") == expected
        pipeline.offsets("reset", "apply", applier, "--to", "earliest", "--yes")
    pipeline.apply()
    pipeline.assert_equal()


def test_reset_applier_of_some_topics(pipeline, halves):
    for applier in APPLIERS:
        pipeline.offsets("reset", "apply", applier, "--to", "earliest", "--topic", "*.u", "--yes")
    pipeline.apply()
    for applier in APPLIERS:
        assert ids(pipeline, applier, "t") == []
        assert ids(pipeline, applier, "u") == [1, 2, 3, 4, 5, 6]


def test_reset_applier_refused_while_it_runs(pipeline, database):
    table_with_rows(database, 1, 1)
    pipeline.publish()
    for applier in APPLIERS:
        started = pipeline.start_applier(applier)
        wait.until(lambda name=applier: ids(pipeline, name, "t"), "the first row")
        refusal = pipeline.offsets("reset", "apply", applier, "--to", "earliest", "--yes", code=77)
        assert f"{pipeline.name}.apply.{applier}" in refusal
        stop(started)
        pipeline.offsets("reset", "apply", applier, "--to", "earliest", "--yes")


class SlowBrokers(Background):
    """The stack's brokers, of which all run for a moment only, again and again."""

    def __init__(self):
        super().__init__()
        self.pids = [stack.pid(name) for name in ("kafka-a", "kafka-b")]

    def _signal(self, number):
        for pid in self.pids:
            os.kill(pid, number)

    def work(self):
        while not self.ended.wait(0.1):
            self._signal(signal.SIGSTOP)
            self.ended.wait(1.2)
            self._signal(signal.SIGCONT)


@pytest.mark.own("kafka")
def test_reset_applier_that_ended_while_brokers_are_slow(pipeline, database):
    """It waits for their answer: without it its member would count for its session timeout."""
    table_with_rows(database, 1, 6)
    pipeline.publish()
    for _ in range(3):
        with SlowBrokers():
            pipeline.apply()
        for applier in APPLIERS:
            pipeline.offsets("reset", "apply", applier, "--to", "earliest", "--yes")


@pytest.mark.parametrize("arguments", [["--to", "soon"], ["--to", "offset:-1"], ["--to", "offset:999"],
                                       ["--to", "offset:nothing:0:1"], ["--to", "gtid:x"],
                                       ["--to", "earliest", "--topic", "nothing"], []],
                         ids=" ".join)
def test_reset_applier_to_nowhere(pipeline, database, arguments):
    table_with_rows(database, 1, 1)
    pipeline.publish()
    pipeline.offsets("reset", "apply", "redis", *arguments, "--yes", code=64)
