# SPDX-License-Identifier: Apache-2.0
"""Snapshots beside the stream: whose turn it is, tables that are emptied meanwhile, delivery without Kafka
transactions."""

import pytest

from tests.integration import wait
from tests.integration.test_snapshot import fill, progress, readable, reads, slow, snapshot  # noqa: F401


@pytest.mark.parametrize("source", ("mysql", pytest.param("mariadb", marks=pytest.mark.long)), indirect=True)
def test_truncated(readable):
    """Before and behind the chunks that are out; what came after the statement stays."""
    pipeline, database = readable, readable.database
    slow(pipeline)
    pipeline.options["publish"]["start"] = "snapshot"
    fill(database, "early", 12000)
    fill(database, "late", 12000)
    publisher = pipeline.start_publisher()
    wait.until(lambda: progress(pipeline, "first")[1] > 0, "the first rows", pause_s=0)
    for table in ("late", "early", "early"):
        database.sql(f"TRUNCATE TABLE {table}", f"INSERT INTO {table} VALUES (7, 'new'), (11999, 'new')")
    rows = progress(pipeline, "first")[1]
    wait.until(lambda: progress(pipeline, "first")[0] == "done", "the end")
    publisher.stop()
    assert rows < 24000, "all was out before the tables were emptied"
    pipeline.converge()
    assert pipeline.documents("early").count_documents({}) == 2


def test_at_least_once(readable):
    """Without Kafka transactions a kill repeats rows, but leaves none out."""
    pipeline, database = readable, readable.database
    slow(pipeline)
    pipeline.options["publish"] |= {"start": "snapshot", "delivery": "at-least-once"}
    fill(database, rows=16000)
    publisher = pipeline.start_publisher()
    rows = 0
    for _ in range(2):
        wait.until(lambda: progress(pipeline, "first")[1] > rows, "more rows", pause_s=0)
        publisher.kill()
        rows = progress(pipeline, "first")[1]
        database.sql(f"UPDATE t SET v = 'changed' WHERE id IN (3, {rows + 500}, 15999)")
        publisher = pipeline.start_publisher()
    assert rows < 16000, "it was through before it was killed"
    wait.until(lambda: progress(pipeline, "first")[0] == "done", "the end")
    publisher.stop()
    assert {row["id"] for row in reads(pipeline, "t")} == set(range(16000))
    pipeline.converge()


def backlog(pipeline, transactions):
    """A snapshot that is interrupted, and behind it so many transactions that are not published yet."""
    slow(pipeline)
    pipeline.options["kafka"]["partitions"] = 1
    fill(pipeline.database, rows=20000)
    publisher = pipeline.start_publisher()
    number = snapshot(pipeline, f"{pipeline.name}.t").strip()
    wait.until(lambda: progress(pipeline, number)[1] > 0, "the first rows", pause_s=0)
    publisher.kill()
    assert progress(pipeline, number)[1] < 20000, "it was through before it was killed"
    with pipeline.database.connect() as connection, connection.cursor() as cursor:
        for n in range(transactions):
            cursor.execute("UPDATE t SET v = %s WHERE id = 6", (f"{n}",))
    return number


def changes_before_last_row(pipeline, number):
    """Lets both be published; how many changes of the stream then lie before the last row of the snapshot."""
    publisher = pipeline.start_publisher()
    wait.until(lambda: progress(pipeline, number)[0] == "done", "the snapshot")
    publisher.stop()
    ops = [change["op"] for change in pipeline.topics.changes(f"{pipeline.name}.t")]
    last = len(ops) - 1 - ops[::-1].index("r")
    return ops[:last].count("u")


@pytest.mark.parametrize("share, least, most", [
    (100, 1, 500), pytest.param(2, 1000, 1000, marks=pytest.mark.long)])
def test_share(readable, share, least, most):
    """While the stream is behind, snapshots get their share of the time."""
    number = backlog(readable, 1000)
    readable.options["snapshot"] = {"share": share, "catch_up": "1h"}
    assert least <= changes_before_last_row(readable, number) <= most


@pytest.mark.long
def test_catch_up(readable):
    """A stream that is behind for longer than allowed is let through first."""
    number = backlog(readable, 5000)
    readable.options["snapshot"] = {"pause": "1ms", "share": 2, "catch_up": "100ms"}
    assert changes_before_last_row(readable, number) == 5000
    assert "snapshots wait for the stream to catch up" in readable.programs[-1].log()
