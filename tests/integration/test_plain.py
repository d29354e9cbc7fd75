# SPDX-License-Identifier: Apache-2.0
"""MySQL as it is where nobody has prepared it for us: no GTIDs, and neither names nor full types of columns in its
log. Places are file:position, and exactly once has to hold all the same."""

import secrets
import subprocess

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


def test_another_server_behind_the_address(pipeline, database):
    """Without GTIDs nothing says which of its transactions are known: refused."""
    table_with_rows(database, 1, 2)
    pipeline.publish()
    database.sql("FLUSH BINARY LOGS")
    database.sql("RESET BINARY LOGS AND GTIDS")
    table_with_rows(database, 3, 3)
    refused = expect(pipeline.start_publisher("--until-caught-up"), 77)
    assert "offsets reset publisher" in refused.log() and published(pipeline) == [1, 2]
