# SPDX-License-Identifier: Apache-2.0
"""Changes that a target refuses: stop, or dead letters; what list, show and replay make of them.

What is refused on purpose: MongoDB gets a validator that takes no row with the text "bad" (the server
refuses it), or a JSON key with a NUL byte (we do); Redis gets an update of some columns where its key
holds a string. `mend` takes the validator away."""

import json

import pytest
from confluent_kafka import Producer

from tests.integration import private, wait
from tests.integration.pipeline import APPLIERS, expect
from tests.lib import servers

REFUSED = 77
NUL_KEY = '{"a\\\\u0000b": 1}'


@pytest.fixture
def letters(pipeline, database):
    """The pipeline with table t, refused changes kept aside, and one partition: one batch."""
    pipeline.options["apply"].update({"on_refused": "dead-letter", "batch_records": 5000,
                                      "batch_time": "200ms"})
    pipeline.options["kafka"]["partitions"] = 1
    database.sql("CREATE TABLE t (id INT PRIMARY KEY, note VARCHAR(20), n INT, doc JSON)")
    pipeline.mongodb[pipeline.name].create_collection("t", validator={"note": {"$ne": "bad"}})
    return pipeline


def mend(pipeline):
    pipeline.mongodb[pipeline.name].command("collMod", "t", validator={})


def apply_all(pipeline, target="mongodb"):
    """Publishes and applies; returns the applier's log."""
    pipeline.publish()
    return expect(pipeline.start_applier(target, "--until-caught-up"), 0).log()


def listed(pipeline, target="mongodb", state=None):
    """`dead-letters list --json` of one target."""
    lines = pipeline.command("dead-letters", "list", "--json", "--target", target).splitlines()
    found = [json.loads(line) for line in lines]
    return [item for item in found if state in (None, item["state"])]


def ids(found):
    return [item["key"]["id"] for item in found]


def replay(pipeline, *names, target="mongodb", code=0):
    return pipeline.command("dead-letters", "replay", *(names or ["--all"]), "--target", target,
                            "--yes", code=code)


def in_topic(pipeline, target="mongodb"):
    """The records of the topic of dead letters."""
    return pipeline.topics.read(f"apply.{target}.dead-letters")


def minimal(database):
    """A connection whose updates carry the changed columns only."""
    connection = database.connect()
    with connection.cursor() as cursor:
        cursor.execute("SET SESSION binlog_row_image = MINIMAL")
    return connection


def execute(connection, *statements):
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


# --- what becomes a letter ---------------------------------------------------------------------------


def test_two_among_a_thousand(letters, database):
    """In the middle of a batch. All else is applied, a letter is the record byte for byte, and what
    replays and later changes make of them."""
    pipeline = letters
    rows = ", ".join(f"({n}, '{'bad' if n == 500 else 'good'}', {n}, "
                     f"'{NUL_KEY if n == 700 else '{}'}')" for n in range(1000))
    database.sql(f"INSERT INTO t VALUES {rows}")
    log = apply_all(pipeline)
    assert log.count("is a dead letter") == 2 and "dead_letters=2" in log
    stored = {found["_id"] for found in pipeline.documents("t").find()}
    assert stored == set(range(1000)) - {500, 700}

    found = listed(pipeline, state="open")
    assert sorted(ids(found)) == [500, 700]
    records = {record.offset: record for record in pipeline.topics.table("t")}
    for letter, kept in zip(found, sorted(in_topic(pipeline), key=lambda r: r.headers["tailrace.offset"])):
        record = records[letter["offset"]]
        assert letter["letter"] == f"{record.topic}:0:{record.offset}" == kept.key.decode()
        assert letter["table"] == f"{pipeline.name}.t" and letter["gtid"] == record.change()["source"]["gtid"]
        assert kept.value == record.value and kept.headers["tailrace.key"].encode() == record.key
        assert record.headers.items() <= kept.headers.items()
        assert {name for name in kept.headers if name not in record.headers} == {
            "tailrace." + name for name in ("key", "topic", "partition", "offset", "gtid", "reason", "at")}
        shown = json.loads(pipeline.command("dead-letters", "show", letter["letter"], "--target", "mongodb"))
        assert shown["value"] == record.change() and shown["headers"] == record.headers
    assert "validation" in found[0]["reason"] and "NUL" in found[1]["reason"]
    assert pipeline.topics.setting("apply.mongodb.dead-letters", "cleanup.policy") == "compact"

    apply_all(pipeline)  # the checkpoint has passed them
    assert len(in_topic(pipeline)) == 2
    mend(pipeline)
    assert "would be applied" in pipeline.command("dead-letters", "replay", "--all", "--dry-run")
    assert pipeline.documents("t").count_documents({}) == 998
    assert "1 of 2 letters stay" in replay(pipeline, code=REFUSED)
    assert [item["state"] for item in listed(pipeline)] == ["replayed", "open"]
    assert pipeline.documents("t").find_one(500)["note"] == "bad"
    assert "replayed" in replay(pipeline, found[0]["letter"])  # once is enough
    database.sql("UPDATE t SET doc = '[]' WHERE id = 700")
    apply_all(pipeline)
    assert [item["state"] for item in listed(pipeline)] == ["replayed", "superseded"]
    pipeline.assert_equal("mongodb")


def test_several_of_one_key(letters, database):
    """In one batch: what is refused is the one change, not the row's others."""
    pipeline = letters
    database.sql("INSERT INTO t VALUES (1, 'bad', 1, NULL)", "UPDATE t SET note = 'good' WHERE id = 1",
                 "INSERT INTO t VALUES (2, 'good', 1, NULL)", "UPDATE t SET note = 'bad' WHERE id = 2",
                 "INSERT INTO t VALUES (3, 'bad', 1, NULL)", "UPDATE t SET n = 2 WHERE id = 3",
                 "INSERT INTO t VALUES (4, 'bad', 1, NULL)", "DELETE FROM t WHERE id = 4",
                 "INSERT INTO t VALUES (5, 'good', 1, NULL)")
    apply_all(pipeline)
    found = {document["_id"]: document["note"] for document in pipeline.documents("t").find()}
    assert found == {1: "good", 2: "good", 5: "good"}
    assert ids(listed(pipeline)) == [2, 3, 3]
    mend(pipeline)
    replay(pipeline)
    pipeline.assert_equal("mongodb")


def test_partial_images(letters, database):
    """Of a row whose last change is a letter, an update of some columns is one too: in the same batch, in
    the next run, and with on_refused = stop it stops. Replayed in their order they make the row."""
    pipeline = letters
    database.sql("INSERT INTO t VALUES (1, 'good', 1, NULL), (2, 'good', 1, NULL)")
    apply_all(pipeline)
    connection = minimal(database)
    execute(connection, "UPDATE t SET note = 'bad' WHERE id = 1", "UPDATE t SET n = 2 WHERE id = 1",
            "UPDATE t SET n = 7 WHERE id = 2")
    apply_all(pipeline)
    assert ids(listed(pipeline)) == [1, 1]
    execute(connection, "UPDATE t SET doc = '[1]' WHERE id = 1", "UPDATE t SET n = 8 WHERE id = 2")
    apply_all(pipeline)
    assert ids(listed(pipeline)) == [1, 1, 1]
    assert pipeline.documents("t").find_one(1, {"_tailrace": 0}) == {"_id": 1, "id": 1, "note": "good", "n": 1, "doc": None}
    assert pipeline.documents("t").find_one(2)["n"] == 8

    mend(pipeline)
    last = listed(pipeline)[2]["letter"]
    assert "replay" in replay(pipeline, last, code=REFUSED) and "first" in replay(pipeline, last, code=REFUSED)
    pipeline.options["apply"]["on_refused"] = "stop"
    execute(connection, "UPDATE t SET n = 3 WHERE id = 1")
    pipeline.publish()
    stopped = expect(pipeline.start_applier("mongodb", "--until-caught-up"), REFUSED)
    assert listed(pipeline)[0]["letter"] in stopped.log()
    replay(pipeline)
    apply_all(pipeline)
    pipeline.assert_equal("mongodb")
    connection.close()


def test_too_large(letters, database):
    """A document of more than 16 MiB: as a whole, which we see, and by an update of one column, which the
    server sees. (A number takes more in BSON than in JSON, which Kafka holds.)"""
    pipeline = letters
    pipeline.options["kafka"]["message.max.bytes"] = 9000000
    database.sql("ALTER TABLE t ADD COLUMN more JSON")
    half = "[" + "1," * 730000 + "1]"
    with database.admin.cursor() as cursor:
        cursor.execute("INSERT INTO t (id, doc) VALUES (1, %s), (3, '[3]')", (half,))
    apply_all(pipeline)
    connection = minimal(database)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE t SET more = %s WHERE id = 1", (half,))
    connection.close()
    with database.admin.cursor() as cursor:
        cursor.execute("INSERT INTO t (id, doc, more) VALUES (2, %s, %s)", (half, half))
        cursor.execute("UPDATE t SET note = 'x' WHERE id = 3")
    apply_all(pipeline)
    found = listed(pipeline)
    assert ids(found) == [1, 2], found
    assert "MiB" in found[1]["reason"] or "16777216" in found[1]["reason"]
    assert pipeline.documents("t").find_one(3)["note"] == "x"


def test_column_of_a_table(letters, database):
    """A column that MongoDB has no name for: all changes of that table, and of no other."""
    pipeline = letters
    database.sql("CREATE TABLE u (id INT PRIMARY KEY, `a.b` INT)", "INSERT INTO u VALUES (1, 1), (2, 2)",
                 "INSERT INTO t VALUES (1, 'good', 1, NULL)")
    apply_all(pipeline)
    assert [item["table"] for item in listed(pipeline)] == [f"{pipeline.name}.u"] * 2
    pipeline.assert_equal("mongodb", tables="t")
    database.sql("ALTER TABLE u RENAME COLUMN `a.b` TO b", "UPDATE u SET b = b + 1")
    apply_all(pipeline)
    assert listed(pipeline, state="open") == []
    pipeline.assert_equal("mongodb")


def test_redis(letters, database):
    """An update of some columns where Redis has something else at the key."""
    pipeline = letters
    database.sql("INSERT INTO t VALUES " + ", ".join(f"({n}, 'good', 1, NULL)" for n in range(100)))
    apply_all(pipeline, "redis")
    key = f"{pipeline.name}:t:50"
    pipeline.redis.rename(key, f"{pipeline.name}:aside")
    pipeline.redis.set(key, "something else")
    connection = minimal(database)
    execute(connection, "UPDATE t SET n = 2")
    connection.close()
    apply_all(pipeline, "redis")
    assert ids(listed(pipeline, "redis")) == [50]
    assert pipeline.redis.get(key) == b"something else" and pipeline.hash("t", 51)["n"] == "2"
    assert "still refused" in replay(pipeline, target="redis", code=REFUSED)
    pipeline.redis.rename(f"{pipeline.name}:aside", key)
    replay(pipeline, target="redis")
    pipeline.assert_equal("redis")


def test_redis_json(letters, database):
    """A JSON string takes no update of some columns: many letters in one batch, void by whole rows."""
    pipeline = letters
    pipeline.options["redis"]["format"] = "json"
    database.sql("INSERT INTO t VALUES " + ", ".join(f"({n}, 'good', 1, NULL)" for n in range(60)))
    apply_all(pipeline, "redis")
    connection = minimal(database)
    execute(connection, "UPDATE t SET n = 2 WHERE id < 30", "UPDATE t SET n = 3 WHERE id < 10")
    connection.close()
    apply_all(pipeline, "redis")
    assert sorted(ids(listed(pipeline, "redis"))) == sorted([*range(30), *range(10)])
    assert json.loads(pipeline.redis.get(f"{pipeline.name}:t:5"))["n"] == 1
    database.sql("UPDATE t SET n = 4")
    apply_all(pipeline, "redis")
    assert {item["state"] for item in listed(pipeline, "redis")} == {"superseded"}
    assert json.loads(pipeline.redis.get(f"{pipeline.name}:t:5"))["n"] == 4


def test_too_large_for_redis(letters, database, folder):
    """A value beyond what the server takes, which would close the connection for it."""
    pipeline = letters
    pipeline.options["kafka"]["message.max.bytes"] = 9000000
    database.sql("ALTER TABLE t ADD COLUMN more LONGTEXT",
                 "INSERT INTO t (id, more) VALUES (1, 'x'), (2, REPEAT('x', 1100000)), (3, 'x')")
    with private.redis(folder, "--proto-max-bulk-len", "1048576") as port:
        pipeline.options["redis"] = {"port": port}
        apply_all(pipeline, "redis")
        found = servers.redis(f"redis://127.0.0.1:{port}")
        assert sorted(found.keys(f"{pipeline.name}:*")) == [f"{pipeline.name}:t:{n}".encode() for n in (1, 3)]
        assert "proto-max-bulk-len" in replay(pipeline, target="redis", code=REFUSED)
        found.config_set("proto-max-bulk-len", 2000000)
        replay(pipeline, target="redis")
        assert found.hget(f"{pipeline.name}:t:2", "more") == b"x" * 1100000


# --- what does not -----------------------------------------------------------------------------------


def test_stop(letters, database):
    """By default; and when there are too many."""
    pipeline = letters
    del pipeline.options["apply"]["on_refused"]
    database.sql("INSERT INTO t VALUES (1, 'good', 1, NULL), (2, 'bad', 1, NULL), (3, 'bad', 1, NULL)")
    pipeline.publish()
    log = expect(pipeline.start_applier("mongodb", "--until-caught-up"), REFUSED).log()
    assert f"topic {pipeline.name}.{pipeline.name}.t partition 0 offset" in log and '{"id":' in log
    assert pipeline.documents("t").count_documents({}) == 0
    assert not [name for name in pipeline.topics.names() if "dead-letters" in name]

    pipeline.options["apply"].update({"on_refused": "dead-letter", "dead_letters_max": 1})
    log = expect(pipeline.start_applier("mongodb", "--until-caught-up"), REFUSED).log()
    assert "dead_letters_max" in log and len(listed(pipeline, state="open")) == 1
    assert pipeline.documents("t").count_documents({}) == 0


def test_missing_right_is_no_letter(letters, database, folder):
    """What would refuse every change is a fault of the account, not of a change."""
    pipeline = letters
    with private.redis(folder, "--user", "tailrace", "on", ">secret", "~tailrace:*", "+@all",
                       password="x") as port:
        pipeline.options["redis"] = {"port": port, "user": "tailrace"}
        database.sql("INSERT INTO t VALUES (1, 'good', 1, NULL)")
        pipeline.publish()
        started = pipeline.start_applier("redis", "--until-caught-up",
                                         environment={"TAILRACE_REDIS_PASSWORD": "secret"})
        assert "NOPERM" in expect(started, REFUSED).log()
        administrator = servers.redis(f"redis://:x@127.0.0.1:{port}")
        assert administrator.keys(f"{pipeline.name}:*") == []
    assert not [name for name in pipeline.topics.names() if "dead-letters" in name]


# --- replays, kills, several processes ---------------------------------------------------------------


def test_replay_walks_nothing_back(letters, database):
    """Letters that are open although a later change, or a deletion, of their key was applied since."""
    pipeline = letters
    database.sql("INSERT INTO t VALUES (1, 'bad', 1, NULL), (2, 'bad', 1, NULL), (3, 'bad', 1, NULL)")
    apply_all(pipeline)
    kept = in_topic(pipeline)
    database.sql("UPDATE t SET note = 'good', n = 2 WHERE id = 1", "DELETE FROM t WHERE id = 2")
    apply_all(pipeline)
    assert sorted(item["state"] for item in listed(pipeline)) == ["open", "superseded", "superseded"]
    producer = Producer({"bootstrap.servers": pipeline.addresses["kafka"]})
    for letter in kept:
        producer.produce(letter.topic, letter.value, letter.key, headers=list(letter.headers.items()))
    assert producer.flush(10) == 0
    mend(pipeline)
    assert ids(listed(pipeline, state="open")) == [1, 2, 3]
    done = replay(pipeline)
    assert done.count("void, as") == 2 and done.count(": applied") == 1
    assert [item["state"] for item in listed(pipeline)] == ["superseded", "superseded", "replayed"]
    pipeline.assert_equal("mongodb")


def test_truncation(letters, database):
    """It makes the letters before it void, and a replay brings none of them back."""
    pipeline = letters
    database.sql("INSERT INTO t VALUES (1, 'bad', 1, NULL), (2, 'good', 1, NULL)")
    apply_all(pipeline)
    letter, = in_topic(pipeline)
    database.sql("TRUNCATE TABLE t", "INSERT INTO t VALUES (3, 'good', 1, NULL)")
    apply_all(pipeline)
    assert [item["state"] for item in listed(pipeline)] == ["superseded"]
    producer = Producer({"bootstrap.servers": pipeline.addresses["kafka"]})
    producer.produce(letter.topic, letter.value, letter.key, headers=list(letter.headers.items()))
    assert producer.flush(10) == 0
    mend(pipeline)
    assert ids(listed(pipeline, state="open")) == [1]
    assert "void, as" in replay(pipeline)
    pipeline.assert_equal("mongodb")


def test_killed_between_letter_and_commit(letters, database):
    """The letter is there twice in Kafka, and is one."""
    pipeline = letters
    database.sql("INSERT INTO t VALUES (1, 'good', 1, NULL)")
    apply_all(pipeline)
    with pipeline.mongodb.start_session() as session:
        session.start_transaction()
        pipeline.documents("t").update_one({"_id": 1}, {"$set": {"n": 0}}, session=session)
        database.sql(f"INSERT INTO t VALUES (2, '', 1, '{NUL_KEY}')", "UPDATE t SET n = 2 WHERE id = 1")
        pipeline.publish()
        for n in (1, 2):  # the batch cannot be written as long as the other has its document
            applier = pipeline.start_applier("mongodb")
            topic = f"{pipeline.name}.apply.mongodb.dead-letters"
            wait.until(lambda: topic in pipeline.topics.names() and len(in_topic(pipeline)) >= n,
                       "the letter")
            applier.kill()
        session.abort_transaction()
    apply_all(pipeline)
    assert len(in_topic(pipeline)) == 3 and ids(listed(pipeline, state="open")) == [2]
    database.sql("UPDATE t SET doc = NULL")
    apply_all(pipeline)
    assert listed(pipeline, state="open") == []
    pipeline.assert_equal("mongodb")


def test_two_processes_and_replays_under_load(letters, database):
    """Two appliers share the partitions, one is killed; letters are replayed while they run."""
    pipeline = letters
    pipeline.options["kafka"]["partitions"] = 4
    pipeline.options["apply"]["batch_records"] = 50
    publisher = pipeline.start_publisher()
    first, second = (pipeline.start_applier("mongodb") for _ in range(2))
    for n in range(0, 600, 20):
        database.sql("INSERT INTO t VALUES " + ", ".join(
            f"({n + k}, '{'bad' if k % 10 == 3 else 'good'}', 1, NULL)" for k in range(20)))
        database.sql(f"UPDATE t SET n = n + 1 WHERE id >= {n} - 40 AND id % 3 = 0")
        if n == 300:
            first.kill()
    bad = {n for n in range(600) if n % 10 == 3}
    wait.until(lambda: pipeline.documents("t").count_documents({}) == 600 - len(bad), "the good rows")
    second.check()
    mend(pipeline)
    wait.until(lambda: {n for n in ids(listed(pipeline, state="open"))} == bad, "the letters")
    database.sql("UPDATE t SET n = n + 1 WHERE id % 20 = 3")
    replay(pipeline)
    wait.until(lambda: pipeline.is_equal("mongodb"), "MongoDB to be equal")
    second.check()
    publisher.check()
    assert listed(pipeline, state="open") == []
