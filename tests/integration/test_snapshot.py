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
