# SPDX-License-Identifier: Apache-2.0
"""`tailrace check`: a line for each thing, fail with the statement that mends it, and nothing written."""

from tests.integration import private
from tests.integration.database import RIGHTS
from tests.integration.test_positions import each_source, table_with_rows


def check(pipeline, *arguments, code=0):
    """verdict → lines."""
    found = {"ok": [], "warn": [], "fail": []}
    printed = pipeline.command("check", *arguments, code=code)
    for line in printed.splitlines():
        verdict, _, text = line.partition(" ")
        if verdict in found:
            found[verdict].append(text.strip())
    assert bool(found["fail"]) == bool(code), printed
    return found


def has(lines, *parts):
    return any(all(part in line for part in parts) for line in lines)


@each_source
def test_all_is_well(pipeline, database):
    """Before the first start, while everything runs, and afterwards."""
    found = check(pipeline)
    for what in ("source 127.0.0.1", "[source] server_id", "kafka: 2 brokers", "kafka transactions",
                 "position: nothing is published yet", "binlog retention", "topics", "mongodb", "redis eviction",
                 "checkpoints", "dead letters"):
        assert has(found["ok"] + found["warn"], what), what
    pipeline.assert_nothing_written()
    table_with_rows(database, 1, 3)
    running = pipeline.start_publisher(), pipeline.start_applier("redis")
    running[0].wait_for("started")
    running[1].wait_for("joined")
    check(pipeline)
    for started in running:
        started.check()
        assert started.stop() == 0
    pipeline.converge()
    assert has(check(pipeline)["ok"], "has all behind the checkpoint")


def test_what_fails(pipeline, database):
    """Several at once: each has its line, and what can be looked at without it is looked at."""
    right = RIGHTS["mysql"].split(", ")[1]
    database.sql(f"REVOKE {right} ON *.* FROM '{pipeline.name}'@'%'")
    pipeline.options["kafka"]["replication"] = 5
    pipeline.options["mongodb"]["uri"] = "mongodb://127.0.0.1:1/?serverSelectionTimeoutMS=500"
    found = check(pipeline, code=1)
    assert has(found["fail"], "source", f"lacks {right}", f"GRANT {RIGHTS['mysql']} ON")
    assert has(found["fail"], "kafka", "replication = 5", "2 brokers")
    assert has(found["fail"], "mongodb", "127.0.0.1:1")
    assert has(found["ok"], "kafka transactions") and has(found["ok"], "redis: reached")
    database.sql(f"GRANT {RIGHTS['mysql']} ON *.* TO '{pipeline.name}'@'%'")
    pipeline.options["source"]["server_id"] = database.value("SELECT @@server_id")
    pipeline.options["publish"]["start"] = "binlog.999999:4"
    found = check(pipeline, "--target", "publisher", code=1)
    assert has(found["fail"], "server_id") and has(found["fail"], "position", "binlog.999999")
    pipeline.assert_nothing_written()


def test_redis_that_forgets(pipeline, database, folder):
    with private.redis(folder, "--maxmemory-policy", "allkeys-lru", "--appendonly", "no") as port:
        pipeline.options["redis"] = {"port": port}
        found = check(pipeline, "--target", "redis")
        assert has(found["warn"], "allkeys-lru", "maxmemory-policy noeviction")
        assert has(found["warn"], "appendonly yes")
