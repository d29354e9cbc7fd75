# SPDX-License-Identifier: Apache-2.0
"""A row read by a snapshot and the same row read from the binlog are the same bytes: key, `after`, header
`columns`, partition. The tables are those of the golden cases (tests/golden), random ones of the
differential test, and what neither of them has."""

import itertools
import random
import re
from pathlib import Path

import pytest

from tests.differential import generate
from tests.golden.record import sections
from tests.integration import test_snapshot
from tests.integration.test_snapshot import SERVERS, readable  # noqa: F401 (a fixture)

GOLDEN = Path(__file__).resolve().parents[1] / "golden"
PARTIAL = ("minimal_image", "noblob_image", "partial_json_minimal")  # the stream has not the whole row
GLOBAL = ("checksum_none", "compressed", "ddl_between", "without_names")  # about the log, not about values
SEEDS = range(4)
CHANGES = 40
MORE = {
    "both": [
        "CREATE TABLE fill (id INT(5) ZEROFILL PRIMARY KEY, d DECIMAL(8,3) ZEROFILL, f FLOAT ZEROFILL, b BIGINT(20) ZEROFILL)",
        "INSERT INTO fill VALUES (7, 1.5, 2.25, 42), (99999, 0, 0, 0), (12, 99999.999, 1e10, 18446744073709551615)",
        "CREATE TABLE digits (id INT PRIMARY KEY, f FLOAT(7,3), d DOUBLE(20,10), g FLOAT UNSIGNED, n DOUBLE)",
        "INSERT INTO digits VALUES (1, 1234.567, 1234567890.0123456789, 0.1, -0e0), (2, 0.001, 3e9, 16777217, 5e-324)",
        "CREATE TABLE label (id INT PRIMARY KEY, e ENUM('','x','é','😀','it''s','b\\\\c','q?') CHARACTER SET utf8mb4,"
        " s SET('a','😀','é') CHARACTER SET utf8mb4, u ENUM('ü','y') CHARACTER SET utf16)",
        "INSERT INTO label VALUES (1, 'x', 'a,😀', 'ü'), (2, '😀', '', 'y'), (3, 0, 7, 1), (4, '', 5, 0), (5, 'it''s', 2, 2),"
        " (6, 'b\\\\c', 1, 1), (7, NULL, NULL, NULL)",
        "CREATE TABLE byte (id INT PRIMARY KEY, b BINARY(5), v VARBINARY(9), z BINARY(0), c CHAR(9) CHARACTER SET binary, t BIT(64))",
        "INSERT INTO byte VALUES (1, X'0100', X'00', '', 'a', b'1'), (2, '', '', '', '', 0), (3, X'FFFFFFFFFF', X'00000000', '',"
        " X'DEADBEEF', 18446744073709551615)",
        "CREATE TABLE `odd ``name` (`the ``id` INT PRIMARY KEY, `a.b` INT, `Huế` VARCHAR(9))",
        "INSERT INTO `odd ``name` VALUES (1, 2, 'x')",
        "CREATE TABLE second (a INT NOT NULL, b VARCHAR(9) NOT NULL, c INT, UNIQUE n (c), UNIQUE k2 (b, a), UNIQUE k1 (a))",
        "INSERT INTO second VALUES (1, 'x', NULL), (2, 'y', 5)",
    ],
    "mysql": [
        "CREATE TABLE shown (id INT PRIMARY KEY, v INT AS (id + 1) VIRTUAL INVISIBLE, s INT AS (id * 2) STORED, h INT INVISIBLE)",
        "INSERT INTO shown (id, h) VALUES (1, 5), (2, NULL)",
        "CREATE TABLE functional (id INT PRIMARY KEY, a INT, KEY ((a + 1)), KEY d (a DESC))",
        "INSERT INTO functional VALUES (1, 5), (2, NULL)",
        "SET sql_generate_invisible_primary_key = ON",
        "CREATE TABLE generated_key (a INT)",
        "SET sql_generate_invisible_primary_key = OFF",
        "INSERT INTO generated_key VALUES (1), (2)",
        "CREATE TABLE place (id INT PRIMARY KEY, g GEOMETRY, p POINT SRID 4326, c GEOMETRYCOLLECTION)",
        "INSERT INTO place VALUES (1, ST_GeomFromText('POINT(1 2)'), ST_GeomFromText('POINT(10 20)', 4326), NULL),"
        " (2, NULL, NULL, ST_GeomFromText('GEOMETRYCOLLECTION(POINT(1 1))'))",
        "CREATE TABLE document (id INT PRIMARY KEY, j JSON)",
        "INSERT INTO document VALUES (1, '{\"a, b\": \"c: d\", \"e\\\\\"\": [1, 2.50, 1e300, null, true, {}]}'), (2, 'null'), (3, '\"x\"'),"
        " (4, CAST(TIMESTAMP'2026-11-21 08:15:00.5' AS JSON)), (5, CAST(X'00FF' AS JSON)), (6, '[]'), (7, NULL), (8, '0'),"
        " (9, CAST(CAST(1.50 AS DECIMAL(9,2)) AS JSON)), (10, CAST(ST_GeomFromText('POINT(1 2)') AS JSON))",
    ],
    "mariadb": [
        "CREATE TABLE shown (id INT PRIMARY KEY, v INT AS (id + 1) VIRTUAL, s INT AS (id * 2) PERSISTENT, h INT INVISIBLE)",
        "INSERT INTO shown (id, h) VALUES (1, 5), (2, NULL)",
        "CREATE TABLE name (id INT PRIMARY KEY, u UUID, six INET6, four INET4, c VARCHAR(99) COMPRESSED, t TEXT COMPRESSED)",
        "INSERT INTO name VALUES (1, '123e4567-e89b-12d3-a456-426655440000', '2001:db8::ff00:42:8329', '192.168.1.2', 'abc', 'def'),"
        " (2, 'ffffffff-ffff-4fff-bfff-ffffffffffff', '::ffff:1.2.3.4', '0.0.0.0', '', ''), (3, NULL, '::', NULL, NULL, NULL)",
        "CREATE TABLE old_json (id INT PRIMARY KEY, j JSON, d DATETIME(3), e TIMESTAMP(6) NULL)",
        "INSERT INTO old_json VALUES (1, '{\"a\" : 1}', '2026-11-21 01:02:03.45', '2026-11-21 01:02:03.456789')",
    ],
}


def play(connection, schema, statements):
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE DATABASE `{schema}` CHARACTER SET utf8mb4")
        cursor.execute(f"USE `{schema}`")
        cursor.execute("SET time_zone = '+00:00', sql_mode = ''")
        for statement in statements:
            cursor.execute(statement)


def play_all(pipeline, kind):
    """Fills a schema for each case."""
    schemas = []
    for path in sorted((GOLDEN / kind).glob("*.sql")):
        parts = sections(path.read_text(encoding="utf-8"))
        statements = parts["setup"] + parts["record"]
        is_about_log = path.stem in GLOBAL or "RECONNECT" in statements
        if path.stem in PARTIAL or is_about_log or parts["refused"]:
            continue
        schemas.append((f"{pipeline.name}_{path.stem}", statements))
    for seed in SEEDS:
        rng, is_mariadb = random.Random(seed), kind == "mariadb"
        tables = generate.make_tables(rng, is_mariadb)
        statements = list(generate.statements(rng, list(tables.values()), is_mariadb, CHANGES))
        schemas.append((f"{pipeline.name}_random_{seed}", statements))
    schemas.append((f"{pipeline.name}_more", MORE["both"] + MORE[kind]))
    for schema, statements in schemas:
        with pipeline.database.connect() as connection:
            play(connection, schema, statements)
    return [schema for schema, _ in schemas]


def last_records(records):
    """key → the last record of the stream and that of the snapshot."""
    streamed, read = {}, {}
    for record in records:
        if record.value is None:
            streamed.pop(record.key, None)
        elif record.change()["op"] == "r":
            read[record.key] = record
        else:
            streamed[record.key] = record
    return streamed, read


def after(record):
    """The bytes of the member `after`: from behind its name to the member that follows."""
    return re.fullmatch(rb'\{"before":.*?,"after":(.*),"source":\{"version".*', record.value, re.S)[1]


@SERVERS
def test_same_bytes(readable, source, figures):
    pipeline = readable
    schemas = play_all(pipeline, source)
    pipeline.options["tables"]["include"] = f"{pipeline.name}_*.*"
    pipeline.options["publish"]["keyless"] = "whole-row"
    pipeline.options["kafka"]["partitions"] = 1  # topics are made faster
    try:
        pipeline.publish()
        publisher = pipeline.start_publisher()
        test_snapshot.snapshot(pipeline, f"{pipeline.name}_*.*", "--wait")
        publisher.stop()
        compared = columns = 0
        suffixes = [name.removeprefix(f"{pipeline.name}.") for name in pipeline.topics.names()]
        suffixes = [suffix for suffix in suffixes if suffix not in ("checkpoint", "control", "ddl")]
        records = pipeline.topics.read_several(suffixes)
        for topic, group in itertools.groupby(records, key=lambda record: record.topic):
            suffix = topic.removeprefix(f"{pipeline.name}.")
            streamed, read = last_records(group)
            assert set(streamed) == set(read), suffix
            for key, record in read.items():
                other = streamed[key]
                if other.headers["columns"] != record.headers["columns"]:
                    assert "_random_" in suffix or "ddl" in suffix, (suffix, other, record)  # altered since
                    continue
                assert after(record) == after(other), suffix
                assert record.partition == other.partition
                compared += 1
                columns += len(record.row())
        figures(f"{compared} rows, {columns} values of {len(schemas)} schemas")
        assert compared > 200
    finally:
        for schema in schemas:
            pipeline.database.sql(f"DROP DATABASE IF EXISTS `{schema}`")
