# SPDX-License-Identifier: Apache-2.0
"""No room, and no speed: what cannot go on waits, up to the binlog, with bounded memory; when there is room
again it goes on by itself and nothing is missing. Kafka and mongod die of a full disk: then somebody makes
room and starts them, and that has to be all."""

import time
from contextlib import contextmanager
from urllib.parse import urlsplit

import pytest
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from tests.crash.cluster import Cluster
from tests.crash.room import small_disk
from tests.crash.test_supervised import answers, lag
from tests.integration import wait
from tests.integration.pipeline import APPLIERS, stop
from tests.lib import servers, stack

ROWS, ROW_BYTES = 20_000, 900
MEMORY_MOST_KIB = 96 * 1024
PATIENCE_S = 90


@pytest.fixture(autouse=True)
def short_sessions(pipeline):
    """A process that starts over does not wait for its former self."""
    pipeline.options["kafka"].update({"session.timeout.ms": 2000, "heartbeat.interval.ms": 500})


def create(database):
    database.sql("CREATE TABLE digit (d INT PRIMARY KEY)",
                 "INSERT INTO digit VALUES (0), (1), (2), (3), (4), (5), (6), (7), (8), (9)",
                 "CREATE TABLE t (id INT PRIMARY KEY, n INT NOT NULL, text VARCHAR(2000))")


def write(database, rows=ROWS):
    """One transaction of 20 MB."""
    database.sql("INSERT INTO t SELECT a.d + 10 * b.d + 100 * c.d + 1000 * d.d + 10000 * e.d AS id, 0,"
                 f" REPEAT('full', {ROW_BYTES // 4}) FROM digit a, digit b, digit c, digit d, digit e"
                 f" HAVING id < {rows}")


def go_on(pipeline, started, targets):
    """All arrives, nothing had to be started again, and nobody took much memory."""
    wait.until(lambda: published(pipeline), "all is published", PATIENCE_S, 0.5)
    for target in targets:
        wait.until(lambda: lag(pipeline, target) == 0, f"{target} has all", PATIENCE_S, 0.5)
    for process in started:
        stop(process)
        assert process.peak_rss_kib < MEMORY_MOST_KIB, f"{process.label}: {process.peak_rss_kib} KiB"
    pipeline.assert_equal(*targets)
    assert_once(pipeline)


def published(pipeline):
    return pipeline.shown()[0]["lag"]["transactions"] == 0


def assert_once(pipeline):
    """Each row of t is in Kafka once."""
    found = [record.key for record in pipeline.topics.table("t")]
    assert len(found) == len(set(found)) == ROWS


def test_redis_is_full(pipeline, database):
    with maxmemory(pipeline.redis, more_bytes=4 << 20) as raise_it:
        create(database)
        started = [pipeline.start_publisher(), pipeline.start_applier("redis")]
        write(database)
        started[1].wait_for("OOM")
        wait.until(lambda: published(pipeline), "Kafka has what Redis does not take")
        assert lag(pipeline, "redis") > 0
        raise_it()
        go_on(pipeline, started, ["redis"])


@contextmanager
def maxmemory(redis, more_bytes):
    redis.config_set("maxmemory-policy", "noeviction")
    redis.config_set("maxmemory", redis.info("memory")["used_memory"] + more_bytes)
    try:
        yield lambda: redis.config_set("maxmemory", 0)
    finally:
        redis.config_set("maxmemory", 0)


@pytest.mark.parametrize("target", APPLIERS)
def test_slow_target(pipeline, database, target):
    """Everything else goes on, and the target's memory is not ours."""
    with Cluster(target) as cluster:
        if target == "redis":
            pipeline.options["redis"]["port"] = urlsplit(cluster.addresses["redis"]).port
        else:
            pipeline.options["mongodb"]["uri"] = cluster.addresses["mongodb"]
        create(database)
        started = [pipeline.start_publisher(), pipeline.start_applier(target)]
        cluster.harm(target, "rate", 100_000)
        write(database)
        wait.until(lambda: published(pipeline), "all is published")
        assert lag(pipeline, target) > 0
        time.sleep(3)
        assert lag(pipeline, target) > 0
        cluster.harm(target, "pass")
        go_on(pipeline, started, [target])


def test_broker_throttles(pipeline, database):
    """A transaction that takes the broker too long is tried again in smaller ones."""
    create(database)
    pipeline.options["kafka"]["transaction.timeout.ms"] = 8000
    with quota("producer_byte_rate=150000"):
        started = [pipeline.start_publisher(), pipeline.start_applier("redis")]
        write(database)
        wait.until(lambda: (pipeline.checkpoint() or {}).get("rows", 0) > 0, "a part of it is out",
                   PATIENCE_S)
        assert not published(pipeline)
    go_on(pipeline, started, ["redis"])


@contextmanager
def quota(config):
    """A client quota for all clients."""
    def alter(what, value):
        stack.call("kafka-tool", "kafka.admin.ConfigCommand", "--bootstrap-server", servers.address("kafka"),
                   "--alter", what, value, "--entity-type", "clients", "--entity-default")
    alter("--add-config", config)
    try:
        yield
    finally:
        alter("--delete-config", config.split("=")[0])


@pytest.mark.long
def test_mongodb_has_no_disk(pipeline, database):
    create(database)
    with Cluster("mongodb") as cluster, small_disk(cluster.nodes["mongodb"], 40) as disk:
        node = cluster.nodes["mongodb"]
        wait.until(lambda: answers(pipeline, "mongodb"), "MongoDB", PATIENCE_S)
        started = [pipeline.start_publisher(), pipeline.start_applier("mongodb")]
        started[1].wait_for("partitions assigned", PATIENCE_S)
        disk.fill(left_kib=2000)
        write(database)
        wait.until(lambda: not node.alive(), "mongod dies of its full disk", PATIENCE_S)
        disk.empty()
        node.start()
        wait.until(lambda: answers(pipeline, "mongodb"), "MongoDB", PATIENCE_S)
        go_on(pipeline, started, ["mongodb"])


@pytest.mark.long
def test_kafka_has_no_disk(pipeline, database):
    """The partitions of one broker are not there until it is back."""
    create(database)
    with Cluster("kafka") as cluster, small_disk(cluster.nodes["kafka-b"], 60) as disk:
        node = cluster.nodes["kafka-b"]
        wait.until(lambda: knows_both(pipeline.addresses["kafka"].split(",")[1]), "both brokers", PATIENCE_S)
        started = [pipeline.start_publisher(), pipeline.start_applier("redis")]
        started[0].wait_for("started", PATIENCE_S)
        disk.fill(left_kib=3000)
        write(database)
        wait.until(lambda: not node.alive(), "the broker dies of its full disk", PATIENCE_S)
        disk.empty()
        node.start()
        go_on(pipeline, started, ["redis"])


def knows_both(broker):
    """Does it answer itself, and is it a member again? The other one may not have missed it yet."""
    try:
        return len(AdminClient({"bootstrap.servers": broker}).list_topics(timeout=2).brokers) == 2
    except KafkaException:
        return False
