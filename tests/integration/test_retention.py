# SPDX-License-Identifier: Apache-2.0
"""How long the server keeps what is not published yet: shown, warned of while there is time, refused
afterwards; and a source without traffic, whose checkpoint moves nevertheless."""

import time

import pytest

from tests.integration import private, wait
from tests.integration.database import Database
from tests.integration.pipeline import Pipeline, expect, stop
from tests.integration.test_positions import each_source, published, table_with_rows
from tests.integration.test_refusals import purge


@pytest.fixture
def private_path(folder):
    """A pipeline from a MariaDB of its own, for settings that remove files."""
    with private.mariadb(folder, "--log-bin=binlog") as url:
        database = Database("mariadb", url, "tretention")
        path = Pipeline("tretention", database, "libmariadb", folder, server_id=79)
        yield path
        path.close()


def shown(path):
    return path.shown()[0]


@each_source
def test_time_left(pipeline, database):
    """The file that is needed goes so long after the next one was begun; the newest is not counted down."""
    keep_s = 4000  # longer than the tests take: nothing is removed
    table_with_rows(database, 1, 1)
    pipeline.publish()
    with database.setting("binlog_expire_logs_seconds", keep_s):
        retention = shown(pipeline)["retention"]
        assert retention == {"file": database.binlog_files()[-1], "seconds_left": keep_s,
                             "bytes_left": None, "percent_left": 100}
        needed = database.binlog_files()[-1]
        table_with_rows(database, 2, 2)
        database.sql("FLUSH BINARY LOGS")
        begin = time.monotonic()
        table_with_rows(database, 3, 3)
        time.sleep(2.2)
        retention = shown(pipeline)["retention"]
        gone_s = time.monotonic() - begin
        assert retention["file"] == needed
        assert keep_s - gone_s - 2 <= retention["seconds_left"] <= keep_s - 2
        assert f"{needed} for 1 h 6 min at least" in pipeline.offsets("show")
        pipeline.publish()
        assert shown(pipeline)["retention"]["file"] == database.binlog_files()[-1]
    with database.setting("binlog_expire_logs_seconds", 0):
        retention = shown(pipeline)["retention"]
        assert (retention["seconds_left"], retention["percent_left"]) == (None, 100)
        assert "until somebody purges it" in pipeline.offsets("show")


def test_warned_and_refused(private_path):
    """A warning at the start while the file is there; when it is gone the gap, which `offsets show` tells
    as well, and the commands that mend it."""
    path, database = private_path, private_path.database
    database.sql("SET GLOBAL binlog_expire_logs_seconds = 4")
    table_with_rows(database, 1, 1)
    assert "will soon remove" not in path.publish().log()
    needed = database.binlog_files()[-1]
    table_with_rows(database, 2, 2)
    database.sql("FLUSH BINARY LOGS")
    time.sleep(3.2)
    log = path.publish().log()
    assert "will soon remove" in log and f"file={needed}" in log and "left=" in log
    table_with_rows(database, 3, 3)
    lost = database.executed()
    database.sql("FLUSH BINARY LOGS")
    table_with_rows(database, 4, 4)
    purge(database)
    said = expect(path.start_publisher("--until-caught-up"), 77).log()
    for part in (lost, "offsets reset publisher --to earliest", "tailrace snapshot"):
        assert part in said
        assert part in shown(path)["refused"]
        assert part in path.offsets("show")
    assert published(path) == [1, 2]


def test_quiet_source(pipeline, database):
    """Without traffic the sign of life in `offsets show` is young, and moves."""
    pipeline.options["publish"]["checkpoint_time"] = "300ms"
    table_with_rows(database, 1, 1)
    publisher = pipeline.start_publisher()
    wait.until(lambda: (pipeline.checkpoint() or {}).get("gtid") == database.executed(), "the end")
    seen = []
    for _ in range(3):
        time.sleep(0.7)
        now = shown(pipeline)
        assert now["alive"] and now["checkpoint"]["age_ms"] < 2000
        assert now["lag"] == {"transactions": 0, "bytes": 0, "seconds": 0}
        seen.append(now["checkpoint"]["alive_ms"])
    assert seen == sorted(set(seen)), "it does not move"
    assert "running as" in pipeline.offsets("show")
    stop(publisher)
