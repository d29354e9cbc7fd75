# SPDX-License-Identifier: Apache-2.0
"""`offsets reset apply NAME --rebuild`: the target is filled anew beside and put in place, and is afterwards,
byte for byte, what a first run makes of Kafka, whatever was done to it."""

import json

import pymongo
import pytest

from tests.integration.background import Background
from tests.integration.pipeline import APPLIERS, PARTITIONS, stop
from tests.integration.test_guard import READ, documents, history, objects, small_batches
from tests.lib import stack

REFUSED = 77
each_applier = pytest.mark.parametrize("applier", APPLIERS)


def tombstones(pipeline, applier):
    """What is buried: key → guard."""
    if applier == "mongodb":
        return {str(found["_id"]): (found["p"], found["o"])
                for found in pipeline.mongodb.tailrace.tombstones.find({"_id.db": pipeline.name})}
    return {key: pipeline.redis.get(key) for key in pipeline.keys(f"tailrace:tombstone:{pipeline.name}:*")}


def checkpoints(pipeline, applier):
    """Of each partition, less what depends on the process and the time."""
    places = pipeline.places(applier)
    return {place: {name: item[name] for name in ("offset", "gtid", "file", "pos", "ts_us")}
            for place, item in places.items()}


def content(pipeline, applier):
    return READ[applier](pipeline, "t", "u"), tombstones(pipeline, applier), checkpoints(pipeline, applier)


def damage(pipeline, applier):
    """Rows changed, removed and added by hand, and guards and tombstones that protect what is wrong."""
    if applier == "mongodb":
        table = pipeline.documents("t")
        table.update_one({"_id": 1}, {"$set": {"n": -1, "_tailrace.o": 10**9}})
        table.delete_one({"_id": 2})
        table.insert_one({"_id": 777, "n": 1, "note": None})
        pipeline.mongodb.tailrace.tombstones.update_many({"_id.db": pipeline.name}, {"$set": {"o": 10**9}})
        pipeline.mongodb.tailrace.tombstones.insert_one(
            {"_id": {"db": pipeline.name, "table": "t", "key": 2}, "p": 0, "o": 10**9})
        pipeline.documents("u").drop()
    else:
        name = pipeline.name
        pipeline.redis.hset(f"{name}:t:1", mapping={"n": -1, "_tailrace": "0:1000000000"})
        pipeline.redis.delete(f"{name}:t:2", *pipeline.keys(f"{name}:u:*"))
        pipeline.redis.hset(f"{name}:t:777", mapping={"n": 1})
        pipeline.redis.set(f"{name}:t:4", "another type")
        pipeline.redis.set(f"tailrace:tombstone:{name}:t:2", "0:1000000000")


def rebuild(pipeline, applier, *arguments, code=0):
    return pipeline.offsets("reset", "apply", applier, "--rebuild", "--yes", *arguments, code=code)


def assert_nothing_beside(pipeline, applier):
    if applier == "mongodb":
        assert not [name for name in pipeline.mongodb[pipeline.name].list_collection_names() if "__" in name]
        tailrace = pipeline.mongodb.tailrace
        assert tailrace.tombstones__rebuild.count_documents({"_id.db": pipeline.name}) == 0
        assert tailrace.rebuilds.count_documents({"_id": f"{pipeline.name}.apply.mongodb"}) == 0
        assert tailrace.checkpoints.count_documents(
            {"_id.group": f"{pipeline.name}.apply.mongodb.rebuild"}) == 0
    else:
        assert [key for key in pipeline.keys(f"*{pipeline.name}*") if b"rebuild" in key] == []


class Reader(Background):
    """Reads the table again and again; keeps each content that is neither of the two that are right."""

    def __init__(self, pipeline, applier, rows):
        super().__init__()
        self.read = {"mongodb": lambda: self._documents(pipeline), "redis": lambda: objects(pipeline, "t")}[applier]
        self.rows, self.wrong, self.looks = rows, [], 0

    @staticmethod
    def _documents(pipeline):
        while True:
            try:
                return documents(pipeline, "t")
            except pymongo.errors.OperationFailure as error:  # the collection of its cursor was replaced
                if error.code != 175:
                    raise

    def work(self):
        while not self.ended.is_set():
            found = self.read()
            self.looks += 1
            if found != self.rows:
                self.wrong.append({key: value for key, value in found.items() if self.rows.get(key) != value})


@each_applier
def test_damaged(pipeline, database, applier):
    """With the index and the validator that somebody made; the guard could not have mended it."""
    small_batches(pipeline)
    history(database)
    pipeline.publish()
    pipeline.apply(applier)
    expected = content(pipeline, applier)
    if applier == "mongodb":
        table = pipeline.documents("t")
        pipeline.mongodb[pipeline.name].command("collMod", "t", validator={"note": {"$type": ["string", "null"]}})
        table.create_index("n", name="by_n")
        table.create_index([("id", 1), ("n", -1)], unique=True, name="twice")
        pipeline.mongodb[pipeline.name].command("create", "seen", viewOn="t", pipeline=[])
        before = table.index_information(), table.options()
    damage(pipeline, applier)
    assert content(pipeline, applier) != expected

    dry = rebuild(pipeline, applier, "--dry-run")
    assert f"{pipeline.name}.t: " in dry and "objects now" in dry and "nothing was changed" in dry
    said = rebuild(pipeline, applier)
    assert "objects rebuilt" in said and said.endswith("rebuilt\n")
    assert content(pipeline, applier) == expected
    assert_nothing_beside(pipeline, applier)
    if applier == "mongodb":
        assert (table.index_information(), table.options()) == before
        assert pipeline.mongodb[pipeline.name]["seen"].count_documents({}) == len(documents(pipeline, "t"))
    database.sql(f"GRANT SELECT ON *.* TO '{pipeline.name}'@'%'")
    pipeline.command("verify", "--target", applier)

    database.sql("UPDATE t SET n = n + 1", "DELETE FROM t WHERE id = 2", "INSERT INTO u VALUES ('new', 1, 1)")
    pipeline.publish()
    pipeline.apply(applier)
    pipeline.assert_equal(applier)


@each_applier
def test_readers_see_nothing_of_it(pipeline, database, applier):
    """While it is filled and put in place; one table only, without the guard, in the other format."""
    small_batches(pipeline, "json")
    pipeline.options["apply"]["guard"] = "off"
    history(database)
    pipeline.publish()
    pipeline.apply(applier)
    rows = READ[applier](pipeline, "t")
    others = READ[applier](pipeline, "u")
    reader = Reader(pipeline, applier, rows)
    with reader:
        rebuild(pipeline, applier, "--topic", "*.t")
    assert reader.looks > 3 and not reader.wrong, reader.wrong[:3]
    assert READ[applier](pipeline, "t") == rows and READ[applier](pipeline, "u") == others
    assert_nothing_beside(pipeline, applier)


def forget_records(pipeline, topic):
    """All that Kafka has of it, as its retention does."""
    path = pipeline.folder / "forget.json"
    path.write_text(json.dumps({"version": 1, "partitions": [
        {"topic": topic, "partition": number, "offset": -1} for number in range(PARTITIONS)]}))
    stack.call("kafka-tool", "org.apache.kafka.tools.DeleteRecordsCommand", "--bootstrap-server",
               pipeline.addresses["kafka"], "--offset-json-file", path)


@each_applier
def test_refusals(pipeline, database, applier):
    """While the applier runs; with parts of a topic; where Kafka has not all of it, until a copy is there."""
    pipeline.options["apply"]["on_refused"] = "dead-letter"
    database.sql("CREATE TABLE t (id INT PRIMARY KEY, n INT)", "INSERT INTO t VALUES (1, 1), (2, 2), (3, 3)")
    pipeline.publish()
    running = pipeline.start_applier(applier)
    running.wait_for("partitions assigned")
    assert "the applier runs" in rebuild(pipeline, applier, code=REFUSED)
    stop(running)
    topic = f"{pipeline.name}.{pipeline.name}.t"
    assert "whole topics" in rebuild(pipeline, applier, "--to", f"offset:{topic}:0:0", code=64)
    assert "stands by itself" in pipeline.offsets("reset", "apply", applier, "--rebuild", "--discard", code=64)
    assert "no unfinished rebuild" in pipeline.offsets("reset", "apply", applier, "--discard", "--yes")
    refused = rebuild(pipeline, applier, "--to", "latest", code=REFUSED)
    assert f"topic {topic} partition " in refused and f"tailrace snapshot {pipeline.name}.t" in refused

    if applier == "mongodb":
        forget_records(pipeline, topic)
        refused = rebuild(pipeline, applier, code=REFUSED)
        assert "older records were removed" in refused and "delete the topic" in refused
    database.sql(f"GRANT SELECT ON *.* TO '{pipeline.name}'@'%'", "UPDATE t SET n = n + 1")
    publisher = pipeline.start_publisher()
    publisher.wait_for("caught up")
    since = database.now()
    pipeline.command("snapshot", f"{pipeline.name}.t", "--wait")
    stop(publisher)
    database.sql("DELETE FROM t WHERE id = 2")
    pipeline.publish()
    rebuild(pipeline, applier, *(["--to", f"time:{since}"] if applier == "redis" else []))
    pipeline.assert_equal(applier)


@each_applier
def test_a_change_is_refused(pipeline, database, applier):
    """Then it stops, the target is as it was, and the same command goes on, or --discard gives it up."""
    pipeline.options["apply"]["on_refused"] = "dead-letter"
    pipeline.options["kafka"]["partitions"] = 1
    database.sql("CREATE TABLE t (id INT PRIMARY KEY, n INT)", "INSERT INTO t VALUES (1, 1), (2, 2), (3, 3)")
    pipeline.publish()
    if applier == "mongodb":
        pipeline.mongodb[pipeline.name].create_collection("t", validator={"n": {"$ne": 2}})
    pipeline.apply(applier)
    if applier == "redis":
        database.sql("ALTER TABLE t ADD _tailrace INT", "UPDATE t SET n = 7")
        pipeline.publish()
    before = READ[applier](pipeline, "t")
    assert len(before) == (2 if applier == "mongodb" else 3)
    refused = rebuild(pipeline, applier, code=REFUSED)
    assert "Document failed validation" in refused if applier == "mongodb" else "_tailrace" in refused
    assert READ[applier](pipeline, "t") == before
    pipeline.offsets("reset", "apply", applier, "--discard", "--yes")
    assert_nothing_beside(pipeline, applier)
    if applier == "mongodb":
        rebuild(pipeline, applier, code=REFUSED)
        assert "one is not finished" in pipeline.command("check")
        pipeline.mongodb[pipeline.name].command("collMod", "t", validator={})
        assert "goes on with what is filled" in rebuild(pipeline, applier, "--dry-run")
        rebuild(pipeline, applier)
        pipeline.assert_equal(applier)
        assert "0 open" in pipeline.command("dead-letters", "list", "--target", applier)
