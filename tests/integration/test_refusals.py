# SPDX-License-Identifier: Apache-2.0
"""What is refused: the exit code, a message that names what was found, what is needed and what mends it, and
that nothing was written before it."""

import re

import pytest
from confluent_kafka.admin import NewPartitions

from tests.integration import private, wait
from tests.integration.database import RIGHTS, Database
from tests.integration.pipeline import APPLIERS, Pipeline, expect
from tests.integration.test_positions import each_client, each_source, published, table_with_rows
from tests.lib import programs, servers, stack

USAGE, DATA, UNAVAILABLE, REFUSED, CONFIG = 64, 65, 69, 77, 78


def refusal(pipeline, code, program="tailrace-publish", environment=None):
    """Starts the program, which has to end with the code; returns its last line."""
    started = pipeline.start(program, "--until-caught-up", environment=environment)
    return expect(started, code).log().splitlines()[-1]


def assert_names(message, *parts):
    missing = [part for part in parts if part.lower() not in message.lower()]
    assert not missing, f"{missing} not in: {message}"


# --- the connection to the source --------------------------------------------------------------------


@each_source
@each_client
def test_wrong_password(pipeline):
    message = refusal(pipeline, REFUSED, environment={"TAILRACE_SOURCE_PASSWORD": "wrong, secret"})
    assert_names(message, f"{pipeline.name}@", "Access denied", "1045")
    assert "wrong, secret" not in message
    pipeline.assert_nothing_written()


@each_client
def test_unknown_host(pipeline):
    pipeline.options["source"]["host"] = "no-such-host.invalid"
    assert_names(refusal(pipeline, UNAVAILABLE), "no-such-host.invalid")
    pipeline.assert_nothing_written()


@each_client
def test_nobody_listens(pipeline):
    """A server that is down at the very first start: a supervisor may try again."""
    pipeline.options["source"]["port"] = 1
    assert_names(refusal(pipeline, 75), "127.0.0.1:1")
    pipeline.assert_nothing_written()


@each_source
@pytest.mark.parametrize("number", [0, 1])
def test_missing_right(pipeline, database, number):
    right = RIGHTS[database.kind].split(", ")[number]
    database.sql(f"REVOKE {right} ON *.* FROM '{pipeline.name}'@'%'")
    statement = f"GRANT {RIGHTS[database.kind]} ON *.* TO '{pipeline.name}'@'%'"
    assert_names(refusal(pipeline, REFUSED), f"lacks {right}", statement)
    pipeline.assert_nothing_written()
    database.sql(statement)
    table_with_rows(database, 1, 1)
    pipeline.publish()


# --- how the source is set up ------------------------------------------------------------------------


@each_source
@pytest.mark.parametrize("variable, value, needed", [
    ("binlog_format", "STATEMENT", "ROW"), ("binlog_format", "MIXED", "ROW")])
def test_setting(pipeline, database, variable, value, needed):
    with database.setting(variable, f"'{value}'"):
        assert_names(refusal(pipeline, CONFIG), variable, value, f"SET GLOBAL {variable} = {needed}")
    pipeline.assert_nothing_written()


def test_binlog_off(folder):
    with private.mariadb(folder, "--skip-log-bin") as url:
        administrator = servers.mysql(url)
        with administrator.cursor() as cursor:
            cursor.execute("CREATE USER tailrace@'%' IDENTIFIED BY 'x'")
            cursor.execute("GRANT REPLICATION SLAVE, BINLOG MONITOR ON *.* TO tailrace@'%'")
        sections = programs.config("off", {"mariadb": url, "kafka": servers.address("kafka")},
                                   source={"user": "tailrace"})
        path = programs.write_config(folder / "tailrace.conf", sections)
        started = programs.Program(["tailrace-publish", "-c", path], folder,
                                   environment={"TAILRACE_SOURCE_PASSWORD": "x"}).start()
        assert_names(expect(started, CONFIG).log(), "log_bin is OFF", "start the server with log_bin")


@pytest.fixture
def private_pipeline(folder):
    """A pipeline from a MariaDB of its own."""
    with private.mariadb(folder, "--log-bin=binlog") as url:
        database = Database("mariadb", url, "tprivate")
        path = Pipeline("tprivate", database, "libmariadb", folder, server_id=78)
        yield path
        path.close()


def test_purged(private_pipeline):
    """The server has deleted what was not read yet: the gap is named, nothing jumps ahead by itself."""
    pipeline, database = private_pipeline, private_pipeline.database
    table_with_rows(database, 1, 2)
    pipeline.publish()
    checkpoint = pipeline.checkpoint()
    table_with_rows(database, 3, 3)
    lost = database.executed()
    database.sql("FLUSH BINARY LOGS")
    table_with_rows(database, 4, 4)
    purge(database)
    message = refusal(pipeline, REFUSED)
    assert_names(message, lost, "offsets reset publisher --to earliest")
    assert pipeline.checkpoint() == checkpoint
    pipeline.offsets("reset", "publisher", "--to", "earliest", "--yes")
    pipeline.publish()
    assert published(pipeline) == [1, 2, 4]


def purge(database):
    """Leaves only the newest file, as soon as nobody reads the others any more."""
    last = database.binlog_files()[-1]

    def purged():
        database.sql(f"PURGE BINARY LOGS TO '{last}'")
        return database.binlog_files() == [last]

    wait.until(purged, f"only {last} is left")


def test_another_history(private_pipeline):
    """The server was reset: its transactions have the numbers that were published before."""
    pipeline, database = private_pipeline, private_pipeline.database
    table_with_rows(database, 1, 5)
    pipeline.publish()
    database.sql("RESET MASTER")
    table_with_rows(database, 6, 7)
    assert_names(refusal(pipeline, REFUSED), "offsets reset publisher --to earliest")
    assert published(pipeline) == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("rows", [3, 30])
def test_reset_and_gone_further(private_pipeline, rows):
    """It has given the numbers that were published to other transactions, and more: the file tells."""
    pipeline, database = private_pipeline, private_pipeline.database
    table_with_rows(database, 1, 2)
    pipeline.publish()
    database.sql("RESET MASTER")
    table_with_rows(database, 101, 100 + rows)
    assert_names(refusal(pipeline, REFUSED), "offsets reset publisher --to earliest")
    assert published(pipeline) == [1, 2]


@pytest.mark.own("mysql")
@pytest.mark.parametrize("rotates", [False, True])
def test_reset_and_gone_further_on_mysql(pipeline, database, rotates):
    database.sql("RESET BINARY LOGS AND GTIDS")
    pipeline.options["publish"]["start"] = "earliest"
    table_with_rows(database, 1, 2)
    if rotates:
        database.sql("FLUSH BINARY LOGS")
    table_with_rows(database, 3, 3)
    pipeline.publish()
    database.sql("RESET BINARY LOGS AND GTIDS")
    table_with_rows(database, 101, 130)
    assert_names(refusal(pipeline, REFUSED), "was read from this server, but", "reset", "tailrace snapshot")
    assert published(pipeline) == [1, 2, 3]
    pipeline.offsets("reset", "publisher", "--to", "earliest", "--yes")
    pipeline.publish()
    assert published(pipeline) == [1, 2, 3, *range(101, 131)]


@pytest.mark.own("mysql")
def test_purged_on_mysql(pipeline, database):
    """A start before what the server still has. Files that were purged are nobody else's by now."""
    table_with_rows(database, 1, 1)
    database.sql("FLUSH BINARY LOGS")
    table_with_rows(database, 2, 2)
    purge(database)
    purged = database.value("SELECT @@gtid_purged").replace("\n", "")
    message = refusal(pipeline, REFUSED)
    missing = database.value(f"SELECT GTID_SUBTRACT('{purged}', '{database.start}')")
    assert_names(message, missing.replace("\n", ""), "offsets reset publisher --to earliest")
    pipeline.assert_nothing_written()


# --- tables and statements ---------------------------------------------------------------------------


def test_table_without_key(pipeline, database):
    database.sql("CREATE TABLE t (a INT, b INT, UNIQUE (b))", "INSERT INTO t VALUES (1, 1)")
    started = expect(pipeline.start_publisher("--until-caught-up"), REFUSED)
    assert_names(started.log(), f"{pipeline.name}.t", "primary key", "exclude", "keyless = whole-row")
    assert f"{pipeline.name}.{pipeline.name}.t" not in pipeline.topics.names()
    pipeline.options["tables"]["exclude"] = "*.t"
    pipeline.publish()


# --- configuration -----------------------------------------------------------------------------------


@pytest.mark.parametrize("program", ["tailrace-publish", "tailrace-apply-mongodb",
                                     "tailrace-apply-redis"])
def test_unknown_key(pipeline, program):
    pipeline.options["source"]["pasword_file"] = "/x"
    assert_names(refusal(pipeline, CONFIG, program), "pasword_file", "password_file", "tailrace.conf")
    pipeline.assert_nothing_written()


@pytest.mark.parametrize("section, key, value, parts", [
    ("kafka", "partitions", "0", ["partitions", "1"]),
    ("kafka", "compresion.codec", "x", ["compresion.codec"]),
    ("kafka", "enable.idempotence", "false", ["enable.idempotence"]),
    ("publish", "delivery", "once", ["exactly-once", "at-least-once"]),
    ("publish", "start", "yesterday", ["yesterday", "earliest", "latest"]),
    ("source", "name", "a.b", ["name"]), ("source", "heartbeat", "soon", ["heartbeat"]),
    ("source", "password_file", "/no/such/file", ["/no/such/file"]),
    ("nothing", "key", "1", ["nothing"])])
def test_wrong_value(pipeline, section, key, value, parts):
    pipeline.options.setdefault(section, {})[key] = value
    started = pipeline.start_publisher("--until-caught-up")
    assert started.wait(20) in (CONFIG, USAGE, UNAVAILABLE), started.log()
    assert_names(started.log().splitlines()[-1], *parts)
    pipeline.assert_nothing_written()


# --- Kafka and the targets ---------------------------------------------------------------------------


def test_unknown_broker(pipeline):
    pipeline.options["kafka"]["bootstrap.servers"] = "no-such-host.invalid:9092"
    assert_names(refusal(pipeline, UNAVAILABLE), "no-such-host.invalid")


def test_other_partition_count(pipeline, database):
    table_with_rows(database, 1, 3)
    pipeline.publish()
    topic = f"{pipeline.name}.{pipeline.name}.t"
    pipeline.topics.admin.create_partitions([NewPartitions(topic, 7)])[topic].result(10)
    wait.until(lambda: len(pipeline.topics.metadata()[topic].partitions) == 7, "seven partitions")
    table_with_rows(database, 4, 9)
    before = pipeline.checkpoint()
    assert_names(refusal(pipeline, REFUSED), topic, "4", "7", f"--accept-partitions {topic}")
    assert pipeline.checkpoint() == before
    pipeline.publish("--accept-partitions", topic)
    pipeline.converge()


@pytest.mark.own("mongodb")
def test_standalone_mongod(pipeline, database):
    """A mongod without a replica set has no transactions."""
    table_with_rows(database, 1, 1)
    pipeline.publish()
    with stack.started("mongodb-standalone") as address:
        pipeline.options["mongodb"]["uri"] = address
        message = refusal(pipeline, CONFIG, "tailrace-apply-mongodb")
        assert_names(message, "standalone", "replica set", "--replSet", "rs.initiate()")
        standalone = servers.mongodb(address)
        assert not {pipeline.name, "tailrace"} & set(standalone.list_database_names())
        standalone.close()


def test_read_only_redis(pipeline, database, folder):
    table_with_rows(database, 1, 1)
    pipeline.publish()
    shared = pipeline.options["redis"]
    with private.redis(folder, "--replicaof", shared["host"], str(shared["port"])) as port:
        pipeline.options["redis"] = {"port": port}
        message = refusal(pipeline, REFUSED, "tailrace-apply-redis")
        assert_names(message, "replica")
        assert pipeline.keys(f"*{pipeline.name}*") == []


@pytest.mark.parametrize("applier", APPLIERS)
def test_target_is_not_there(pipeline, database, applier):
    table_with_rows(database, 1, 1)
    pipeline.publish()
    pipeline.options["mongodb"]["uri"] = "mongodb://no-such-host.invalid/?serverSelectionTimeoutMS=500"
    pipeline.options["redis"]["host"] = "no-such-host.invalid"
    assert_names(refusal(pipeline, UNAVAILABLE, f"tailrace-apply-{applier}"), "no-such-host.invalid")


@pytest.mark.parametrize("applier", APPLIERS)
def test_target_is_down(pipeline, database, applier):
    """Nobody listens at an address that exists: a supervisor may try again."""
    table_with_rows(database, 1, 1)
    pipeline.publish()
    pipeline.options["mongodb"]["uri"] = (
        "mongodb://127.0.0.1:1/?replicaSet=rs0&serverSelectionTimeoutMS=500")
    pipeline.options["redis"]["port"] = 1
    assert_names(refusal(pipeline, 75, f"tailrace-apply-{applier}"), "127.0.0.1")


def test_broker_is_down(pipeline):
    pipeline.options["kafka"]["bootstrap.servers"] = "127.0.0.1:1"
    assert_names(refusal(pipeline, 75), "127.0.0.1:1")
    pipeline.assert_nothing_written()


def test_wrong_password_of_redis(pipeline, database, folder):
    table_with_rows(database, 1, 1)
    pipeline.publish()
    with private.redis(folder, password="right") as port:
        pipeline.options["redis"] = {"port": port}
        assert_names(refusal(pipeline, REFUSED, "tailrace-apply-redis"), "password")
        message = refusal(pipeline, REFUSED, "tailrace-apply-redis", {"TAILRACE_REDIS_PASSWORD": "wrong"})
        assert "wrong" not in message.lower().replace("wrongpass", "")
        started = pipeline.start_applier("redis", "--until-caught-up",
                                         environment={"TAILRACE_REDIS_PASSWORD": "right"})
        expect(started, 0)
