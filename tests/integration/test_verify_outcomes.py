# SPDX-License-Identifier: Apache-2.0
"""`tailrace verify`: exit codes, keys of every kind, repair."""

import os
import time

import pytest

from tests.integration import wait
from tests.integration.damage import Mongodb, RedisHash
from tests.integration.pipeline import TRY_AGAIN, stop
from tests.integration.verifying import DIFFERENT, EQUAL, UNKNOWN, Verify, prepare, verify
from tests.lib import stack

KEYS = [  # column definition, key, values
    ("a BIGINT UNSIGNED, PRIMARY KEY (a)", ["0", "18446744073709551615", "7"]),
    ("a INT, PRIMARY KEY (a DESC)", ["-5", "0", "5"]),
    ("a VARCHAR(40) COLLATE utf8mb4_general_ci, PRIMARY KEY (a)", ["'Huế'", "'abc'", "'B'", "'a:%b'", "''"]),
    ("a VARCHAR(40) CHARACTER SET latin1, PRIMARY KEY (a)", ["'é'", "'z'", "'?'"]),
    ("a VARBINARY(20), PRIMARY KEY (a)", ["x'00'", "x'ff00'", "x''", "'a:b'"]),
    ("a BINARY(3), PRIMARY KEY (a)", ["x'000000'", "x'61'"]),
    ("a DATE, PRIMARY KEY (a)", ["'2026-11-21'", "'0000-00-00'", "'2026-00-00'"]),
    ("a DATETIME(3), PRIMARY KEY (a)", ["'2026-11-21 08:15:00.250'", "'1000-01-01 00:00:00'"]),
    ("a TIMESTAMP(6) NOT NULL DEFAULT '2026-01-01 00:00:00', PRIMARY KEY (a)",
     ["'2026-11-21 08:15:00.250001'", "'1970-01-01 00:00:01'"]),
    ("a TIME(1), PRIMARY KEY (a)", ["'-838:59:59.0'", "'00:00:00.1'", "'12:00:00'"]),
    ("a DECIMAL(20,10), PRIMARY KEY (a)", ["-1.5", "0", "1234567890.0000000001"]),
    ("a YEAR, PRIMARY KEY (a)", ["2026", "0", "1901"]),
    ("a BIT(40), PRIMARY KEY (a)", ["b'1'", "1099511627775"]),
    ("a ENUM('z','a'), PRIMARY KEY (a)", ["'a'", "'z'"]),
    ("a DOUBLE, PRIMARY KEY (a)", ["0.1", "-1e100", "2"]),
    ("a FLOAT, PRIMARY KEY (a)", ["0.1", "16777216", "1e7"]),
    ("a INT, b VARCHAR(20) COLLATE utf8mb4_bin, c DATE, PRIMARY KEY (b, c, a)",
     ["1, 'x', '2026-01-01'", "1, 'X', '2026-01-01'", "2, 'x', '2026-01-01'", "-1, '', '2026-01-02'"]),
    ("a INT NULL, b INT NOT NULL, UNIQUE (a), UNIQUE (b)", ["NULL, 1", "5, 2", "NULL, 3"]),
]


def create_keys(database):
    """A table for each kind of key, with two rows and more in each; the value column is v."""
    database.sql("SET SESSION sql_mode = '', time_zone = '+00:00'")
    for n, (columns, rows) in enumerate(KEYS):
        database.sql(f"CREATE TABLE k{n} ({columns}, v INT)",
                     *(f"INSERT INTO k{n} VALUES ({row}, {i})" for i, row in enumerate(rows)))


def spoil_all(pipeline):
    """Another value in every copy, in both targets; returns how many."""
    n = 0
    for number, (_, rows) in enumerate(KEYS):
        collection = pipeline.documents(f"k{number}")
        n += collection.update_many({}, {"$inc": {"v": 100}}).modified_count
        for key in pipeline.keys(f"{pipeline.name}:k{number}:*"):
            pipeline.redis.hincrby(key, "v", 100)
        assert collection.count_documents({}) == len(rows)
    return n


@pytest.mark.parametrize("source", ["mysql", "mariadb"], indirect=True)
def test_keys_of_every_kind(pipeline):
    prepare(pipeline)
    create_keys(pipeline.database)
    pipeline.publish()
    pipeline.apply()
    pipeline.options["verify"] = {"chunk_rows": 1}  # each row is a piece of its own
    verify(pipeline)
    n = spoil_all(pipeline)
    report = verify(pipeline, code=DIFFERENT)
    for target in ("mongodb", "redis"):
        assert sum(line["different"] for line in report.tables(target)) == n
        assert {(line["missing"], line["extra"]) for line in report.tables(target)} == {(0, 0)}
    for n_table in range(len(KEYS)):
        pipeline.documents(f"k{n_table}").delete_many({})
    report = verify(pipeline, "--target", "mongodb", code=DIFFERENT)
    assert sum(line["missing"] for line in report.tables()) == n


def test_extra_keys_of_every_kind(pipeline):
    """Rows that only the targets have: the source forgets its own with the binlog off."""
    prepare(pipeline)
    create_keys(pipeline.database)
    pipeline.publish()
    pipeline.apply()
    pipeline.database.sql("SET SESSION sql_log_bin = 0",
                          *(f"DELETE FROM k{n}" for n in range(len(KEYS))))
    report = verify(pipeline, code=DIFFERENT)
    for target in ("mongodb", "redis"):
        lines = report.tables(target)
        assert sum(line["extra"] for line in lines) == sum(len(rows) for _, rows in KEYS)
        assert all("removal" not in one for line in lines for one in line["differences"])


def test_impossible_keys(pipeline):
    """Objects under keys that no row can have are named, with the statement that removes them."""
    prepare(pipeline)
    pipeline.database.sql("CREATE TABLE t (id INT PRIMARY KEY, n INT)", "INSERT INTO t VALUES (1, 1), (2, 2)")
    pipeline.publish()
    pipeline.apply()
    pipeline.documents("t").insert_many([{"_id": "1", "id": 1, "n": 1}, {"_id": {"id": 1}, "id": 1, "n": 1}])
    pipeline.redis.hset(f"{pipeline.name}:t:01", mapping={"id": "1", "n": "1"})
    pipeline.redis.hset(f"{pipeline.name}:t:1:2", mapping={"id": "1", "n": "1"})
    pipeline.redis.set(f"{pipeline.name}:t:x%", "x")
    report = verify(pipeline, code=DIFFERENT)
    assert [(line["target"], line["missing"], line["extra"], line["different"])
            for line in report.tables()] == [("mongodb", 0, 2, 0), ("redis", 0, 3, 0)]
    for line in report.tables():
        assert all(one["is"] == "extra" and one["removal"] for one in line["differences"])
    # a string where the hash has to be
    pipeline.redis.delete(*pipeline.keys(f"{pipeline.name}:t:*"))
    pipeline.redis.set(f"{pipeline.name}:t:1", "x")
    report = verify(pipeline, "--target", "redis", code=DIFFERENT)
    assert {(key, what) for _, key, what, _ in report.found("redis")} == {
        ('{"id":1}', "different"), ('{"id":2}', "missing")}


def test_whole_row_tables(pipeline):
    """Without a key: could not tell, unless whole rows are the key."""
    prepare(pipeline)
    pipeline.options["publish"]["keyless"] = "whole-row"
    pipeline.database.sql("CREATE TABLE t (a INT, b VARCHAR(10))",
                          "INSERT INTO t VALUES (1, 'x'), (1, NULL), (NULL, NULL), (1, 'x')")
    pipeline.publish()
    pipeline.apply("mongodb")
    verify(pipeline, "--target", "mongodb")
    assert pipeline.documents("t").delete_one({"b": "x"}).deleted_count == 1
    report = verify(pipeline, "--target", "mongodb", code=DIFFERENT)
    assert report.tables()[0]["missing"] == 1
    pipeline.options["publish"]["keyless"] = "refuse"
    report = verify(pipeline, "--target", "mongodb", code=UNKNOWN)
    assert "no primary key" in report.text


NESTED = {  # columns of a table without a key, and rows whose like is hard to write a second time
    "mysql": ("a INT, j JSON, g GEOMETRY, v VECTOR(2)",
              ["1, '{\"b\": [1, -2.50, 1e300, \"x\\\\n\\\\u0001\\\\\"/:%é\", true, null, {}], \"a\": {\"c\": 0.1}}',"
               " ST_GeomFromText('POINT(1 2)', 4326), STRING_TO_VECTOR('[0.1,-16777216]')",
               "1, 'null', ST_GeomFromText('LINESTRING(0 0,1 1)'), NULL", "1, '\"s\"', NULL, NULL", "1, NULL, NULL, NULL",
               "2, '[18446744073709551615, 123456789012345678.25]', NULL, STRING_TO_VECTOR('[3e38,1e-30]')", "3, '1', NULL, NULL"]),
    "mariadb": ("u UUID, s INET6, f INET4, p POINT",
                ["'123e4567-e89b-12d3-a456-426655440000', '2001:db8::ff00:42:8329', '1.2.3.4', POINT(1, 2)",
                 "'ffffffff-ffff-4fff-bfff-ffffffffffff', '::', '255.0.0.1', POINT(1, 2)", "NULL, '::1', NULL, NULL"]),
}


@pytest.mark.parametrize("source", ["mysql", "mariadb"], indirect=True)
def test_keys_without_order(pipeline, source):
    """Whole rows with JSON, geometries, vectors, UUIDs and addresses as the key; UUIDs and addresses as a key."""
    columns, rows = NESTED[source]
    prepare(pipeline)
    pipeline.options["publish"]["keyless"] = "whole-row"
    pipeline.database.sql("SET NAMES utf8mb4", f"CREATE TABLE t ({columns})", *(f"INSERT INTO t VALUES ({row})" for row in rows))
    if source == "mariadb":
        pipeline.database.sql("CREATE TABLE k (u UUID, s INET6, f INET4, n INT, PRIMARY KEY (u, s, f))",
                              "INSERT INTO k VALUES (UUID(), '2001:db8::1', '1.2.3.4', 1), (UUID(), '::1', '255.0.0.1', 2),"
                              " ('123e4567-e89b-12d3-a456-426655440000', '::', '0.0.0.0', 3)",
                              "CREATE TABLE u (u UUID PRIMARY KEY, n INT)", "INSERT INTO u SELECT u, n FROM k",
                              "CREATE TABLE f (f INET4 PRIMARY KEY, n INT)", "INSERT INTO f SELECT f, n FROM k")
    pipeline.publish()
    pipeline.apply()
    pipeline.options["verify"] = {"chunk_rows": 1}
    names = [line["table"].split(".")[1] for line in verify(pipeline).tables("redis")]
    for name in names:  # a row less, and all of them too many
        pipeline.redis.delete(pipeline.keys(f"{pipeline.name}:{name}:*")[0])
        assert pipeline.documents(name).delete_one({}).deleted_count == 1
    for line in verify(pipeline, code=DIFFERENT).tables():
        assert (line["missing"], line["extra"], line["different"]) == (1, 0, 0)
    pipeline.database.sql("SET SESSION sql_log_bin = 0", *(f"DELETE FROM {name}" for name in names))
    for line in verify(pipeline, code=DIFFERENT).tables():
        n = len(rows) if line["table"].endswith(".t") else 3
        assert (line["missing"], line["extra"], line["different"]) == (0, n - 1, 0)
        assert not any("removal" in one for one in line["differences"]), line


def test_exit_codes(pipeline):
    prepare(pipeline)
    pipeline.database.sql("CREATE TABLE t (id INT PRIMARY KEY)", "INSERT INTO t VALUES (1)",
                          "CREATE TABLE u (id INT PRIMARY KEY)")
    pipeline.publish()
    pipeline.apply()
    verify(pipeline, code=EQUAL)
    assert len(verify(pipeline, f"{pipeline.name}.t", "--target", "redis").tables()) == 1
    assert "GRANT SELECT" in verify(pipeline, "nowhere.*", code=UNKNOWN).text
    assert Verify(pipeline, "--target", "mongo").code == 64
    # the source is ahead, and nobody carries it on
    pipeline.database.sql("INSERT INTO t VALUES (2)")
    pipeline.options["verify"] = {"fence_timeout": "1s"}
    assert "the publisher is behind" in verify(pipeline, code=UNKNOWN).text
    pipeline.publish()
    pipeline.options["verify"] = {"fence_timeout": "6s"}
    report = verify(pipeline, "--target", "redis", code=UNKNOWN)
    assert "waits for the applier seconds=5 target=redis records_left=" in report.text
    assert "the applier of redis is" in report.text
    pipeline.apply()
    verify(pipeline, code=EQUAL)
    for section, key in (("mongodb", "uri"), ("redis", "port"), ("source", "port"),
                         ("kafka", "bootstrap.servers")):
        before = pipeline.options[section][key]
        pipeline.options[section][key] = {"uri": "mongodb://127.0.0.1:1/?serverSelectionTimeoutMS=500",
                                          "port": 1, "bootstrap.servers": "127.0.0.1:1"}[key]
        if section == "kafka":
            pipeline.documents("t").delete_one({})
        verify(pipeline, code=UNKNOWN)
        pipeline.options[section][key] = before


@pytest.mark.parametrize("source", ["mysql", "mariadb"], indirect=True)
def test_counts(pipeline):
    """Rows and totals to the last digit; a difference that a double would not show."""
    prepare(pipeline)
    pipeline.database.sql(
        "CREATE TABLE t (id BIGINT UNSIGNED PRIMARY KEY, price DECIMAL(40,20), flags BIT(3), made YEAR, d DOUBLE)",
        "INSERT INTO t VALUES (18446744073709551615, 1e19, 5, 2026, 0.1), (18446744073709551614, -0.5, 2, 1999, 1),"
        " (3, 0.00000000000000000001, NULL, NULL, NULL)")
    pipeline.publish()
    pipeline.apply()
    report = verify(pipeline, "--counts")
    facts = {fact["what"].split(": ")[1]: fact for fact in report.report["facts"]
             if " in mongodb" in fact["what"]}
    assert facts["total of id"]["source"] == facts["total of id"]["target"] == "36893488147419103232"
    assert facts["total of price"]["target"] == "9999999999999999999.50000000000000000001"
    assert facts["total of flags"]["target"] == "7" and facts["total of made"]["target"] == "4025"
    assert facts["rows"]["target"] == "3" and "total of d" not in facts
    partitions = [fact for what, fact in facts.items() if what.startswith("partition")]
    assert len(partitions) == 4 and all("nothing left" in fact["target"] for fact in partitions)
    pipeline.redis.hset(f"{pipeline.name}:t:3", "price", "0.00000000000000000002")
    pipeline.documents("t").delete_one({"_id": 3})
    report = verify(pipeline, "--counts", code=DIFFERENT)
    wrong = {(fact["what"].split(" in ")[1].split(":")[0], fact["what"].split(": ")[1])
             for fact in report.report["facts"] if fact["differs"]}
    assert wrong == {("mongodb", "rows"), ("mongodb", "total of id"), ("mongodb", "total of price"),
                     ("redis", "total of price")}


def test_messages(pipeline):
    """Records whose checksum is wrong, and those that are not what the source holds."""
    prepare(pipeline)
    pipeline.database.sql("CREATE TABLE t (id INT PRIMARY KEY, s VARCHAR(20), d DOUBLE, j JSON)",
                          "INSERT INTO t VALUES (1, 'a', 0.1, '[1, 2.50]'), (2, 'b', -1e-7, NULL), (3, 'c', 3, '{}')",
                          "UPDATE t SET s = 'B' WHERE id = 2", "DELETE FROM t WHERE id = 3",
                          "CREATE TABLE u LIKE t", "INSERT INTO u SELECT * FROM t")
    pipeline.publish()
    report = verify(pipeline, "--messages")
    assert [line["source_rows"] for line in report.tables("kafka")] == [3, 2]
    pipeline.database.sql("SET SESSION sql_log_bin = 0", "UPDATE t SET d = 0.2 WHERE id = 1",
                          "INSERT INTO t VALUES (3, 'c', 3, '{}')", "DELETE FROM t WHERE id = 2")
    report = verify(pipeline, "--messages", code=DIFFERENT)
    assert {(table, key, what) for table, key, what, _ in report.found("kafka")} == {
        ("t", '{"id":1}', "different"), ("t", '{"id":2}', "extra"), ("t", '{"id":3}', "missing")}
    pipeline.topics.damage(f"{pipeline.name}.u", b'{"id":1}')
    report = verify(pipeline, f"{pipeline.name}.u", "--messages", code=DIFFERENT)
    assert [fact["target"].split(",")[0] for fact in report.report["facts"]] == ["1"]


def test_resume(pipeline):
    """What was found equal is not read again, what was not is."""
    prepare(pipeline)
    names = ("a", "b", "c")
    for name in names:
        pipeline.database.sql(f"CREATE TABLE {name} (id INT PRIMARY KEY)", f"INSERT INTO {name} VALUES (1), (2)")
    pipeline.publish()
    pipeline.apply()
    state = pipeline.folder / "state"
    arguments = ("--target", "mongodb", "--resume", str(state))
    pipeline.documents("b").delete_one({})
    pipeline.options["kafka"]["bootstrap.servers"], brokers = "127.0.0.1:1", \
        pipeline.options["kafka"]["bootstrap.servers"]
    verify(pipeline, *arguments, code=UNKNOWN)  # without Kafka nothing is told of b
    assert state.exists()
    pipeline.options["kafka"]["bootstrap.servers"] = brokers
    verify(pipeline, *arguments, code=DIFFERENT)
    assert not state.exists()
    state.write_text(f"tailrace verify 1 {pipeline.name}\nmongodb\t{pipeline.name}.a\t2\t1795000000\n"
                     f"mongodb\t{pipeline.name}.c\t2\t17950")
    pipeline.documents("a").delete_one({})
    report = verify(pipeline, *arguments, code=DIFFERENT)
    assert [(line["table"][-1], line["missing"]) for line in report.tables()] == [("a", 0), ("b", 1), ("c", 0)]
    assert "as an earlier run found" in report.text
    state.write_text("tailrace verify 1 another\n")
    assert "no record of a verification" in verify(pipeline, *arguments, code=UNKNOWN).text


def test_resume_within_a_table(pipeline):
    """Killed in the middle of a table, it goes on there, and still knows what it had read before."""
    n = 10000
    prepare(pipeline)
    pipeline.database.sql("CREATE TABLE t (a VARCHAR(20), id INT, n INT, PRIMARY KEY (a, id))",
                          "INSERT INTO t SELECT CONCAT('key ', n MOD 7), n, n FROM (WITH RECURSIVE numbers AS (SELECT 1 n"
                          " UNION ALL SELECT n + 1 FROM numbers WHERE n < 100) SELECT a.n * 100 + b.n - 100 n"
                          " FROM numbers a JOIN numbers b) some", "ANALYZE TABLE t")
    pipeline.publish()
    pipeline.apply()
    reads = ("SELECT count_read FROM performance_schema.table_io_waits_summary_by_table"
             f" WHERE object_schema = '{pipeline.name}' AND object_name = 't'")
    pipeline.documents("t").update_one({"_id.a": "key 0"}, {"$inc": {"n": 1}})  # the first rows in its order
    pipeline.documents("t").update_one({"_id.a": "key 6"}, {"$inc": {"n": 1}})
    for target, differing in (("mongodb", 2), ("redis", 0)):
        state = pipeline.folder / f"state-{target}"
        part = pipeline.folder / f"state-{target}.{target}.part"
        arguments = ("--target", target, "--resume", str(state))
        pipeline.options["verify"] = {"rate": 2500, "chunk_rows": 500}
        begin = pipeline.database.value(reads)
        started = pipeline.start("tailrace-verify", *arguments)
        wait.until(part.exists, "a part")
        started.kill()
        middle = pipeline.database.value(reads) - begin
        assert n * 0.3 < middle < n * 0.9
        kept = part.read_bytes()
        pipeline.options["verify"] = {}
        report = verify(pipeline, *arguments, code=DIFFERENT if differing else EQUAL)
        [line] = report.tables()
        assert (line["source_rows"], line["target_rows"], line["different"]) == (n, n, differing)
        assert "goes on within what an earlier run had read in part" in report.text
        rest = pipeline.database.value(reads) - begin - middle - (n if differing else 0)
        assert rest < n * 0.8, f"the table was begun anew: {target} {middle} {rest}"
        assert not part.exists()
    # what a crash spoiled, or what does not fit any more, is not gone on with
    for spoiled in (kept[:-1], kept[:2000] + bytes([kept[2000] ^ 1]) + kept[2001:]):
        part.write_bytes(spoiled)
        assert "begins anew" in verify(pipeline, *arguments).text
    part.write_bytes(kept)
    pipeline.database.sql("SET SESSION sql_log_bin = 0", "ALTER TABLE t MODIFY n BIGINT")
    assert "a table has changed" in verify(pipeline, *arguments).text


def test_watch_follows_the_stream(pipeline):
    """A row that changes is looked at as a whole, and at once, though the walk is far from it."""
    rows = 3000
    prepare(pipeline)
    pipeline.database.sql("CREATE TABLE t (id INT PRIMARY KEY, n INT, m INT)",
                          "INSERT INTO t VALUES " + ", ".join(f"({n}, 0, 0)" for n in range(rows)))
    pipeline.publish()
    pipeline.apply("mongodb")
    pipeline.start_publisher()
    pipeline.start_applier("mongodb")
    pipeline.options["verify"] = {"rate": 1, "chunk_rows": 100}
    watching = pipeline.start("tailrace-verify", "--watch", "--target", "mongodb")
    watching.wait_for("follows the topics")
    for id_ in (rows - 1, rows - 7):
        assert pipeline.documents("t").update_one({"_id": id_}, {"$set": {"m": 2}}).modified_count == 1
        pipeline.database.sql("SET SESSION binlog_row_image = MINIMAL",  # the copy's m stays wrong
                              f"UPDATE t SET n = n + 1 WHERE id IN ({id_}, {id_ - 1})")
        watching.wait_for(rf'difference table=\S+\.t target=mongodb key=\S*id\S*{id_}\S* is=different')
    assert watching.stop() == DIFFERENT
    assert "walked over all tables" not in watching.log()
    assert watching.log().count(" difference ") == 2, watching.log()


def test_watch(pipeline):
    """A copy that is changed wrongly, one of a row that changes and one of a row that rests."""
    prepare(pipeline)
    pipeline.database.sql("CREATE TABLE t (id INT PRIMARY KEY, n INT)",
                          "INSERT INTO t VALUES (1, 1), (2, 2), (3, 3), (4, 4)")
    pipeline.publish()
    pipeline.apply("mongodb")
    pipeline.start_publisher()
    pipeline.start_applier("mongodb")
    watching = pipeline.start("tailrace-verify", "--watch", "--target", "mongodb")
    watching.wait_for(r"walked over all tables target=mongodb differences=0")
    for n in range(20):
        pipeline.database.sql(f"UPDATE t SET n = {n + 100} WHERE id = 2")
    watching.wait_for(r"walked over all tables target=mongodb differences=0")
    pipeline.documents("t").update_one({"_id": 4}, {"$set": {"n": 5}})
    watching.wait_for(r'difference table=\S+\.t target=mongodb key=\S*id\S*4\S* is=different')
    assert watching.stop() == DIFFERENT
    assert "id\\\":2" not in watching.log() and 'id":2' not in watching.log()


@pytest.mark.parametrize("target", ["mongodb", "redis"])
def test_repair(pipeline, target):
    """What differs is published again, and equal after that; a dry run changes nothing."""
    damage = {"mongodb": Mongodb, "redis": RedisHash}[target](pipeline)
    prepare(pipeline)
    pipeline.database.sql("CREATE TABLE t (id INT PRIMARY KEY, s VARCHAR(20), n INT)",
                          "INSERT INTO t VALUES " + ", ".join(f"({n}, 'row\t{n}', {n})" for n in range(50)),
                          "CREATE TABLE label (a VARCHAR(20), b INT, c INT, PRIMARY KEY (a, b))",
                          "INSERT INTO label VALUES ('x\"\\n:%', 1, 1), ('', 2, 2)")
    pipeline.publish()
    pipeline.apply(target)
    pipeline.start_publisher()
    pipeline.start_applier(target)
    damage.remove("t", 1)
    damage.copy_row("t", 2, 999)
    damage.flip("t", 3, "n")
    if target == "mongodb":
        pipeline.documents("label").delete_many({})
    else:
        pipeline.redis.delete(*pipeline.keys(f"{pipeline.name}:label:*"))
    arguments = ("--target", target, "--repair")
    report = verify(pipeline, *arguments, "--dry-run", code=DIFFERENT)
    assert '{"id":999}' in report.text and report.tables(target)[1]["repaired"] == 0
    assert "more than 2" in verify(pipeline, *arguments, "--limit", "2", code=DIFFERENT).text
    report = verify(pipeline, *arguments, code=EQUAL)
    assert [line["repaired"] for line in report.tables(target)] == [2, 3]
    verify(pipeline, "--target", target)


def test_stopped_repair(pipeline):
    """Nobody publishes what it asks for; a stop ends it, and what it waits with."""
    prepare(pipeline)
    pipeline.database.sql("CREATE TABLE t (id INT PRIMARY KEY, n INT)", "INSERT INTO t VALUES (1, 1)")
    pipeline.publish()
    pipeline.apply("mongodb")
    Mongodb(pipeline).flip("t", 1, "n")
    repair = pipeline.start("tailrace-verify", "--target", "mongodb", "--repair")
    repair.wait_for("the command is taken when it starts")
    stop(repair, DIFFERENT)
    assert "the repair of" in repair.log() and "is not complete" in repair.log()
    with pytest.raises(ProcessLookupError):
        os.killpg(repair.process.pid, 0)


@pytest.mark.own("source", "kafka", "mongodb", "redis")
@pytest.mark.parametrize("server, command, code", [
    ("mysql", ["tailrace-verify"], UNKNOWN), ("kafka", ["tailrace-verify"], UNKNOWN),
    ("mongodb", ["tailrace-verify"], UNKNOWN), ("redis", ["tailrace-verify"], UNKNOWN),
    ("mongodb", ["tailrace-verify", "--watch"], UNKNOWN),
    ("kafka", ["tailrace-publish", "offsets", "show"], TRY_AGAIN),
    ("mysql", ["tailrace-publish", "check"], TRY_AGAIN),
    ("mongodb", ["tailrace-apply-mongodb", "check"], TRY_AGAIN),
    ("redis", ["tailrace-apply-redis", "offsets", "show"], TRY_AGAIN)],
    ids=lambda value: " ".join(value) if isinstance(value, list) else str(value))
def test_stopped_while_a_server_sleeps(pipeline, server, command, code):
    """One that answers nobody holds no command up, and none that was stopped says that it was done."""
    prepare(pipeline)
    pipeline.database.sql("CREATE TABLE t (id INT PRIMARY KEY)", "INSERT INTO t VALUES (1)")
    pipeline.publish()
    pipeline.apply()
    pipeline.database.sql("INSERT INTO t VALUES (2)")  # nobody publishes it: verify has to wait for it
    with stack.asleep(*(["kafka-a", "kafka-b"] if server == "kafka" else [server])):
        stopping = pipeline.start(*command)
        time.sleep(1)
        stop(stopping, code)


def test_altered_meanwhile(pipeline):
    """A column that comes while the table is being read is no difference: it could not be told."""
    prepare(pipeline)
    pipeline.database.sql("CREATE TABLE t (id INT PRIMARY KEY)",
                          "INSERT INTO t VALUES " + ", ".join(f"({n})" for n in range(2000)))
    pipeline.publish()
    pipeline.apply("mongodb")
    pipeline.start_publisher()
    pipeline.start_applier("mongodb")
    pipeline.options["verify"] = {"rate": 500}
    pipeline.documents("t").delete_one({"_id": 5})  # so that the table is read a second time
    verifying = pipeline.start("tailrace-verify", "--target", "mongodb")
    time.sleep(1.5)
    pipeline.database.sql("ALTER TABLE t ADD n INT", "UPDATE t SET n = id")
    assert verifying.wait(60) == UNKNOWN
    assert "altered meanwhile" in verifying.log()
    pipeline.options["verify"] = {}
    verify(pipeline, "--target", "mongodb")
