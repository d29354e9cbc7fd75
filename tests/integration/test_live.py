# SPDX-License-Identifier: Apache-2.0
"""Processes that run on: what arrives while they do, very large events, and servers that go away."""

import subprocess
import time

import pytest

from tests.integration import wait
from tests.integration.load import Load, assert_each_change_once
from tests.integration.pipeline import APPLIERS, expect, stop
from tests.integration.switch import Switch
from tests.integration.test_kill import LARGE_ROWS, insert_large
from tests.integration.test_positions import each_client, each_source, published, table_with_rows
from tests.lib import programs, servers, stack

LARGE_BYTES = 20 << 20
CUTS = 20, 36, 37, 300, 600  # bytes of a client: the request for TLS is 36, its first message some 300 to 600


@each_source
def test_changes_arrive_while_it_runs(pipeline, database):
    """A change is visible in both targets a moment after its commit; tables may come later."""
    started = [pipeline.start_publisher(), *map(pipeline.start_applier, APPLIERS)]
    table_with_rows(database, 1, 1)
    wait.until(lambda: visible(pipeline, 1), "the first row")
    for number in range(2, 5):
        begin = time.monotonic()
        table_with_rows(database, number, number)
        wait.until(lambda row=number: visible(pipeline, row), f"row {number}", pause_s=0.01)
        assert time.monotonic() - begin < 2
    for process in started:
        stop(process)
    pipeline.assert_equal()


def visible(pipeline, number):
    return (pipeline.documents("t").find_one({"_id": number}) is not None and
            pipeline.hash("t", number) == {"id": str(number)})


@each_client
@each_source
def test_event_beyond_16_mib(pipeline, database):
    """A row of 20 MiB: more than one packet of the protocol, one record. MongoDB cannot hold it and says
    so; nothing is dropped."""
    pipeline.options["kafka"] |= {"message.max.bytes": 100_000_000, "partitions": 1,
                                  "receive.message.max.bytes": 200_000_000}
    pipeline.topics.create(f"{pipeline.name}.t", 1, max_message_bytes=100_000_000)
    database.sql("CREATE TABLE t (id INT PRIMARY KEY, image LONGBLOB)", "INSERT INTO t VALUES (1, 'x')",
                 f"INSERT INTO t VALUES (2, REPEAT('y', {LARGE_BYTES}))", "INSERT INTO t VALUES (3, 'z')")
    pipeline.publish()
    pipeline.apply("redis")
    pipeline.assert_equal("redis")
    refused = expect(pipeline.start_applier("mongodb", "--until-caught-up"), 77)
    assert '{"id":2}' in refused.log() and "takes 16777216" in refused.log()
    assert pipeline.documents("t").find_one({"_id": 2}) is None


def test_record_that_kafka_does_not_take(pipeline, database):
    """Larger than the topic allows: stops before it, with the position and the setting to change."""
    database.sql("CREATE TABLE t (id INT PRIMARY KEY, image LONGBLOB)", "INSERT INTO t VALUES (1, 'x')")
    pipeline.publish()
    before = database.executed()
    database.sql("INSERT INTO t VALUES (2, REPEAT('y', 2000000))")
    refused = expect(pipeline.start_publisher("--until-caught-up"), 77)
    assert "message.max.bytes" in refused.log() and f"{pipeline.name}.t" in refused.log()
    contained = f"SELECT GTID_SUBSET('{database.executed()}', '{pipeline.checkpoint()['gtid']}')"
    assert database.value(contained) == 0 and before
    pipeline.options["kafka"]["message.max.bytes"] = 10_000_000
    pipeline.converge()


@each_client
def test_transaction_of_many_rows(pipeline, database):
    insert_large(database)
    pipeline.publish()
    found = [record.keys()["id"] for record in pipeline.topics.table("large")]
    assert len(found) == len(set(found)) == LARGE_ROWS


@each_source
@each_client
def test_connection_killed(pipeline, database):
    """The server ends the connection; the publisher makes another one and goes on."""
    with Load(database):
        publisher = pipeline.start_publisher()
        for _ in range(3):
            wait.until(lambda: dump_thread(database), "the server to send its binlog")
            database.sql(f"KILL {dump_thread(database)}")
            time.sleep(0.3)
    wait.until(lambda: dump_thread(database), "the server to send its binlog again")
    publisher.check()
    stop(publisher)
    pipeline.publish()
    assert_each_change_once(pipeline)


def dump_thread(database):
    """The server's thread that sends the binlog to the publisher of this test, or None."""
    found = database.rows("SELECT id FROM information_schema.processlist WHERE user = %s AND"
                          " command LIKE 'Binlog Dump%%'", database.schema)
    return found[0][0] if found else None


def test_another_replica_with_our_server_id(pipeline, database):
    """Each ends the other's dump. Taken for a publisher of before at first, which soon ends by itself; then for what
    it is."""
    address = servers.mysql_address(database.url)
    other = [*stack.MYSQLBINLOG, "--read-from-remote-server", "--stop-never", "--host=127.0.0.1",
             f"--port={address['port']}", "--user=root", "--result-file=/dev/null",
             f"--connection-server-id={pipeline.options['source']['server_id']}", database.position().split(":")[0]]
    publisher = pipeline.start_publisher()
    publisher.wait_for("started")
    for number in range(1, 4):
        assert subprocess.run(other, capture_output=True, timeout=30, check=False).returncode != 0
        table_with_rows(database, number, number)
        wait.until(lambda: published_or_none(pipeline) == list(range(1, number + 1)), f"row {number}")
    with subprocess.Popen(other, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as last:
        refused = expect(publisher, 78)
        last.kill()
    assert "is in use by another replica" in refused.log()
    pipeline.publish()


def published_or_none(pipeline):
    return published(pipeline) if f"{pipeline.name}.{pipeline.name}.t" in pipeline.topics.names() else None


@each_client
def test_connections_cut_while_they_are_made(pipeline, database):
    """Wherever in the handshake, encrypted or not: what passes, not a wrong setting."""
    table_with_rows(database, 1, 3)
    pipeline.options["source"]["tls"] = "required"
    with Switch(servers.mysql_address(database.url)["port"], cuts=CUTS) as switch:
        pipeline.options["source"]["host"] = f"127.0.0.1:{switch.port}"
        for left in range(len(CUTS) - 1, -1, -1):
            expect(pipeline.start_publisher("--until-caught-up"), 75)
            assert len(switch.cuts) == left
        pipeline.publish()
    assert published(pipeline) == [1, 2, 3]


@pytest.mark.own("source")
@each_source
def test_server_restarts(pipeline, database):
    """Stopped and started again while both ends run: everything goes on by itself."""
    started = [pipeline.start_publisher(), *map(pipeline.start_applier, APPLIERS)]
    table_with_rows(database, 1, 2)
    wait.until(lambda: visible(pipeline, 2), "the second row")
    restart(database.kind)
    database.reconnect()
    table_with_rows(database, 3, 4)
    wait.until(lambda: visible(pipeline, 4), "the fourth row")
    for process in started:
        process.check()
        stop(process)
    pipeline.assert_equal()
    assert published(pipeline) == [1, 2, 3, 4]


@pytest.mark.own("kafka", "mongodb", "redis")
@pytest.mark.parametrize("server", ["kafka-a", "mongodb", "redis"])
def test_broker_or_target_restarts(pipeline, database, server):
    """One of two brokers, or a target, is away for a while. Redis comes back empty: its checkpoints are
    gone as well, so it is filled again from Kafka."""
    pipeline.options["kafka"]["replication"] = 2
    started = [pipeline.start_publisher(), *map(pipeline.start_applier, APPLIERS)]
    with Load(database):
        wait.until(lambda: pipeline.hash("t", 1), "the first rows")
        restart(server)
        for process in started:
            process.check()
    wait.until(lambda: pipeline.shown()[0]["lag"]["transactions"] == 0, "the publisher at the end")
    wait.until(pipeline.is_equal, "both targets to be equal", pause_s=0.3)
    for process in started:
        process.check()
        stop(process)
    assert_each_change_once(pipeline)


def restart(server):
    """Kills a server of the stack and starts it again."""
    for command in ("kill", "start"):
        stack.call(command, server)
