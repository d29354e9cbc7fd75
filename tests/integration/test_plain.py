# SPDX-License-Identifier: Apache-2.0
"""MySQL as it is where nobody has prepared it for us: no GTIDs, and neither names nor full types of columns in its
log. Places are file:position, and exactly once has to hold all the same."""

import secrets
import time

import pytest

from tests.integration.database import Database
from tests.integration.load import Load, assert_each_change_once
from tests.integration.pipeline import Pipeline, expect
from tests.integration.test_kill import kill_publishers
from tests.integration.test_positions import published, table_with_rows
from tests.integration.test_undecided import decided_over_restarts
from tests.lib import stack


@pytest.fixture(scope="module")
def server():
    """Its URL."""
    with stack.started("mysql-plain") as url:
        yield url


@pytest.fixture
def pipeline(server, folder):
    """From that server, at the place where it stands now."""
    name = "t" + secrets.token_hex(4)
    database = Database("mysql", server, name)
    database.sql(f"GRANT SELECT ON {name}.* TO '{name}'@'%'")
    path = Pipeline(name, database, "libmariadb", folder, server_id=secrets.randbelow(10**9) + 10**6)
    path.options["publish"]["start"] = database.position()
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
    """Nothing but file and position tells the transactions apart."""
    decided_over_restarts(pipeline, database)
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
