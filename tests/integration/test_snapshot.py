# SPDX-License-Identifier: Apache-2.0
"""Snapshots: the copy at the first start, and any table again, while the source is written to."""

import json
import subprocess

import pytest

from tests.integration import wait
from tests.integration.pipeline import PATIENCE_S, expect
from tests.lib import programs

SERVERS = pytest.mark.parametrize("source", ("mysql", "mariadb"), indirect=True)


@pytest.fixture
def readable(pipeline):
    """The pipeline, its account with the right to read."""
    pipeline.database.sql(f"GRANT SELECT ON *.* TO '{pipeline.name}'@'%'")
    pipeline.options["tables"]["include"] = f"{pipeline.name}.*"
    return pipeline


def snapshot(pipeline, *arguments, code=0, lines=None):
    """`tailrace snapshot …`; what it printed."""
    command = [programs.binary("tailrace"), "snapshot", *arguments, "-c", pipeline.configure()]
    done = subprocess.run(command, input=lines, text=True, capture_output=True, timeout=PATIENCE_S,
                          check=False)
    assert done.returncode == code, f"{command}: exit {done.returncode}\n{done}"
    return done.stdout + done.stderr if code else done.stdout


def status(pipeline, *ids):
    return [json.loads(line) for line in snapshot(pipeline, "--status", "--json", *ids).splitlines()]


def reads(pipeline, table):
    """The rows of the table's `r` records."""
    return [change["after"] for change in pipeline.topics.changes(f"{pipeline.name}.{table}")
            if change["op"] == "r"]


@pytest.mark.parametrize("client", ["libmariadb", "libmysqlclient"], indirect=True)
@SERVERS
def test_first_start_copies_what_is_there(readable):
    """Rows from before any binlog that is read, then the stream."""
    database = readable.database
    database.sql("CREATE TABLE t (id INT PRIMARY KEY, v VARCHAR(20))", "CREATE TABLE nothing (id INT PRIMARY KEY)",
                 "INSERT INTO t VALUES (1, 'one'), (2, 'two'), (3, 'three')")
    readable.options["publish"]["start"] = "snapshot"
    readable.publish()
    database.sql("UPDATE t SET v = 'zwei' WHERE id = 2", "DELETE FROM t WHERE id = 3")
    readable.converge()
    assert sorted(row["id"] for row in reads(readable, "t")) == [1, 2, 3]
    found = status(readable)
    assert [(item["id"], item["phase"], item["rows"]) for item in found] == [("first", "done", 3)]
    assert {item["table"]: item["phase"] for item in found[0]["list"]} == {"t": "done", "nothing": "done"}


# --- keys of any type, in many chunks ----------------------------------------------------------

ROWS = 1300  # more than the first chunk has
NUMBERS = "(SELECT a.d + 10 * b.d + 100 * c.d + 1000 * e.d AS n FROM digit a, digit b, digit c, digit e) numbers"
KEYS = {  # name → key columns with their types, their values as SQL over n, and a condition on n
    "negative": ("id INT", "n - 600", "TRUE", "PRIMARY KEY (id)"),
    "unsigned_big": ("id BIGINT UNSIGNED", "18446744073709551615 - n", "TRUE", "PRIMARY KEY (id)"),
    "folded": ("id VARCHAR(20) COLLATE utf8mb4_general_ci", "CONCAT(IF(n % 2, 'Key', 'kEY'), n)", "TRUE",
               "PRIMARY KEY (id)"),
    "accents": ("id CHAR(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci",
                "CONCAT(ELT(n % 4 + 1, 'é', 'Z', 'ß', '日'), n, IF(n % 3, '', ' '))", "TRUE", "PRIMARY KEY (id)"),
    "latin": ("id VARCHAR(20) CHARACTER SET latin1", "CONCAT('ü', n)", "TRUE", "PRIMARY KEY (id)"),
    "wide": ("id VARCHAR(20) CHARACTER SET utf16", "CONCAT('ü', n)", "TRUE", "PRIMARY KEY (id)"),
    "bytes": ("id VARBINARY(8)", "UNHEX(LPAD(HEX(n * 77), 8, '0'))", "TRUE", "PRIMARY KEY (id)"),
    "padded": ("id BINARY(6)", "UNHEX(LPAD(HEX(n * 77), 8, '0'))", "TRUE", "PRIMARY KEY (id)"),
    "day": ("id DATE", "IF(n = 0, '0000-00-00', DATE_ADD('1990-01-01', INTERVAL n DAY))", "TRUE", "PRIMARY KEY (id)"),
    "moment": ("id DATETIME(3)", "DATE_ADD('2026-01-01 00:00:00.250', INTERVAL n * 77 SECOND)", "TRUE",
               "PRIMARY KEY (id)"),
    "stamp": ("id TIMESTAMP(6)", "DATE_ADD('2026-03-28 20:00:00.000001', INTERVAL n * 37 SECOND)", "TRUE",
              "PRIMARY KEY (id)"),
    "span": ("id TIME(2)", "SEC_TO_TIME(n * 100 - 60000)", "TRUE", "PRIMARY KEY (id)"),
    "fixed": ("id DECIMAL(20,5)", "(n - 600) / 7", "TRUE", "PRIMARY KEY (id)"),
    "single": ("id FLOAT", "(n - 600) / 7", "TRUE", "PRIMARY KEY (id)"),
    "real_number": ("id DOUBLE", "(n - 600) / 7", "TRUE", "PRIMARY KEY (id)"),
    "bits": ("id BIT(40)", "n * 123456", "TRUE", "PRIMARY KEY (id)"),
    "pair": ("a SMALLINT, b VARCHAR(9) COLLATE utf8mb4_general_ci", "n % 7 - 3, CONCAT('x', n DIV 7)", "TRUE",
             "PRIMARY KEY (b, a)"),
    "label": ("e ENUM('z','y','x'), s SET('p','q','r'), n INT", "n % 3 + 1, n % 8, n", "TRUE", "PRIMARY KEY (e, s, n)"),
    "unique_only": ("a INT NOT NULL, b INT NOT NULL", "n % 7, n DIV 7", "TRUE", "UNIQUE u (a, b)"),
    "year_and_more": ("y YEAR, n INT", "ELT(n % 4 + 1, 0, 1901, 2000, 2155), n", "TRUE", "PRIMARY KEY (y, n)"),
    "prefix": ("id VARCHAR(99)", "CONCAT(n, 'abcdef')", "TRUE", "PRIMARY KEY (id(5))"),
    "nothing": ("id INT", "n", "FALSE", "PRIMARY KEY (id)"),
    "keyless": ("a INT, b VARCHAR(9)", "n, 'x'", "TRUE", "KEY (a)"),
}


@SERVERS
def test_every_row_once(readable, source):
    """In chunks as small as they get: no row is left out at a boundary, none comes twice."""
    pipeline, database = readable, readable.database
    pipeline.options["kafka"]["partitions"] = 1
    pipeline.options["snapshot"] = {"pause": "1ms"}
    pipeline.options["publish"] |= {"start": "snapshot", "keyless": "whole-row"}
    database.sql("SET sql_mode = '', time_zone = '+00:00'", "CREATE TABLE digit (d INT PRIMARY KEY)",
                 "INSERT INTO digit VALUES (0), (1), (2), (3), (4), (5), (6), (7), (8), (9)")
    keys = dict(KEYS)
    if source == "mysql":
        keys["descending"] = ("a INT, b INT", "n % 7, n DIV 7", "TRUE", "PRIMARY KEY (a DESC, b)")
    for name, (columns, values, condition, key) in keys.items():
        database.sql(f"CREATE TABLE {name} ({columns}, v INT, {key})",
                     f"INSERT INTO {name} SELECT {values}, n FROM {NUMBERS} WHERE n < {ROWS} AND {condition}")
    publisher = pipeline.publish()
    found = {item["table"]: item for item in status(pipeline, "first")[0]["list"]}
    suffixes = [f"{pipeline.name}.{name}" for name in keys if name != "nothing"]
    counts = dict.fromkeys(keys, 0)
    seen = set()
    for record in pipeline.topics.read_several(suffixes):
        name = record.topic.rsplit(".", 1)[1]
        assert (name, record.key) not in seen, f"{name}: {record.key} comes twice"
        seen.add((name, record.key))
        counts[name] += 1
    expected = {name: 0 if name == "nothing" else ROWS for name in keys}
    assert counts == expected
    assert {name: found[name]["rows"] for name in keys} == expected
    assert set(item["phase"] for item in found.values()) == {"done"}
    chunks = int(publisher.wait_for(r"snapshot ended.* chunks=(\d+)")[1])
    assert chunks > 3 * len(keys), "the chunks were too large to prove anything"


# --- single rows by their keys -----------------------------------------------------------------


def keys_of(pipeline, table, *keys, code=0, wait_for_it=True):
    arguments = ("--keys", "-", *(["--wait"] if wait_for_it else []))
    return snapshot(pipeline, f"{pipeline.name}.{table}", *arguments, code=code, lines="\n".join(keys) + "\n")


@SERVERS
def test_rows_by_key(readable):
    """A damaged target is right again: what is missing, different, or too much."""
    pipeline, database = readable, readable.database
    database.sql("CREATE TABLE t (id INT PRIMARY KEY, v VARCHAR(20))",
                 "INSERT INTO t VALUES " + ", ".join(f"({n}, 'row {n}')" for n in range(300)))
    pipeline.converge()
    documents = pipeline.documents("t")
    documents.delete_one({"_id": 7})
    documents.update_one({"_id": 8}, {"$set": {"v": "damaged"}})
    documents.insert_one({"_id": 1000, "v": "too much"})
    pipeline.redis.delete(f"{pipeline.name}:t:7")
    pipeline.redis.hset(f"{pipeline.name}:t:8", "v", "damaged")
    pipeline.redis.hset(f"{pipeline.name}:t:1000", mapping={"id": 1000, "v": "too much"})
    assert not pipeline.is_equal()
    publisher = pipeline.start_publisher()
    shown = json.loads(snapshot(pipeline, f"{pipeline.name}.t", "--keys", "-", "--wait", "--json",
                                lines="\n".join(['{"id":7}', '{"id":8}', '{"id":1000}', '{"id":8}'])))
    assert (shown["phase"], shown["rows"], shown["deletes"]) == ("done", 2, 1)
    keys_of(pipeline, "t", *[f'{{"id":{n}}}' for n in range(300)])  # several records of the control topic
    publisher.stop()
    pipeline.apply()
    pipeline.assert_equal()
    missing = [record for record in pipeline.topics.table("t") if record.keys() == {"id": 1000}]
    assert missing[0].change()["op"] == "d" and missing[0].change()["before"] == {"id": 1000}
    assert missing[0].change()["source"]["snapshot"] == "true" and missing[1].value is None


@SERVERS
def test_keys_of_all_types(readable, source):
    """Each row is found by the key that its record has."""
    pipeline, database = readable, readable.database
    pipeline.options["kafka"]["partitions"] = 1
    database.sql("SET sql_mode = '', time_zone = '+00:00'", "CREATE TABLE digit (d INT PRIMARY KEY)",
                 "INSERT INTO digit VALUES (0), (1), (2), (3), (4), (5), (6), (7), (8), (9)")
    names = ["accents", "span", "single", "label"] if source == "mariadb" else [
        "negative", "folded", "latin", "wide", "padded", "stamp", "fixed", "bits", "label", "year_and_more"]
    for name in names:
        columns, values, _, key = KEYS[name]
        database.sql(f"CREATE TABLE {name} ({columns}, v INT, {key})",
                     f"INSERT INTO {name} SELECT {values}, n FROM {NUMBERS} WHERE n < 30")
    if source == "mariadb":
        database.sql("CREATE TABLE name (u UUID, i INET6, f INET4, PRIMARY KEY (u, i, f))",
                     "INSERT INTO name VALUES (UUID(), '2001:db8::1', '1.2.3.4'), (UUID(), '::1', '255.0.0.1')")
        names.append("name")
    pipeline.publish()
    publisher = pipeline.start_publisher()
    for name in names:
        wanted = [record.key.decode() for record in pipeline.topics.table(name)]
        shown = json.loads(snapshot(pipeline, f"{pipeline.name}.{name}", "--keys", "-", "--wait", "--json",
                                    lines="\n".join(wanted)))
        assert (shown["rows"], shown["deletes"]) == (len(wanted), 0), name
    publisher.stop()


def test_keys_in_another_case(readable):
    """The server finds "abc" for "ABC"; under "ABC" there is nothing."""
    pipeline = readable
    pipeline.database.sql("CREATE TABLE t (id VARCHAR(20) COLLATE utf8mb4_general_ci PRIMARY KEY, v INT)",
                          "INSERT INTO t VALUES ('abc', 1)")
    pipeline.publish()
    publisher = pipeline.start_publisher()
    shown = json.loads(snapshot(pipeline, f"{pipeline.name}.t", "--keys", "-", "--wait", "--json",
                                lines='{"id":"ABC"}\n'))
    assert (shown["rows"], shown["deletes"]) == (0, 1)
    publisher.stop()


@pytest.mark.parametrize("key", ('{"id":"7"}', '{"ID":7}', '{"id": 7}', '{"id":7,"v":1}', "[7]", "7", '{"id":null}',
                                 '{"id":99999999999}', '{"id":7'))
def test_keys_that_are_none(readable, key):
    pipeline = readable
    pipeline.database.sql("CREATE TABLE t (id INT PRIMARY KEY, v INT)")
    pipeline.publish()
    assert key in keys_of(pipeline, "t", '{"id":1}', key, code=64, wait_for_it=False)
    assert pipeline.topics.read("control") == []


# --- commands ----------------------------------------------------------------------------------


def fill(database, table="t", rows=20000):
    database.sql("CREATE TABLE IF NOT EXISTS digit (d INT PRIMARY KEY)",
                 "INSERT IGNORE INTO digit VALUES (0), (1), (2), (3), (4), (5), (6), (7), (8), (9)",
                 f"CREATE TABLE {table} (id INT PRIMARY KEY, v VARCHAR(100))",
                 f"INSERT INTO {table} SELECT n + 10000 * f.d, REPEAT('x', 80) FROM {NUMBERS}, digit f"
                 f" WHERE n + 10000 * f.d < {rows}")


def slow(pipeline):
    """Small chunks, and commits after each few: there is time to come between."""
    pipeline.options["snapshot"] = {"pause": "1ms"}
    pipeline.options["publish"] |= {"start": "latest", "transaction_bytes": "64KiB"}


def progress(pipeline, snapshot_id):
    found = [item for item in status(pipeline) if item["id"] == snapshot_id]
    return (found[0]["phase"], found[0]["rows"]) if found else ("", 0)


def test_pause_resume_cancel(readable):
    pipeline = readable
    slow(pipeline)
    fill(pipeline.database, rows=25000)
    publisher = pipeline.start_publisher()
    publisher.wait_for("started")
    first = snapshot(pipeline, f"{pipeline.name}.t").strip()
    wait.until(lambda: progress(pipeline, first)[1] > 0, "the first rows", pause_s=0)
    snapshot(pipeline, "--pause", first)
    wait.until(lambda: progress(pipeline, first)[0] == "paused", "the pause")
    rows = progress(pipeline, first)[1]
    assert 0 < rows < 25000
    publisher.kill()  # what is paused stays so
    publisher = pipeline.start_publisher()
    publisher.wait_for("started")
    pipeline.database.sql("INSERT INTO t VALUES (-1, 'new')")
    wait.until(lambda: {"id": -1} in [r.keys() for r in pipeline.topics.table("t")], "the stream to go on")
    assert progress(pipeline, first) == ("paused", rows)
    snapshot(pipeline, "--resume")
    wait.until(lambda: progress(pipeline, first)[0] == "done", "the end")
    assert sorted(row["id"] for row in reads(pipeline, "t")) == list(range(25000))
    second = snapshot(pipeline, f"{pipeline.name}.*").strip()
    wait.until(lambda: progress(pipeline, second)[1] > 0, "the first rows", pause_s=0)
    snapshot(pipeline, "--cancel", second)
    wait.until(lambda: progress(pipeline, second)[0] == "cancelled", "the cancelling")
    assert progress(pipeline, second)[1] < 25000
    assert "has ended" in snapshot(pipeline, "--resume", second, code=64)
    assert "is not known" in snapshot(pipeline, "--cancel", "nonsense", code=64)
    publisher.stop()


def test_where_and_globs(readable):
    pipeline = readable
    slow(pipeline)
    fill(pipeline.database, "one", 3000)
    fill(pipeline.database, "other", 3000)
    publisher = pipeline.start_publisher()
    snapshot(pipeline, f"{pipeline.name}.o*", "--where", "id % 1000 = 7 OR id IS NULL", "--wait")
    publisher.stop()
    for table in ("one", "other"):
        assert [row["id"] for row in sorted(reads(pipeline, table), key=lambda row: row["id"])] == [7, 1007, 2007]
    assert "is not read" in snapshot(pipeline, "mysql.user", code=64)
    assert "syntax" in snapshot(pipeline, f"{pipeline.name}.one", "--where", "id <", code=77)
    assert "nothing" in snapshot(pipeline, f"{pipeline.name}.nothing", code=77)


def test_rights(pipeline, database):
    """What the account lacks is named, with the statement that mends it, before anything is written."""
    fill(database, rows=10)
    pipeline.options["publish"]["start"] = "snapshot"
    refused = pipeline.start_publisher("--until-caught-up")
    assert expect(refused, 77) and f"GRANT SELECT ON `{pipeline.name}`.* TO '{pipeline.name}'" in refused.log()
    assert pipeline.topics.names() == []
    pipeline.options["publish"]["start"] = "latest"
    pipeline.publish()
    text = snapshot(pipeline, f"{pipeline.name}.t", code=77)
    assert f"GRANT SELECT ON `{pipeline.name}`.*" in text
    with database.setting("binlog_row_image", "MINIMAL"):
        database.sql(f"GRANT SELECT ON *.* TO '{pipeline.name}'@'%'")
        publisher = pipeline.start_publisher()
        assert "binlog_row_image = FULL" in snapshot(pipeline, f"{pipeline.name}.t", "--wait", code=77)
        publisher.stop()


def test_asked_for_while_nobody_runs(readable):
    """The next publisher does it, also one that ends when it has caught up."""
    fill(readable.database, rows=10)
    readable.publish()
    for times in range(1, 6):
        snapshot(readable, f"{readable.name}.t")
        readable.publish()
        assert len(reads(readable, "t")) == 10 * times


def test_commands_in_a_topic_made_anew(readable):
    """What was read last lies behind its end: all that is there is done."""
    fill(readable.database, rows=10)
    readable.publish()
    for _ in range(2):
        snapshot(readable, f"{readable.name}.t")
    readable.publish()
    readable.topics.make_anew("control")
    snapshot(readable, f"{readable.name}.t")
    assert "commands are gone that were not read" in readable.publish().log()
    assert len(reads(readable, "t")) == 30


@SERVERS
def test_rights_of_a_role(pipeline, database, source):
    """They count where the role is the account's by default."""
    name, to = pipeline.name, "TO" if source == "mysql" else "FOR"
    fill(database, rows=10)
    pipeline.options["publish"]["start"] = "snapshot"
    database.sql(f"CREATE ROLE {name}_reader", f"GRANT SELECT ON `{name}`.* TO {name}_reader",
                 f"GRANT {name}_reader TO '{name}'@'%'")
    try:
        expect(pipeline.start_publisher("--until-caught-up"), 77)
        database.sql(f"SET DEFAULT ROLE {name}_reader {to} '{name}'@'%'")
        pipeline.publish()
    finally:
        database.sql(f"DROP ROLE {name}_reader")
    assert len(reads(pipeline, "t")) == 10


@SERVERS
def test_killed(readable):
    """Each row is published once, wherever the publisher was killed."""
    pipeline = readable
    slow(pipeline)
    fill(pipeline.database, rows=16000)
    publisher = pipeline.start_publisher()
    number = snapshot(pipeline, f"{pipeline.name}.t").strip()
    kills = rows = 0
    while progress(pipeline, number)[0] != "done":
        if kills < 4 and rows < progress(pipeline, number)[1] < 15000:
            publisher.kill()
            rows = progress(pipeline, number)[1]
            kills += 1
            publisher = pipeline.start_publisher()
    publisher.stop()
    assert kills >= 2
    assert sorted(row["id"] for row in reads(pipeline, "t")) == list(range(16000))


# --- tables that change meanwhile --------------------------------------------------------------


@SERVERS
def test_altered_and_dropped(readable):
    """The shape of after the statement is what remains; a table that is gone is no error."""
    pipeline, database = readable, readable.database
    slow(pipeline)
    fill(database, rows=12000)
    fill(database, "gone", 12000)
    publisher = pipeline.start_publisher()
    publisher.wait_for("started")
    number = snapshot(pipeline, f"{pipeline.name}.t", f"{pipeline.name}.gone").strip()
    wait.until(lambda: progress(pipeline, number)[1] > 0, "the first rows", pause_s=0)
    database.sql("DROP TABLE gone", "ALTER TABLE t ADD COLUMN more INT DEFAULT 5, MODIFY v VARCHAR(200) CHARACTER SET latin1")
    wait.until(lambda: progress(pipeline, number)[0] == "done", "the end")
    publisher.stop()
    tables = {item["table"]: item for item in status(pipeline, number)[0]["list"]}
    assert tables["gone"]["phase"] == "gone" and tables["t"]["phase"] == "done"
    assert tables["t"]["restarts"] > 0 and tables["t"]["rows"] == 12000
    last = {row["id"]: row for row in reads(pipeline, "t")}
    assert len(last) == 12000 and all(row["more"] == 5 for row in last.values())


def test_large_rows(readable):
    """Values of several megabytes: a chunk of few rows, memory bounded; what Kafka does not take fails its table.
    With topics that take them, rows of 16 MiB."""
    pipeline, database = readable, readable.database
    pipeline.options["kafka"] |= {"message.max.bytes": 9_000_000, "partitions": 1}
    pipeline.options["publish"]["start"] = "latest"
    database.sql("CREATE TABLE t (id INT PRIMARY KEY, b LONGBLOB)", "CREATE TABLE huge (id INT PRIMARY KEY, b LONGBLOB)")
    for number in range(10):
        database.sql(f"INSERT INTO t VALUES ({number}, REPEAT(CHAR(65 + {number}), 6000000))")
    database.sql("INSERT INTO huge VALUES (1, 'small'), (2, REPEAT('x', 16777216))")
    publisher = pipeline.start_publisher()
    publisher.wait_for("started")
    snapshot(pipeline, f"{pipeline.name}.t", "--wait")
    text = snapshot(pipeline, f"{pipeline.name}.huge", "--wait", code=77)
    assert "message.max.bytes" in text
    publisher.check()
    publisher.stop()
    assert publisher.peak_rss_kib < 500 * 1024, publisher.peak_rss_kib
    pipeline.options["kafka"]["message.max.bytes"] = 30_000_000
    pipeline.topics.set(f"{pipeline.name}.huge", "max.message.bytes", 30_000_000)
    larger = pipeline.start_publisher()
    snapshot(pipeline, f"{pipeline.name}.huge", "--wait")
    larger.stop()
    assert larger.peak_rss_kib < 500 * 1024, larger.peak_rss_kib
    found = {record.keys()["id"]: len(record.value) for record in pipeline.topics.table("huge")}
    assert found[2] > 16777216 * 4 // 3
    assert [(record.keys()["id"], len(record.value) > 8_000_000) for record in pipeline.topics.table("t")] == [
        (number, True) for number in range(10)]
