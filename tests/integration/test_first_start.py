# SPDX-License-Identifier: Apache-2.0
"""The very first start with nothing said about it: all tables are copied, or it says what is in the way."""

import pytest

from tests.integration import wait
from tests.integration.pipeline import expect
from tests.integration.test_check import check, has
from tests.integration.test_snapshot import SERVERS, status

REFUSED = 77


@pytest.fixture
def fresh(pipeline):
    """A pipeline that says nothing of where to start; the account has no right to read yet."""
    del pipeline.options["publish"]["start"]
    return pipeline


def grant(pipeline, on):
    pipeline.database.sql(f"GRANT SELECT ON {on} TO '{pipeline.name}'@'%'")


def refusal(pipeline):
    """The first start has to be refused, by the check as well; what it says of both ways out."""
    said = expect(pipeline.start_publisher("--until-caught-up"), REFUSED).log().splitlines()[-1]
    assert "start = earliest" in said
    assert has(check(pipeline, code=1)["fail"], "first copy", "start = earliest")
    pipeline.assert_nothing_written()
    return said


@SERVERS
def test_copies_what_is_there(fresh):
    """With no more rights than on the schema that is read, and many tables that are empty."""
    pipeline, database = fresh, fresh.database
    empty = [f"empty_{number}" for number in range(40)]
    database.sql("CREATE TABLE t (id INT PRIMARY KEY, v VARCHAR(20))", "INSERT INTO t VALUES (1, 'one'), (2, 'two')",
                 *[f"CREATE TABLE {name} (id INT PRIMARY KEY)" for name in empty],
                 "CREATE VIEW v AS SELECT * FROM t")
    grant(pipeline, f"{pipeline.name}.*")
    assert has(check(pipeline)["ok"], "first copy", "41 tables", "are copied first")
    pipeline.publish()
    database.sql("UPDATE t SET v = 'zwei' WHERE id = 2", "INSERT INTO empty_7 VALUES (1)")
    pipeline.converge()
    first = status(pipeline, "first")[0]
    assert (first["phase"], first["rows"], len(first["list"])) == ("done", 2, 41)
    tables = [name.rsplit(".", 1)[1] for name in pipeline.topics.names() if name.count(".") == 2]
    assert sorted(tables) == ["empty_7", "t"], "topics are made for what has rows"


def test_no_tables(fresh):
    """It says so, and goes on with those that come."""
    pipeline = fresh
    grant(pipeline, f"{pipeline.name}.*")
    assert has(check(pipeline)["warn"], "first copy", "no table fits", f"{pipeline.name}.*")
    publisher = pipeline.start_publisher()
    publisher.wait_for("a snapshot of nothing: no table fits")
    pipeline.database.sql("CREATE TABLE t (id INT PRIMARY KEY)", "INSERT INTO t VALUES (1)")
    wait.until(lambda: f"{pipeline.name}.{pipeline.name}.t" in pipeline.topics.names(), "the stream")
    publisher.stop()
    pipeline.converge()


@SERVERS
def test_rights(fresh):
    """What the account lacks, as narrow as what is read allows; with earliest it is not needed."""
    pipeline, name = fresh, fresh.name
    pipeline.database.sql("CREATE TABLE t (id INT PRIMARY KEY)", "CREATE TABLE u (id INT PRIMARY KEY)")
    assert f"GRANT SELECT ON `{name}`.* TO '{name}'" in refusal(pipeline)
    pipeline.options["tables"]["include"] = f"{name}.t, {name}.u"
    grant(pipeline, f"{name}.t")
    assert f"all tables of {name}.u" in refusal(pipeline)
    grant(pipeline, f"{name}.u")
    assert has(check(pipeline)["ok"], "first copy", "2 tables")
    pipeline.options["tables"]["include"] = f"{name[:-1]}?.*"
    assert f"GRANT SELECT ON *.* TO '{name}'" in refusal(pipeline)
    pipeline.options["publish"]["start"] = "latest"
    pipeline.publish()


@SERVERS
def test_tables_without_a_key(fresh):
    """The stream would stop at their first change: they are named before anything is written."""
    pipeline, database = fresh, fresh.database
    database.sql("CREATE TABLE t (id INT PRIMARY KEY)", "CREATE TABLE unique_key (a INT NOT NULL, UNIQUE (a))",
                 "CREATE TABLE maybe (a INT, UNIQUE (a))", "CREATE TABLE prefix (a VARCHAR(99) NOT NULL, UNIQUE (a(5)))",
                 "CREATE TABLE log (a INT)", "INSERT INTO log VALUES (1), (1)")
    grant(pipeline, f"{pipeline.name}.*")
    said = refusal(pipeline)
    assert "3 of the tables have no primary key" in said
    assert ", ".join(f"{pipeline.name}.{name}" for name in ("log", "maybe", "prefix")) in said
    assert "[tables] exclude" in said and "keyless = whole-row" in said
    pipeline.options["tables"]["exclude"] = "*.log, *.maybe, *.prefix"
    assert has(check(pipeline)["ok"], "first copy", "2 tables")
    del pipeline.options["tables"]["exclude"]
    pipeline.options["publish"]["keyless"] = "whole-row"
    pipeline.publish()
    assert len(pipeline.topics.table("log")) == 2


def test_settings(fresh):
    """Without whole row images a copy could not converge."""
    pipeline = fresh
    grant(pipeline, f"{pipeline.name}.*")
    with pipeline.database.setting("binlog_row_image", "MINIMAL"):
        assert "SET GLOBAL binlog_row_image = FULL" in refusal(pipeline)
    pipeline.publish()


def test_without_gtids(fresh):
    """MySQL does not tell then what a view shows: refused with the way to GTIDs, and the one without."""
    pipeline = fresh
    grant(pipeline, f"{pipeline.name}.*")
    pipeline.database.sql("CREATE TABLE t (id INT PRIMARY KEY)")
    with pipeline.database.setting("gtid_mode", "ON_PERMISSIVE"):
        assert "SET GLOBAL gtid_mode = OFF_PERMISSIVE" in refusal(pipeline)
        pipeline.options["publish"]["start"] = "latest"
        publisher = pipeline.start_publisher()
        publisher.wait_for("started")
        pipeline.database.sql("INSERT INTO t VALUES (1)")
        wait.until(lambda: f"{pipeline.name}.{pipeline.name}.t" in pipeline.topics.names(), "the stream")
        publisher.stop()
