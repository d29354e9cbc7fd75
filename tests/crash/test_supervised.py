# SPDX-License-Identifier: Apache-2.0
"""What a supervisor may rely on: a process that a restart can help ends with 75, or goes on by itself."""

import signal
import time

import pymongo.errors
import pytest
import redis

from tests.crash.cluster import Cluster
from tests.integration import wait
from tests.integration.load import Load, assert_each_change_once
from tests.integration.pipeline import APPLIERS, expect, stop

ELECTION_S = 60
SILENCES_MOST = 8
TRY_AGAIN, REFUSED = 75, 77
NOBODY = "127.0.0.1:1"


def test_publisher_started_while_mysql_is_down(pipeline):
    pipeline.options["source"]["port"] = 1
    expect(pipeline.start_publisher(), TRY_AGAIN)


@pytest.mark.parametrize("program", ["publish", "apply-mongodb", "apply-redis"])
def test_started_while_kafka_is_down(pipeline, database, program):
    database.sql("CREATE TABLE t (id INT PRIMARY KEY)")
    pipeline.options["kafka"]["bootstrap.servers"] = NOBODY
    started = pipeline.start(f"tailrace-{program}")
    if program == "publish":
        expect(started, TRY_AGAIN)
    else:  # a member of the group waits for the brokers
        time.sleep(2)
        stop(started)


@pytest.mark.parametrize("uri", ["/?replicaSet=rs0", "/?directConnection=true"])
def test_applier_started_while_mongodb_is_down(pipeline, uri):
    pipeline.options["mongodb"]["uri"] = f"mongodb://{NOBODY}{uri}&serverSelectionTimeoutMS=500"
    expect(pipeline.start_applier("mongodb"), TRY_AGAIN)


def test_applier_started_while_redis_is_down(pipeline):
    pipeline.options["redis"]["port"] = 1
    expect(pipeline.start_applier("redis"), TRY_AGAIN)


def test_applier_started_before_the_primary_is_elected(pipeline):
    """Each try ends with 75 until the restarted mongod is primary again."""
    pipeline.options["mongodb"]["uri"] = pipeline.addresses["mongodb"].split("?")[0] + \
        "?directConnection=true&serverSelectionTimeoutMS=2000"
    with Cluster("mongodb") as cluster:
        cluster.nodes["mongodb"].kill()
        cluster.nodes["mongodb"].start()
        codes = []
        until = time.monotonic() + ELECTION_S
        while not codes or codes[-1] != 0:
            assert time.monotonic() < until, f"mongod is not primary after {ELECTION_S} s"
            codes.append(pipeline.start_applier("mongodb", "--until-caught-up").wait(60))
            assert codes[-1] in (0, TRY_AGAIN), pipeline.programs[-1].log()
    assert TRY_AGAIN in codes


@pytest.mark.parametrize("program", ["publish", "apply-redis"])
def test_started_while_a_broker_is_down(pipeline, database, program):
    """The partitions that it led are there and have no leader; they come back with it."""
    database.sql("CREATE TABLE t (id INT PRIMARY KEY)", "INSERT INTO t VALUES (1)")
    pipeline.publish()
    with Cluster("kafka") as cluster:
        leader = pipeline.topics.metadata()[f"{pipeline.name}.checkpoint"].partitions[0].leader
        node = cluster.nodes["kafka-a" if leader == 2 else "kafka-b"]
        node.kill()
        started = pipeline.start(f"tailrace-{program}", "--until-caught-up")
        end = time.monotonic() + 15
        while started.alive() and time.monotonic() < end:
            time.sleep(0.1)
        assert started.alive() or started.process.returncode == TRY_AGAIN, started.log()
        node.start()
        started.end()
        wait.until(lambda: len(pipeline.topics.admin.list_topics(timeout=5).brokers) == 2, "both brokers")
    pipeline.converge()


def test_abort_that_a_partition_missed(pipeline, database, monkeypatch):
    """A broker is down when the transaction in its partitions is aborted, and never hears of it: what it has of
    it must not be committed with what comes next."""
    monkeypatch.setenv("BUILD", "build/crash")
    pipeline.options["kafka"]["replication"] = 1
    database.sql("CREATE TABLE t (id INT PRIMARY KEY, n INT)",
                 f"INSERT INTO t VALUES {', '.join(f'({number}, 0)' for number in range(50))}")
    pipeline.publish()
    database.sql("UPDATE t SET n = 1")
    with Cluster("kafka") as cluster:
        killed = pipeline.start_publisher(environment={"TAILRACE_CRASH_AT": "publish_all_acknowledged:3"})
        expect(killed, -signal.SIGKILL)
        topics = pipeline.topics.admin.list_topics(timeout=10).topics
        coordinator = topics["__transaction_state"].partitions[0].leader
        away = "kafka-b" if coordinator == 2 else "kafka-a"
        cluster.nodes[away].kill()
        table = f"{pipeline.name}.t"
        wait.until(lambda: pipeline.topics.without_leader(table), "partitions without a leader")
        expect(pipeline.start_publisher("--until-caught-up"), TRY_AGAIN)  # it has aborted
        cluster.nodes[away].start()
        wait.until(lambda: pipeline.topics.without_leader(table) == [], "all leaders")
        pipeline.publish()
    assert_each_change_once(pipeline)


def test_publisher_that_was_silent_goes_on(pipeline, database):
    """Its transaction was aborted by the broker, or what it had sent is too old by then: no other publisher's doing."""
    pipeline.options["kafka"].update({"transaction.timeout.ms": 1500, "message.timeout.ms": 1500,
                                      "socket.timeout.ms": 1500})
    pipeline.options["publish"]["transaction_time"] = "1s"
    with Load(database):
        publisher = pipeline.start_publisher()
        wait.until(pipeline.checkpoint, "the first checkpoint")
        for _ in range(SILENCES_MOST):  # between two transactions nobody minds it
            time.sleep(1)
            if "session ended" in publisher.log():
                break
            publisher.process.send_signal(signal.SIGSTOP)
            time.sleep(4)  # the broker looks once a second for what is too long
            publisher.process.send_signal(signal.SIGCONT)
        publisher.wait_for("(?s)session ended, trying again.*started")
    stop(publisher)
    pipeline.converge()
    assert_each_change_once(pipeline)


def test_publisher_that_was_replaced_ends(pipeline, database):
    """It was stopped, another one took over: the first finds out who it was and says so."""
    with Load(database):
        first = pipeline.start_publisher()
        wait.until(pipeline.checkpoint, "the first checkpoint")
        time.sleep(0.5)
        first.process.send_signal(signal.SIGSTOP)
        second = pipeline.start_publisher()
        second.wait_for("started")
        first.process.send_signal(signal.SIGCONT)
        expect(first, REFUSED, patience_s=20)
        assert f":{second.process.pid}:" in first.log().splitlines()[-1]
        second.check()
    stop(second)
    pipeline.converge()
    assert_each_change_once(pipeline)


@pytest.mark.parametrize("applier", APPLIERS)
def test_applier_goes_on_by_itself(pipeline, database, applier):
    """Its target is killed and started while it runs."""
    with Cluster(applier) as cluster, Load(database, pause_s=0.02):
        pipeline.publish()
        started = pipeline.start_applier(applier)
        started.wait_for("partitions assigned")
        cluster.nodes[applier].kill()
        time.sleep(1)
        started.check()
        cluster.nodes[applier].start()
        pipeline.publish()
        wait.until(lambda: answers(pipeline, applier), f"{applier} again")
        wait.until(lambda: lag(pipeline, applier) == 0, "no lag")
        started.check()
    stop(started)
    pipeline.converge()


def lag(pipeline, applier):
    """Records that are not applied yet."""
    return sum(place["lag_records"] for place in pipeline.places(applier).values())


def answers(pipeline, target):
    """Does the target take commands again?"""
    try:
        if target == "redis":
            return pipeline.redis.ping()
        return pipeline.mongodb.admin.command("hello")["isWritablePrimary"]
    except (pymongo.errors.PyMongoError, redis.RedisError):
        return False
