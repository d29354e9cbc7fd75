# SPDX-License-Identifier: Apache-2.0
"""Where publishing begins, where it goes on, and how it gets to the server."""

import json
import subprocess
import time
from pathlib import Path

import pytest

from tests.integration import wait
from tests.integration.pipeline import expect, stop
from tests.lib import programs, servers

each_source = pytest.mark.parametrize("source", ["mysql", "mariadb"], indirect=True)
each_client = pytest.mark.parametrize("client", ["libmariadb", "libmysqlclient"], indirect=True)


def table_with_rows(database, first, last):
    """Rows first … last of table t, each in a transaction of its own."""
    database.sql("CREATE TABLE IF NOT EXISTS t (id INT PRIMARY KEY)",
                 *(f"INSERT INTO t VALUES ({number})" for number in range(first, last + 1)))


def published(pipeline):
    """The ids whose insertion is in Kafka, in order; the topic has to be there."""
    return sorted(record.keys()["id"] for record in pipeline.topics.table("t"))


# --- the start ---------------------------------------------------------------------------------------


@each_source
@each_client
def test_from_gtid_set(pipeline, database):
    table_with_rows(database, 1, 3)
    pipeline.options["publish"]["start"] = f"gtid:{database.executed()}"
    table_with_rows(database, 4, 6)
    pipeline.publish()
    assert published(pipeline) == [4, 5, 6]


@each_source
@each_client
def test_from_file_and_position(pipeline, database):
    table_with_rows(database, 1, 3)
    database.sql("FLUSH BINARY LOGS")
    table_with_rows(database, 4, 4)
    pipeline.options["publish"]["start"] = database.position()
    table_with_rows(database, 5, 6)
    pipeline.publish()
    assert published(pipeline) == [5, 6]


@each_source
def test_from_time(pipeline, database):
    """A binlog's clock of a transaction ticks in seconds at least, on MariaDB at most."""
    table_with_rows(database, 1, 3)
    time.sleep(1.1)
    pipeline.options["publish"]["start"] = f"time:{database.now()[:19]}Z"
    table_with_rows(database, 4, 6)
    pipeline.publish()
    assert published(pipeline) == [4, 5, 6]


@each_source
def test_from_latest(pipeline, database):
    table_with_rows(database, 1, 3)
    pipeline.options["publish"]["start"] = "latest"
    pipeline.publish()
    table_with_rows(database, 4, 6)
    pipeline.publish()
    assert published(pipeline) == [4, 5, 6]


@each_source
def test_from_earliest(pipeline, database):
    """What the source did before the test counts too: all but its own schema is left out."""
    table_with_rows(database, 1, 3)
    pipeline.options["publish"]["start"] = "earliest"
    pipeline.publish()
    assert published(pipeline) == [1, 2, 3]


@each_source
def test_goes_on_at_the_checkpoint(pipeline, database):
    """`start` counts only once; binlog files may change in between."""
    table_with_rows(database, 1, 2)
    pipeline.publish()
    pipeline.options["publish"]["start"] = "earliest"
    database.sql("FLUSH BINARY LOGS")
    table_with_rows(database, 3, 4)
    pipeline.publish()
    pipeline.publish()
    assert published(pipeline) == [1, 2, 3, 4]


def test_tagged_gtids(pipeline, database):
    database.sql("CREATE TABLE t (id INT PRIMARY KEY)", "SET gtid_next = 'AUTOMATIC:app'",
                 "INSERT INTO t VALUES (1)", "INSERT INTO t VALUES (2)", "SET gtid_next = 'AUTOMATIC'")
    pipeline.publish()
    assert published(pipeline) == [1, 2]
    assert ":app:" in pipeline.checkpoint()["gtid"]
    table_with_rows(database, 3, 3)
    pipeline.publish()
    assert published(pipeline) == [1, 2, 3]


# --- from a file -------------------------------------------------------------------------------------


@pytest.mark.own("source")
@each_source
def test_binlog_file_gives_the_same_records(pipeline, database, folder):
    """`tailrace cat` prints byte for byte what was published, but for the time of encoding."""
    database.sql("FLUSH BINARY LOGS")
    file = database.binlog_files()[-1]
    database.sql("CREATE TABLE t (id INT PRIMARY KEY, d DECIMAL(10,3), c VARCHAR(20), j JSON)",
                 "INSERT INTO t VALUES (1, 1.5, 'Huế', '{\"a\": [1, 2.0]}'), (2, NULL, NULL, NULL)",
                 "UPDATE t SET c = 'x'", "DELETE FROM t WHERE id = 1")
    pipeline.publish()
    path = Path(database.value("SELECT @@datadir")) / file
    command = [programs.binary("tailrace"), "cat", "--name", pipeline.name,
               "--tables", f"{pipeline.name}.*"]
    printed = subprocess.run([*command, path], capture_output=True, check=True).stdout
    records = [record.value for record in pipeline.topics.table("t") if record.value]
    assert sorted(map(without_times, printed.splitlines())) == sorted(map(without_times, records))
    with open(path, "rb") as binlog:
        piped = subprocess.run([*command, "-"], stdin=binlog, capture_output=True, check=True).stdout
    assert piped == printed.replace(f'"file":"{file}"'.encode(), b'"file":"-"')


def without_times(record):
    """The bytes without the member ts_ms of the envelope, the second of that name."""
    head, tail = record.rsplit(b',"ts_ms":', 1)
    number, rest = tail.split(b",", 1)
    assert number.isdigit() and json.loads(record)["ts_ms"] == int(number)
    return head + b"," + rest


# --- the connection ----------------------------------------------------------------------------------


@each_client
@pytest.mark.parametrize("tls", ["off", "preferred", "required"])
def test_caching_sha2_password(pipeline, database, tls):
    """With and without encryption, and with a server that does not remember the account yet."""
    assert database.rows("SELECT plugin FROM mysql.user WHERE user = %s", pipeline.name) == (
        ("caching_sha2_password",),)
    database.sql("FLUSH PRIVILEGES")
    pipeline.options["source"]["tls"] = tls
    table_with_rows(database, 1, 1)
    pipeline.publish()
    assert published(pipeline) == [1]


@each_client
@pytest.mark.parametrize("tls, encrypted", [("off", False), ("required", True)])
def test_what_the_server_sees(pipeline, database, tls, encrypted):
    """The connection that reads the binlog is, or is not, encrypted."""
    pipeline.options["source"]["tls"] = tls
    publisher = pipeline.start_publisher()
    query = ("SELECT connection_type FROM performance_schema.threads WHERE processlist_command LIKE"
             f" 'Binlog Dump%' AND processlist_user = '{pipeline.name}'")
    kind = wait.until(lambda: database.rows(query), "the server to send its binlog")
    assert kind == (("SSL/TLS" if encrypted else "TCP/IP",),)
    stop(publisher)


@each_client
def test_account_that_requires_tls(pipeline, database):
    database.sql(f"ALTER USER '{pipeline.name}'@'%' REQUIRE SSL")
    table_with_rows(database, 1, 1)
    pipeline.options["source"]["tls"] = "off"
    refused = expect(pipeline.start_publisher("--until-caught-up"), 77)
    assert "Access denied" in refused.log()
    pipeline.options["source"]["tls"] = "preferred"
    pipeline.publish()
    assert published(pipeline) == [1]


@each_client
def test_authority_is_checked(pipeline, database, folder):
    """The server's certificate is by an authority of its own, so one that is not told is not trusted."""
    wrong = folder / "wrong.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
                    "-subj", "/CN=nobody", "-keyout", folder / "wrong.key", "-out", wrong],
                   check=True, capture_output=True)
    table_with_rows(database, 1, 1)
    pipeline.options["source"] |= {"tls": "verify", "tls_ca": wrong}
    refused = expect(pipeline.start_publisher("--until-caught-up"), 78)
    assert "certificate" in refused.log()
    pipeline.assert_nothing_written()


@pytest.mark.own("source")
@each_source
def test_socket(pipeline, database):
    path = Path(database.value("SELECT @@datadir")) / database.value("SELECT @@socket")
    pipeline.options["source"] |= {"socket": path, "port": 1}
    table_with_rows(database, 1, 1)
    pipeline.publish()
    assert published(pipeline) == [1]


@each_source
def test_compressed_rows(pipeline, database):
    """Rows that the server compresses in its binlog."""
    name = {"mysql": "binlog_transaction_compression", "mariadb": "log_bin_compress"}[database.kind]
    with database.setting(name, "ON"):
        other = servers.mysql(database.url, database=database.schema)
        with other.cursor() as cursor:
            cursor.execute("CREATE TABLE t (id INT PRIMARY KEY, text TEXT)")
            cursor.execute("INSERT INTO t VALUES (1, REPEAT('x', 5000)), (2, REPEAT('y', 5000))")
        other.close()
    pipeline.converge()
