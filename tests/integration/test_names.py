# SPDX-License-Identifier: Apache-2.0
"""Rows that were logged without column names (binlog_row_metadata=MINIMAL, NO_LOG): names from the server, or a
refusal; never names of another time."""

import pytest

from tests.integration import wait
from tests.integration.pipeline import expect, stop
from tests.integration.test_path import kinds

MODES = [("mysql", "MINIMAL"), ("mariadb", "NO_LOG"), ("mariadb", "MINIMAL")]
every_mode = pytest.mark.parametrize("source, metadata", MODES, indirect=["source"])
each_mode = pytest.mark.parametrize("source, metadata", MODES[:2], indirect=["source"])
one_mode = pytest.mark.parametrize("source, metadata", MODES[:1], indirect=["source"])


@pytest.fixture
def bare(database, metadata):
    """The rows of the test have no names."""
    grant(database)
    with database.setting("binlog_row_metadata", f"'{metadata}'"):
        yield database


def grant(database):
    database.sql(f"GRANT SELECT ON {database.schema}.* TO '{database.schema}'@'%'")


def rows_of(pipeline, table="t"):
    return [record.row() for record in pipeline.topics.table(table) if record.value]


@every_mode
def test_all_types(pipeline, bare):
    """Every value, and the shape in each record, are those that full metadata give."""
    kinds(bare)
    pipeline.converge()
    shapes = shapes_of(pipeline)
    bare.sql("SET GLOBAL binlog_row_metadata = 'FULL'", "DELETE FROM kinds")
    pipeline.converge()
    assert shapes_of(pipeline) == shapes and len(shapes) == 1


def shapes_of(pipeline):
    return {record.headers["columns"] for record in pipeline.topics.table("kinds") if record.value}


@each_mode
def test_altered_while_it_runs(pipeline, bare):
    """Names, keys and labels change with the statement, row by row."""
    bare.sql("CREATE TABLE t (id INT PRIMARY KEY, a INT UNSIGNED, e ENUM('x', 'y'))",
             "CREATE TABLE other (a INT PRIMARY KEY)")
    publisher = pipeline.start_publisher()
    steps = [("INSERT INTO t VALUES (1, 4000000000, 'y')", {"id": 1, "a": 4000000000, "e": "y"}),
             ("ALTER TABLE t RENAME COLUMN a TO b", None),
             ("INSERT INTO t VALUES (2, 2, 'x')", {"id": 2, "b": 2, "e": "x"}),
             ("ALTER TABLE other RENAME COLUMN a TO b", None),
             ("ALTER TABLE t MODIFY e ENUM('x', 'y', 'z')", None),
             ("INSERT INTO t VALUES (3, 3, 'z')", {"id": 3, "b": 3, "e": "z"}),
             ("ALTER TABLE t DROP PRIMARY KEY, ADD PRIMARY KEY (b)", None),
             ("INSERT INTO t VALUES (4, 5, 'z')", {"id": 4, "b": 5, "e": "z"})]
    seen = 0
    for statement, row in steps:
        bare.sql(statement)
        seen += row is not None
        if row:
            wait.until(lambda: has_row(pipeline, row), statement)
    stop(publisher)
    assert len(rows_of(pipeline)) == seen
    assert [record.keys() for record in pipeline.topics.table("t")
            if record.row() == steps[-1][1]] == [{"b": 5}]


def has_row(pipeline, row):
    return f"{pipeline.name}.{pipeline.name}.t" in pipeline.topics.names() and row in rows_of(pipeline)


SWAP = "ALTER TABLE t RENAME COLUMN a TO x, RENAME COLUMN c TO a"


@pytest.mark.parametrize("source, metadata, statement", [
    *((*MODES[1], statement) for statement in (
        SWAP, "CREATE OR REPLACE TABLE t (id INT PRIMARY KEY, c INT, a INT)")), *((*MODES[0], statement) for statement in (
        SWAP, "RENAME TABLE t TO u", "DROP TABLE t", "CREATE UNIQUE INDEX i ON t (c)"))],
    indirect=["source"])
def test_altered_behind_the_rows(pipeline, bare, statement):
    """The server shows what they are not: refused, with the place of the statement."""
    bare.sql("CREATE TABLE before_it (id INT PRIMARY KEY)", "INSERT INTO before_it VALUES (1)",
             "CREATE TABLE t (id INT PRIMARY KEY, a INT, c INT NOT NULL)", "INSERT INTO t VALUES (1, 2, 3)")
    file = bare.position().split(":")[0]
    bare.sql(statement)
    failed = expect(pipeline.start_publisher("--until-caught-up"), 65)
    assert f"follows \"{statement.split()[0]} " in failed.log() and f"at {file}:" in failed.log()
    assert rows_of(pipeline, "before_it") == [{"id": 1}]
    assert f"{pipeline.name}.{pipeline.name}.t" not in pipeline.topics.names()


@each_mode
def test_tables_created_behind_the_rows(pipeline, bare):
    """As programs do when they start: the table is there and stays as it is."""
    create = "CREATE TABLE IF NOT EXISTS t (id INT PRIMARY KEY, a INT)"
    bare.sql(create, "INSERT INTO t VALUES (1, 2)", create, "CREATE TABLE u LIKE t", "INSERT INTO t VALUES (2, 3)")
    pipeline.publish()
    assert sorted(row["id"] for row in rows_of(pipeline)) == [1, 2]


@one_mode
def test_left_out_tables_need_no_names(pipeline, bare):
    bare.sql("CREATE TABLE t (id INT PRIMARY KEY)", "CREATE TABLE hidden (id INT PRIMARY KEY, a INT)",
             "INSERT INTO hidden VALUES (1, 2)", "ALTER TABLE hidden RENAME COLUMN a TO b",
             "INSERT INTO t VALUES (1)")
    pipeline.options["tables"]["exclude"] = f"{pipeline.name}.hidden"
    pipeline.publish()
    assert rows_of(pipeline) == [{"id": 1}]


def test_another_shape(pipeline, database):
    """A statement that was kept out of the log: both shapes are named."""
    grant(database)
    with database.setting("binlog_row_metadata", "'MINIMAL'"):
        database.sql("CREATE TABLE t (id INT PRIMARY KEY, a INT UNSIGNED)", "INSERT INTO t VALUES (1, 2)",
                     "SET SESSION sql_log_bin = 0", "ALTER TABLE t MODIFY a BIGINT UNSIGNED",
                     "SET SESSION sql_log_bin = 1")
        failed = expect(pipeline.start_publisher("--until-caught-up"), 65)
    assert "the log has (int, int unsigned), the server" in failed.log()
    assert "bigint unsigned" in failed.log()


def test_right_that_is_missing(pipeline, database):
    """The account may not see the table: the GRANT is named; with it publishing goes on."""
    with database.setting("binlog_row_metadata", "'MINIMAL'"):
        database.sql("CREATE TABLE t (id INT PRIMARY KEY)", "INSERT INTO t VALUES (1)")
        failed = expect(pipeline.start_publisher("--until-caught-up"), 77)
        assert "GRANT SELECT" in failed.log()
        grant(database)
        pipeline.publish()
    assert rows_of(pipeline) == [{"id": 1}]
