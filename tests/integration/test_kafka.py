# SPDX-License-Identifier: Apache-2.0
"""What lies in Kafka: keys, partitions, headers, tombstones, order, and which tables get there at all."""

import json
import re
import subprocess

import pytest

from tests.integration import wait
from tests.integration.pipeline import PARTITIONS, stop
from tests.integration.topics import by_key, crc32c, murmur2_partition
from tests.lib import servers, stack

# Key bytes and their murmur2, from the test of the Java client (UtilsTest.testMurmur2).
JAVA_MURMUR2 = [(b"21", -973932308), (b"foobar", -790332482), (b"a-little-bit-long-string", -985981536),
                (b"a-little-bit-longer-string", -1486304829), (b"abc", 479470107),
                (b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971)]


def test_our_expectations():
    """The functions that the other tests compare with, against published vectors."""
    for key, hashed in JAVA_MURMUR2:
        assert murmur2_partition(key, 97) == (hashed & 0x7FFFFFFF) % 97
    assert crc32c(b"123456789") == 0xE3069283
    assert crc32c(bytes(32)) == 0x8A9136AA  # RFC 3720, B.4


def assert_records_are_whole(records):
    """What holds for every record of a table's topic."""
    for record in records:
        assert record.partition == murmur2_partition(record.key, PARTITIONS)
        assert int(record.headers["crc32c"], 16) == crc32c(record.key + (record.value or b""))
        if record.value is None:
            continue
        change, columns = record.change(), json.loads(record.headers["columns"])
        for image in (change["before"], change["after"]):
            assert image is None or list(image) == list(columns)
        assert set(record.keys().items()) <= set(record.row().items())


def test_records(pipeline, database):
    """Every member of every record, after an insert, an update and a delete."""
    database.sql("CREATE TABLE person (b INT, a INT, name VARCHAR(20), PRIMARY KEY (a, b))")
    file, pos = database.position().split(":")
    database.sql("INSERT INTO person VALUES (2, 1, 'Huế'), (3, 1, NULL)",
                 "UPDATE person SET name = 'x' WHERE b = 2", "DELETE FROM person WHERE b = 3")
    gtids = database.value(f"SELECT GTID_SUBTRACT(@@gtid_executed, '{database.start}')")
    uuid, numbers = gtids.split(":")
    last = int(numbers.split("-")[-1])
    pipeline.publish()

    records = pipeline.topics.table("person")
    assert_records_are_whole(records)
    found = {key: [record.value and record.change() for record in of_key]
             for key, of_key in by_key(records).items()}
    assert set(found) == {b'{"a":1,"b":2}', b'{"a":1,"b":3}'}
    (c2, u2), (c3, d3, tombstone) = found[b'{"a":1,"b":2}'], found[b'{"a":1,"b":3}']
    assert tombstone is None
    assert [change["op"] for change in (c2, u2, c3, d3)] == ["c", "u", "c", "d"]
    assert (c2["before"], c2["after"]) == (None, {"b": 2, "a": 1, "name": "Huế"})
    assert (u2["before"], u2["after"]) == (c2["after"], {"b": 2, "a": 1, "name": "x"})
    assert (d3["before"], d3["after"]) == ({"b": 3, "a": 1, "name": None}, None)
    for change, number, order, row in ((c2, 2, 1, 0), (c3, 2, 2, 1), (u2, 1, 1, 0), (d3, 0, 1, 0)):
        gtid, source = f"{uuid}:{last - number}", change["source"]
        assert change["transaction"] == {"id": gtid, "total_order": order}
        assert (source["gtid"], source["file"], source["row"]) == (gtid, file, row)
        assert source["pos"] > int(pos)
        assert (source["connector"], source["name"]) == ("mysql", pipeline.name)
        assert (source["db"], source["table"], source["snapshot"]) == (pipeline.name, "person", "false")
        assert source["server_id"] == database.value("SELECT @@server_id")
        assert source["thread"] == database.admin.thread_id()
        assert abs(source["ts_us"] / 1e6 - change["ts_ms"] / 1e3) < 60
        assert source["ts_ms"] == source["ts_us"] // 1000


def test_without_tombstones(pipeline, database):
    pipeline.options["publish"]["tombstones"] = "false"
    database.sql("CREATE TABLE t (id INT PRIMARY KEY)", "INSERT INTO t VALUES (1), (2)",
                 "DELETE FROM t", "INSERT INTO t VALUES (2)")
    pipeline.converge()
    records = pipeline.topics.table("t")
    assert [r.change()["op"] for r in by_key(records)[b'{"id":1}']] == ["c", "d"]
    assert [r.change()["op"] for r in by_key(records)[b'{"id":2}']] == ["c", "d", "c"]


def test_key_change(pipeline, database):
    database.sql("CREATE TABLE t (a INT, b VARCHAR(9), n INT, PRIMARY KEY (a, b))",
                 "INSERT INTO t VALUES (1, 'x', 7)", "UPDATE t SET b = 'y', n = 8")
    pipeline.converge()
    records = pipeline.topics.table("t")
    assert_records_are_whole(records)
    old, new = b'{"a":1,"b":"x"}', b'{"a":1,"b":"y"}'
    created, deleted, tombstone = by_key(records)[old]
    moved, = by_key(records)[new]
    assert "__debezium.newkey" not in created.headers
    assert (deleted.change()["op"], deleted.headers["__debezium.newkey"]) == ("d", new.decode())
    assert deleted.change()["before"] == {"a": 1, "b": "x", "n": 7}
    assert tombstone.value is None
    assert (moved.change()["op"], moved.headers["__debezium.oldkey"]) == ("c", old.decode())
    assert moved.change()["after"] == {"a": 1, "b": "y", "n": 8}


def test_topics_are_created_as_configured(pipeline, database):
    pipeline.options["kafka"] |= {"partitions": 6, "replication": 2}
    database.sql("CREATE TABLE t (id INT PRIMARY KEY)", "INSERT INTO t VALUES (1)")
    pipeline.publish()
    found = pipeline.topics.metadata()
    shapes = {name.split(".")[-1]: [len(part.replicas) for part in data.partitions.values()]
              for name, data in found.items()}
    assert shapes["t"] == [2] * 6
    assert shapes["checkpoint"] == [2]
    assert pipeline.topics.setting("checkpoint", "cleanup.policy") == "compact"


def test_names_that_kafka_does_not_take(pipeline, database):
    """Two tables never share a topic, and the appliers find the way back to the table's name."""
    names = ["a.b", "a-x2eb", "đường", "checkpoint", "with space", "a_b"]
    for number, name in enumerate(names):
        database.sql(f"CREATE TABLE `{name}` (id INT PRIMARY KEY)",
                     f"INSERT INTO `{name}` VALUES ({number})")
    pipeline.converge()
    assert len(table_topics(pipeline)) == len(names)


def table_topics(pipeline):
    """The names of the tables' topics, without what they all begin with."""
    prefix = f"{pipeline.name}.{pipeline.database.schema}."
    return [name[len(prefix):] for name in pipeline.topics.names() if name.startswith(prefix)]


def test_order_equals_the_binlog(pipeline, database):
    """The order of each key's changes is that in which mysqlbinlog prints them."""
    database.sql("CREATE TABLE t (id INT PRIMARY KEY, n INT)", "FLUSH BINARY LOGS")
    file = database.position().split(":")[0]
    for n in range(40):
        key = n % 7
        database.sql(f"INSERT INTO t VALUES ({key}, {n}) ON DUPLICATE KEY UPDATE n = {n}",
                     *[f"DELETE FROM t WHERE id = {key}"] * (n % 5 == 0))
    pipeline.publish()

    printed = mysqlbinlog(database, file)
    published = [(record.keys()["id"], record.change()["op"], record.row()["n"])
                 for record in pipeline.topics.table("t") if record.value]
    for key in range(7):
        assert ([change for change in published if change[0] == key] ==
                [change for change in printed if change[0] == key])


def mysqlbinlog(database, file):
    """(id, op, n) of each change of table t in the file, as MySQL's own program prints them."""
    address = servers.mysql_address(database.url)
    command = [*stack.MYSQLBINLOG, "--no-defaults", "--verbose",
               "--base64-output=decode-rows", "--read-from-remote-server", f"--user={address['user']}",
               f"--password={address['password']}", f"--host={address['host']}",
               f"--port={address['port']}", file]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    image = r"###   @1=(\d+)\n###   @2=(\d+)\n"
    pattern = (rf"### (INSERT INTO|UPDATE|DELETE FROM) `{database.schema}`.`t`\n"
               rf"(?:### WHERE\n{image})?(?:### SET\n{image})?")
    ops = {"INSERT INTO": "c", "UPDATE": "u", "DELETE FROM": "d"}
    return [(int(new_id or old_id), ops[verb], int(new_n or old_n))
            for verb, old_id, old_n, new_id, new_n in re.findall(pattern, printed)]


def test_filters(pipeline, database):
    """Only what is included and not excluded is published, and what is not moves the checkpoint."""
    pipeline.options["tables"] = {"include": f"{pipeline.name}.a*, {pipeline.name}.b?",
                                  "exclude": "*.a_secret, *.[xyz]*"}
    for table in ("a", "a_1", "a_secret", "b", "b1", "c"):
        database.sql(f"CREATE TABLE {table} (id INT PRIMARY KEY)", f"INSERT INTO {table} VALUES (1)")
    pipeline.publish()
    assert table_topics(pipeline) == ["a", "a_1", "b1"]

    database.sql("INSERT INTO c VALUES (2)")
    executed = database.executed()
    pipeline.publish()
    assert database.value(f"SELECT GTID_SUBSET('{executed}', '{pipeline.checkpoint()['gtid']}')") == 1


def test_ddl_topic(pipeline, database):
    pipeline.options["publish"]["on_unlogged"] = "accept"
    database.sql("CREATE TABLE t (id INT PRIMARY KEY)", "ALTER TABLE t ADD name VARCHAR(20)",
                 "INSERT INTO t VALUES (1, 'x')", "RENAME TABLE t TO u", "DROP TABLE u")
    pipeline.publish()
    statements = [(change["kind"], change["statement"]) for change in pipeline.topics.changes("ddl")
                  if change["db"] == pipeline.name and "TABLE" in change["statement"]]
    assert [kind for kind, _ in statements] == ["create_table", "alter_table", "rename_table",
                                                "drop_table"]
    assert statements[1][1] == "ALTER TABLE t ADD name VARCHAR(20)"


def test_no_ddl_topic(pipeline, database):
    pipeline.options["publish"]["ddl_topic"] = "false"
    database.sql("CREATE TABLE t (id INT PRIMARY KEY)")
    pipeline.publish()
    assert pipeline.topics.names() == [f"{pipeline.name}.checkpoint", f"{pipeline.name}.control"]


def test_transactions_topic(pipeline, database):
    pipeline.options["publish"]["transactions_topic"] = "true"
    database.sql("CREATE TABLE t (id INT PRIMARY KEY)", "CREATE TABLE u (id INT PRIMARY KEY)",
                 "BEGIN", "INSERT INTO t VALUES (1), (2)", "INSERT INTO u VALUES (1)", "COMMIT",
                 "BEGIN", "INSERT INTO u VALUES (2)", "INSERT INTO t VALUES (3)", "DELETE FROM u", "COMMIT",
                 "INSERT INTO u VALUES (3)")
    pipeline.publish()
    assert transactions(pipeline) == [{"t": 2, "u": 1}, {"u": 3, "t": 1}, {"u": 1}]


def transactions(pipeline):
    """Of each in the topic of transactions: table → changes, in the order of their first one."""
    notices = pipeline.topics.changes("transactions")
    assert [notice["status"] for notice in notices] == ["BEGIN", "END"] * (len(notices) // 2)
    assert [begin["id"] for begin in notices[::2]] == [end["id"] for end in notices[1::2]]
    counts = [{part["data_collection"].removeprefix(f"{pipeline.name}."): part["event_count"]
               for part in end["data_collections"]} for end in notices[1::2]]
    assert [sum(tables.values()) for tables in counts] == [end["event_count"] for end in notices[1::2]]
    return counts


def rows_out(pipeline):
    """Of a transaction that is out in part."""
    checkpoint = pipeline.checkpoint()
    return checkpoint["rows"] if checkpoint else 0


def kill_behind(pipeline, rows):
    publisher = pipeline.start_publisher()
    wait.until(lambda: rows_out(pipeline) > rows, f"more than {rows} rows are out")
    publisher.kill()


def test_transactions_topic_across_kills(pipeline, database):
    """What was counted before is not lost, and nothing counted twice, if the publisher is killed within one."""
    pipeline.options["publish"] |= {"transactions_topic": "true", "transaction_bytes": "64KiB"}
    rows = 20000
    database.sql("CREATE TABLE t (id INT PRIMARY KEY)", "CREATE TABLE u (id INT PRIMARY KEY)",
                 f"SET SESSION cte_max_recursion_depth = {rows}", "BEGIN",
                 f"INSERT INTO t WITH RECURSIVE n AS (SELECT 1 id UNION ALL SELECT id + 1 FROM n WHERE id < {rows})"
                 " SELECT id FROM n", "INSERT INTO u SELECT id FROM t", "COMMIT", "INSERT INTO u VALUES (0)")
    for n in (0, rows):
        kill_behind(pipeline, n)
        assert n < rows_out(pipeline) < 2 * rows
    pipeline.publish()
    assert transactions(pipeline) == [{"t": rows, "u": rows}, {"u": 1}]


@pytest.mark.parametrize("source", ["mysql", "mariadb"], indirect=True)
def test_unique_key_without_nulls_as_key(pipeline, database):
    """Without a primary key: the first unique key that cannot be NULL, in its own order of columns."""
    database.sql("CREATE TABLE t (a INT, b VARCHAR(9) NOT NULL, c INT NOT NULL, UNIQUE KEY n (a),"
                 " UNIQUE KEY k (c, b))", "INSERT INTO t VALUES (NULL, 'x', 1), (NULL, 'x', 2)")
    pipeline.publish()
    assert set(by_key(pipeline.topics.table("t"))) == {b'{"c":1,"b":"x"}', b'{"c":2,"b":"x"}'}


def test_whole_row_as_key(pipeline, database):
    pipeline.options["publish"]["keyless"] = "whole-row"
    database.sql("CREATE TABLE t (a INT, b VARCHAR(9))", "INSERT INTO t VALUES (1, 'x'), (2, NULL)",
                 "UPDATE t SET b = 'y' WHERE a = 2", "DELETE FROM t WHERE a = 1")
    pipeline.publish()
    pipeline.apply()
    keys = by_key(pipeline.topics.table("t"))
    assert set(keys) == {b'{"a":1,"b":"x"}', b'{"a":2,"b":null}', b'{"a":2,"b":"y"}'}
    documents = list(pipeline.documents("t").find({}, {"_id": 0, "_tailrace": 0}))
    assert documents == [{"a": 2, "b": "y"}]


def test_at_least_once(pipeline, database):
    pipeline.options["publish"]["delivery"] = "at-least-once"
    database.sql("CREATE TABLE t (id INT PRIMARY KEY, n INT)",
                 "INSERT INTO t VALUES (1, 1), (2, 2), (3, 3)", "UPDATE t SET n = n + 1")
    pipeline.converge()
    assert len(pipeline.topics.table("t", isolation="read_uncommitted")) == 6
    database.sql("DELETE FROM t WHERE id = 2")
    pipeline.converge()


@pytest.mark.parametrize("source", ["mysql", "mariadb"], indirect=True)
def test_quiet_source_moves_its_checkpoint(pipeline, database):
    """Traffic that is left out, and heartbeats, move what `offsets show` says."""
    pipeline.options["publish"]["checkpoint_time"] = "200ms"
    pipeline.options["source"]["heartbeat"] = "200ms"
    pipeline.options["tables"]["exclude"] = "*.hidden"
    publisher = pipeline.start_publisher()
    database.sql("CREATE TABLE hidden (id INT PRIMARY KEY)", "INSERT INTO hidden VALUES (1)")
    position = database.position()
    wait.until(lambda: shown_position(pipeline) == position, f"the checkpoint at {position}")
    alive = pipeline.checkpoint()["alive_ms"]
    wait.until(lambda: pipeline.checkpoint()["alive_ms"] > alive, "a checkpoint without traffic")
    stop(publisher)


def shown_position(pipeline):
    checkpoint = pipeline.shown()[0]["checkpoint"]
    return checkpoint and f"{checkpoint['file']}:{checkpoint['pos']}"
