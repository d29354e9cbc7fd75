# SPDX-License-Identifier: Apache-2.0
"""MySQL as it is where nobody has prepared it for us: no GTIDs, and neither names nor full types of columns in its
log. Places are file:position, and exactly once has to hold all the same."""

import secrets
import subprocess
import time

import pytest

from tests.integration.database import Database
from tests.integration.load import Load, assert_each_change_once
from tests.integration.pipeline import Pipeline, expect
from tests.integration.test_kill import kill_publishers
from tests.integration.test_positions import published, table_with_rows
from tests.integration.test_undecided import decide, no_leftovers, pending, prepare, xid_text
from tests.lib import programs

STACK = programs.ROOT / "tests/stack/stack"


@pytest.fixture(scope="module")
def server():
    """Its URL."""
    subprocess.run([STACK, "start", "mysql-plain"], check=True, capture_output=True)
    printed = subprocess.run([STACK, "env", "mysql-plain"], check=True, text=True, capture_output=True)
    yield printed.stdout.splitlines()[0].split("=", 1)[1]
    subprocess.run([STACK, "stop", "mysql-plain"], check=True, capture_output=True)


@pytest.fixture
def pipeline(server, folder):
    """From that server, at the place where it stands now."""
    name = "t" + secrets.token_hex(4)
    database = Database("mysql", server, name)
    [(file, pos, *_)] = database.rows("SHOW BINARY LOG STATUS")
    database.sql(f"GRANT SELECT ON {name}.* TO '{name}'@'%'")
    path = Pipeline(name, database, "libmariadb", folder, server_id=secrets.randbelow(10**9) + 10**6)
    path.options["publish"]["start"] = f"{file}:{pos}"
    yield path
    path.close()
    database.close()


def test_killed_under_load(pipeline, database):
    """While rows change and files end."""
    with Load(database) as running:
        kills = kill_publishers(pipeline, 5, lambda: database.sql("FLUSH BINARY LOGS"))
    assert kills > 4 and running.transactions > 100
    pipeline.converge()
    assert_each_change_once(pipeline)
    assert pipeline.checkpoint()["gtid"] == ""


def test_xa_over_restarts(pipeline, database):
    """Rows come with XA COMMIT, once, though nothing but file and position tells the transactions apart."""
    a, b = pipeline.name + "a", pipeline.name + "b"
    with no_leftovers(database):
        table_with_rows(database, 1, 1)
        prepare(database, a, "INSERT INTO t VALUES (2), (3)")
        prepare(database, b, "INSERT INTO t VALUES (20)")
        table_with_rows(database, 4, 4)
        pipeline.publish()
        assert published(pipeline) == [1, 4] and pending(pipeline) == [xid_text(a), xid_text(b)]
        database.sql("FLUSH BINARY LOGS")
        table_with_rows(database, 5, 5)
        pipeline.publish()
        decide(database, "COMMIT", a)
        decide(database, "ROLLBACK", b)
        table_with_rows(database, 6, 6)
        pipeline.publish()
        assert published(pipeline) == [1, 2, 3, 4, 5, 6] and pending(pipeline) == []
        pipeline.converge()


def test_reset(pipeline, database):
    """The server has begun anew, and its new files are as large as the old ones: still they are others."""
    reset = "RESET BINARY LOGS AND GTIDS"
    database.sql(reset, "CREATE TABLE t (id INT PRIMARY KEY)")
    table_with_rows(database, 1, 2)
    pipeline.options["publish"]["start"] = "earliest"
    pipeline.publish()
    checkpoint = pipeline.checkpoint()
    time.sleep(1.1)  # a file's time is in seconds
    database.sql("DROP TABLE t", reset, "CREATE TABLE t (id INT PRIMARY KEY)")
    table_with_rows(database, 3, 5)
    borders = [row[4] for row in database.rows(f"SHOW BINLOG EVENTS IN '{checkpoint['file']}'")]
    assert checkpoint["pos"] in borders[:-1]
    refused = expect(pipeline.start_publisher("--until-caught-up"), 77)
    assert "it was reset" in refused.log() and "offsets reset publisher" in refused.log()
    assert published(pipeline) == [1, 2]
    assert [pipeline.checkpoint()[name] for name in ("file", "pos")] == [checkpoint[name] for name in ("file", "pos")]
