# SPDX-License-Identifier: Apache-2.0
"""Rows that lie in the log before it is known what becomes of them: XA transactions, savepoints, rollbacks."""

from contextlib import contextmanager

import pymysql
import pytest

from tests.integration import wait
from tests.integration.pipeline import expect
from tests.integration.test_kill import LARGE_ROWS, rows_out
from tests.integration.test_positions import each_source, published, table_with_rows
from tests.integration.test_refusals import private_pipeline, purge  # noqa: F401 (a fixture)



def prepare(database, xid, *statements):
    """An XA transaction that is prepared, its connection closed."""
    connection = database.connect()
    with connection.cursor() as cursor:
        for statement in [f"XA START '{xid}'", *statements, f"XA END '{xid}'", f"XA PREPARE '{xid}'"]:
            cursor.execute(statement)
    connection.close()


def decide(database, verb, xid):
    """The server may take a moment to let go of the closed connection."""
    def done():
        try:
            database.sql(f"XA {verb} '{xid}'")
        except pymysql.err.OperationalError as error:
            assert error.args[0] in (1397, 1399), error
            return False
        return True
    wait.until(done, f"XA {verb}")


@contextmanager
def no_leftovers(database):
    """A prepared transaction holds locks until the server's end."""
    try:
        yield
    finally:
        for _, length, _, name in database.rows("XA RECOVER"):
            if length:
                decide(database, "ROLLBACK", name if isinstance(name, str) else name.decode())


def pending(pipeline):
    return [item["xid"] for item in pipeline.checkpoint().get("pending", [])]


def xid_text(name):
    return f"X'{name.encode().hex()}',X'',1"


def gtid_of_last(database, before):
    """Of the one transaction since then; MariaDB's position names the last of each domain."""
    after = database.executed()
    if database.kind == "mariadb":
        return next(gtid for gtid in after.split(",") if gtid.startswith("0-"))
    return database.value(f"SELECT GTID_SUBTRACT('{after}', '{before}')").replace("\n", "")


def decided_over_restarts(pipeline, database):
    """Rows come with XA COMMIT, once, whatever was restarted in between; never after XA ROLLBACK. The commit's
    GTID, if there are any."""
    a, b = pipeline.name + "a", pipeline.name + "b"
    with no_leftovers(database):
        table_with_rows(database, 1, 1)
        prepare(database, a, "INSERT INTO t VALUES (2), (3)")
        prepare(database, b, "INSERT INTO t VALUES (20)", "DELETE FROM t WHERE id = 20",
                "INSERT INTO t VALUES (21)")
        table_with_rows(database, 4, 4)
        pipeline.publish()
        assert published(pipeline) == [1, 4]
        assert pending(pipeline) == [xid_text(a), xid_text(b)]
        assert "2 XA transactions" in pipeline.offsets("show")
        database.sql("FLUSH BINARY LOGS")
        table_with_rows(database, 5, 5)
        pipeline.publish()
        assert published(pipeline) == [1, 4, 5] and len(pending(pipeline)) == 2
        before = database.executed()
        decide(database, "COMMIT", a)
        commit = gtid_of_last(database, before)
        decide(database, "ROLLBACK", b)
        table_with_rows(database, 6, 6)
        pipeline.publish()
        assert published(pipeline) == [1, 2, 3, 4, 5, 6] and pending(pipeline) == []
        assert pipeline.checkpoint()["file_ts"] > 0
    return commit


@each_source
def test_xa_over_restarts(pipeline, database):
    commit = decided_over_restarts(pipeline, database)
    changes = {change["after"]["id"]: change for change in pipeline.topics.changes(f"{pipeline.name}.t")}
    for order, row in enumerate((2, 3), 1):
        assert changes[row]["source"]["gtid"] == commit
        assert changes[row]["transaction"] == {"id": commit, "total_order": order}
        assert changes[row]["source"]["pos"] < changes[4]["source"]["pos"]
    pipeline.converge()


@each_source
def test_xa_killed_in_its_commit(pipeline, database):
    """A large one: prepared, read, killed; committed; killed again while its rows go out. Others that were
    read in between are not read twice."""
    xid = pipeline.name + "large"
    pipeline.options["publish"]["transaction_bytes"] = "256KiB"
    with no_leftovers(database):
        database.sql("CREATE TABLE digit (d INT PRIMARY KEY)",
                     "INSERT INTO digit VALUES (0), (1), (2), (3), (4), (5), (6), (7), (8), (9)",
                     "CREATE TABLE large (id INT PRIMARY KEY, text VARCHAR(100))")
        prepare(database, xid,
                "INSERT INTO large SELECT a.d + 10 * b.d + 100 * c.d + 1000 * d.d + 10000 * e.d AS id,"
                " REPEAT('x', 50) FROM digit a, digit b, digit c, digit d, digit e"
                f" HAVING id < {LARGE_ROWS}")
        table_with_rows(database, 1, 3)
        publisher = pipeline.start_publisher()
        wait.until(lambda: pipeline.checkpoint() and pending(pipeline), "it is read")
        publisher.kill()
        table_with_rows(database, 4, 5)
        decide(database, "COMMIT", xid)
        table_with_rows(database, 6, 6)
        rows = 0
        for _ in range(3):
            publisher = pipeline.start_publisher()
            wait.until(lambda: rows_out(pipeline) > rows, f"more than {rows} rows", pause_s=0)
            publisher.kill()
            rows = rows_out(pipeline)
            assert rows < LARGE_ROWS, "it was through before it was killed"
        pipeline.publish()
        assert published(pipeline) == [1, 2, 3, 4, 5, 6]
        found = [record.keys()["id"] for record in pipeline.topics.table("large")]
        assert len(found) == len(set(found)) == LARGE_ROWS
        assert pending(pipeline) == []


def test_xa_whose_binlog_is_purged(private_pipeline):  # noqa: F811
    pipeline, database = private_pipeline, private_pipeline.database
    with no_leftovers(database):
        table_with_rows(database, 1, 1)
        prepare(database, "kept", "INSERT INTO t VALUES (2)")
        pipeline.publish()
        database.sql("FLUSH BINARY LOGS")
        table_with_rows(database, 3, 3)
        pipeline.publish()
        purge(database)
        failed = expect(pipeline.start_publisher("--until-caught-up"), 77)
        assert xid_text("kept") in failed.log() and "purged" in failed.log()


@each_source
def test_xa_prepared_before_the_start(pipeline, database):
    """Its rows are unknown: refused at XA COMMIT, not at XA ROLLBACK."""
    a, b = pipeline.name + "a", pipeline.name + "b"
    with no_leftovers(database):
        table_with_rows(database, 1, 1)
        prepare(database, a, "INSERT INTO t VALUES (2)")
        prepare(database, b, "INSERT INTO t VALUES (3)")
        pipeline.options["publish"]["start"] = f"gtid:{database.executed()}"
        decide(database, "ROLLBACK", a)
        table_with_rows(database, 4, 4)
        decide(database, "COMMIT", b)
        failed = expect(pipeline.start_publisher("--until-caught-up"), 65)
        assert f"XA COMMIT {xid_text(b)}: it was prepared before" in failed.log()
        assert published(pipeline) == [4]


@pytest.mark.parametrize("source", ["mariadb"], indirect=True)
def test_large_rollback_in_the_log(pipeline, database):
    """MariaDB logs what was undone where a temporary table was made in the transaction: of any size, nothing of
    it is published."""
    database.sql("CREATE TABLE t (id INT PRIMARY KEY, text VARCHAR(1000))", "BEGIN",
                 "INSERT INTO t VALUES (1, 'a')", "CREATE TEMPORARY TABLE x (a INT)", "SAVEPOINT s",
                 "INSERT INTO t SELECT seq, REPEAT('x', 900) FROM seq_10_to_20000", "ROLLBACK TO s",
                 "INSERT INTO t VALUES (2, 'b')", "COMMIT", "BEGIN",
                 "INSERT INTO t SELECT seq, REPEAT('x', 900) FROM seq_10_to_20000",
                 "CREATE TEMPORARY TABLE y (a INT)", "ROLLBACK", "INSERT INTO t VALUES (3, 'c')")
    pipeline.publish()
    assert published(pipeline) == [1, 2, 3]
    pipeline.apply()
    pipeline.assert_equal()


@pytest.mark.parametrize("source", ["mariadb"], indirect=True)
def test_xa_in_several_domains(pipeline, database):
    """MariaDB's position has the last GTID of each domain: a dump that starts over for one XA transaction brings
    again what other domains did since, which is passed over."""
    names = [pipeline.name + "a", pipeline.name + "b"]

    def insert(domain, number):
        database.sql(f"SET SESSION gtid_domain_id = {domain}", f"INSERT INTO t VALUES ({number})")

    def publish_and_expect(numbers, n_pending):
        pipeline.publish()
        assert published(pipeline) == numbers and len(pending(pipeline)) == n_pending

    with no_leftovers(database):
        table_with_rows(database, 1, 1)
        prepare(database, names[0], "INSERT INTO t VALUES (2)")
        insert(5, 3)
        prepare(database, names[1], "INSERT INTO t VALUES (4)")
        database.sql("FLUSH BINARY LOGS")
        insert(7, 6)
        publish_and_expect([1, 3, 6], 2)
        insert(5, 7)
        publish_and_expect([1, 3, 6, 7], 2)
        decide(database, "COMMIT", names[1])
        insert(0, 8)
        publish_and_expect([1, 3, 4, 6, 7, 8], 1)
        decide(database, "COMMIT", names[0])
        insert(9, 10)
        publish_and_expect([1, 2, 3, 4, 6, 7, 8, 10], 0)
        database.sql("SET SESSION gtid_domain_id = 0")
