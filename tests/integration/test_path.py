# SPDX-License-Identifier: Apache-2.0
"""The path from end to end, with both source servers and both MySQL client libraries: whatever a client of
the source does, MongoDB and Redis hold the same rows afterwards."""

import pytest

PATHS = [(source, client) for source in ("mysql", "mariadb")
         for client in ("libmariadb", "libmysqlclient")]
every_path = pytest.mark.parametrize("source, client", PATHS, indirect=True)

NULL = "NULL"

# column, type, and its values in SQL: the least, the greatest, and an ordinary one
TYPES = [
    ("tiny", "TINYINT", "-128", "127", "5"),
    ("tiny_u", "TINYINT UNSIGNED", "0", "255", "200"),
    ("small", "SMALLINT", "-32768", "32767", "300"),
    ("small_u", "SMALLINT UNSIGNED", "0", "65535", "40000"),
    ("medium", "MEDIUMINT", "-8388608", "8388607", "-70000"),
    ("medium_u", "MEDIUMINT UNSIGNED", "0", "16777215", "9000000"),
    ("number", "INT", "-2147483648", "2147483647", "-1"),
    ("number_u", "INT UNSIGNED ZEROFILL", "0", "4294967295", "3000000000"),
    ("big", "BIGINT", "-9223372036854775808", "9223372036854775807", "9007199254740993"),
    ("big_u", "BIGINT UNSIGNED", "0", "18446744073709551615", "9223372036854775808"),
    ("flag", "BOOLEAN", "0", "1", "1"),
    ("bits", "BIT(12)", "b'0'", "b'111111111111'", "b'100000000001'"),
    ("bits_64", "BIT(64)", "b'0'", "18446744073709551615", "b'1'"),
    ("made", "YEAR", "1901", "2155", "0"),
    ("price", "DECIMAL(10,2)", "-99999999.99", "99999999.99", "0.5"),
    ("price_u", "DECIMAL(7,4) UNSIGNED", "0", "999.9999", "12.3400"),
    ("whole", "DECIMAL(20,0)", "-99999999999999999999", "99999999999999999999", "0"),
    ("long_price", "DECIMAL(65,30)", "-99999999999999999999999999999999999.123456789012345678901234567891",
     "99999999999999999999999999999999999.999999999999999999999999999999", "1"),
    ("single", "FLOAT", "-3.40282347e38", "3.40282347e38", "0.1"),
    ("double_", "DOUBLE", "-1.7976931348623157e308", "1.7976931348623157e308", "0.30000000000000004"),
    ("day", "DATE", "'0000-00-00'", "'9999-12-31'", "'2024-02-29'"),
    ("day_partly", "DATE", "'2026-00-00'", "'2026-11-00'", "'1000-01-01'"),
    ("moment", "DATETIME", "'0000-00-00 00:00:00'", "'9999-12-31 23:59:59'", "'2026-11-21 08:15:00'"),
    ("moment_3", "DATETIME(3)", "'1000-01-01 00:00:00.001'", "'9999-12-31 23:59:59.999'",
     "'2026-11-21 08:15:00.250'"),
    ("moment_6", "DATETIME(6)", "'1970-01-01 00:00:00.000001'", "'9999-12-31 23:59:59.999999'",
     "'2026-11-21 08:15:00.250001'"),
    ("stamp", "TIMESTAMP NULL", "'1970-01-01 00:00:01'", "'2038-01-19 03:14:07'", "'0000-00-00'"),
    ("stamp_2", "TIMESTAMP(2) NULL", "'1970-01-01 00:00:01.01'", "'2038-01-19 03:14:07.99'",
     "'2026-11-21 08:15:00.25'"),
    ("span", "TIME", "'-838:59:59'", "'838:59:59'", "'-00:00:01'"),
    ("span_1", "TIME(1)", "'-838:59:58.9'", "'838:59:58.9'", "'-00:00:00.1'"),
    ("span_6", "TIME(6)", "'-00:00:00.000001'", "'23:59:59.999999'", "'00:00:00'"),
    ("fixed", "CHAR(10)", "''", "'mười ký tự'", "' leading'"),
    ("city", "VARCHAR(200)", "''", "REPEAT('ế', 200)", "'Thừa Thiên Huế 😀'"),
    ("west", "VARCHAR(20) CHARACTER SET latin1", "''", "'ÿ€'", "'déjà vu'"),
    ("ascii_", "VARCHAR(20) CHARACTER SET ascii", "''", "'~'", "'\"quoted\\\\\\n\\t\"'"),
    ("wide", "VARCHAR(20) CHARACTER SET utf16", "''", "'😀'", "'Đà Nẵng'"),
    ("novel", "LONGTEXT", "''", "REPEAT('ạ', 40000)", "'one\\0two'"),
    ("note", "TINYTEXT", "''", "REPEAT('x', 255)", "'tiny'"),
    ("size", "ENUM('nhỏ','lớn')", "'nhỏ'", "'lớn'", "0"),
    ("tags", "SET('a','b','c','đ')", "''", "'a,b,c,đ'", "'b,đ'"),
    ("code", "BINARY(4)", "x'00000000'", "x'ffffffff'", "x'00ff'"),
    ("code_v", "VARBINARY(300)", "x''", "REPEAT(x'ff', 300)", "x'c3280000'"),
    ("image", "BLOB", "x''", "REPEAT(x'00ff', 30000)", "x'89504e470d0a1a0a'"),
    ("image_long", "LONGBLOB", "x''", "REPEAT(x'0102', 50000)", "x'00'"),
    ("notes", "JSON", "'{}'", """'[1,-2.5,18446744073709551615,null,true,"a\\\\"\\\\u0001b",{"x":[[]]}]'""",
     """'{"tên": "Huế", "n": {"b": 1, "a": [0.1, 1e100]}}'"""),
]


def kinds(database):
    """A table with all types; a row for each of the values, one with NULLs, one with defaults."""
    columns = ",\n".join(f"{name} {kind}" for name, kind, *_ in TYPES)
    database.sql("SET SESSION sql_mode = '', time_zone = '+00:00'",
                 f"CREATE TABLE kinds (id INT PRIMARY KEY, {columns})")
    for number in range(3):
        values = ", ".join(values[number] for _, _, *values in TYPES)
        database.sql(f"INSERT INTO kinds VALUES ({number}, {values})")
    database.sql(f"INSERT INTO kinds VALUES (3, {', '.join([NULL] * len(TYPES))})",
                 "INSERT INTO kinds (id, city) VALUES (4, 'only this')")


def shops(database):
    """Related tables with keys of one and two columns, of numbers, texts and times."""
    database.sql(
        "CREATE TABLE shop (id BIGINT UNSIGNED PRIMARY KEY, name VARCHAR(50), total DECIMAL(12,2))",
        "CREATE TABLE sale (shop BIGINT UNSIGNED, number INT, sold DATETIME(3), amount DECIMAL(12,2),"
        " PRIMARY KEY (number, shop))",
        "CREATE TABLE label (a VARCHAR(20), b VARCHAR(20), text TEXT, PRIMARY KEY (a, b))",
        "CREATE TABLE tick (at DATETIME(6) PRIMARY KEY, n INT)",
        "CREATE TABLE only_unique (n INT, code BINARY(3) NOT NULL, UNIQUE (n), UNIQUE (code))",
        "INSERT INTO shop VALUES (1, 'Huế', 0), (2, 'Đà Nẵng', 0), (18446744073709551615, 'last', 1)",
        "INSERT INTO label VALUES ('1', '23', 'x'), ('12', '3', 'y'), ('a:b', 'c', NULL),"
        " ('a', 'b:c', ''), ('%', '%25', 'percent'), ('', ' ', 'empty')",
        "INSERT INTO tick VALUES ('2026-11-21 08:15:00.000001', 1), ('2026-11-21 08:15:00', 2)",
        "INSERT INTO only_unique VALUES (NULL, x'000001'), (1, x'ff00ff')")


def sales(database):
    """Transactions over several tables, one of them rolled back, one in part, and key changes."""
    database.sql(
        "BEGIN",
        "INSERT INTO sale VALUES (1, 1, '2026-11-21 10:00:00.123', 10), (1, 2, NULL, 2.5)",
        "UPDATE shop SET total = 12.5 WHERE id = 1",
        "COMMIT",
        "BEGIN",
        "INSERT INTO sale VALUES (2, 9, NULL, 99)",
        "DELETE FROM shop",
        "ROLLBACK",
        "BEGIN",
        "INSERT INTO sale VALUES (2, 1, NULL, 1)",
        "SAVEPOINT half",
        "INSERT INTO sale VALUES (2, 2, NULL, 2)",
        "ROLLBACK TO half",
        "INSERT INTO sale VALUES (2, 3, NULL, 3)",
        "COMMIT",
        "UPDATE sale SET number = number + 10",
        "UPDATE label SET b = CONCAT(b, '!'), text = 'moved' WHERE a IN ('1', 'a')",
        "UPDATE tick SET at = at + INTERVAL 1 MICROSECOND ORDER BY at DESC",
        "UPDATE only_unique SET code = x'aabbcc' WHERE n = 1",
        "DELETE FROM label WHERE a = ''",
        "REPLACE INTO shop VALUES (2, 'replaced', 2)",
        "INSERT INTO shop VALUES (1, 'x', 0) ON DUPLICATE KEY UPDATE name = 'updated'",
        "DELETE FROM shop WHERE id = 18446744073709551615",
        "INSERT INTO shop VALUES (18446744073709551615, 'again', NULL)")


def alterations(database):
    """Another shape, then each row again in it: add, rename, change, drop, move to the front."""
    database.sql(
        "ALTER TABLE shop ADD opened DATE, ADD open BOOLEAN NOT NULL DEFAULT 1 FIRST",
        "UPDATE shop SET opened = '2026-11-21'",
        "ALTER TABLE shop RENAME COLUMN name TO title",
        "UPDATE shop SET total = 1",
        "ALTER TABLE shop MODIFY total DECIMAL(20,4), MODIFY title TEXT CHARACTER SET latin1",
        "UPDATE shop SET total = 2, title = 'é'",
        "ALTER TABLE shop DROP COLUMN opened",
        "INSERT INTO shop (id, title) VALUES (77, 'new shape')",
        "UPDATE shop SET total = 3.25")


@every_path
def test_values(pipeline):
    kinds(pipeline.database)
    pipeline.converge()
    pipeline.database.sql("UPDATE kinds SET city = CONCAT('+', LEFT(city, 100)) WHERE id < 3",
                          "UPDATE kinds SET id = 10 WHERE id = 1",
                          "UPDATE kinds a JOIN kinds b ON b.id = 0 SET a.notes = b.notes, a.day = b.day"
                          " WHERE a.id = 3",
                          "DELETE FROM kinds WHERE id = 2")
    pipeline.converge()


@every_path
def test_statements(pipeline):
    shops(pipeline.database)
    sales(pipeline.database)
    pipeline.converge()
    alterations(pipeline.database)
    pipeline.database.sql("DELETE FROM sale WHERE shop = 2")
    pipeline.converge()


def test_geometry_and_vector(pipeline):
    """MySQL only: MariaDB 10.11 has neither VECTOR nor an SRID in the column."""
    pipeline.database.sql(
        "CREATE TABLE place (id INT PRIMARY KEY, at POINT SRID 4326, area GEOMETRY, v VECTOR(3))",
        "INSERT INTO place VALUES (1, ST_GeomFromText('POINT(16.5 107.5)', 4326),"
        " ST_GeomFromText('POLYGON((0 0,1 0,1 1,0 0))'), TO_VECTOR('[1,0.1,-2.5e10]')),"
        " (2, NULL, NULL, NULL)")
    pipeline.converge()


def test_large_and_small_images(pipeline):
    """Rows whose images are MINIMAL: an update carries changed columns only and leaves the others."""
    database = pipeline.database
    database.sql("CREATE TABLE item (id INT PRIMARY KEY, a INT, b VARCHAR(20), c BLOB)",
                 "SET SESSION binlog_row_image = MINIMAL",
                 "INSERT INTO item VALUES (1, 1, 'one', x'01'), (2, 2, 'two', NULL), (3, 3, NULL, NULL)")
    pipeline.converge()
    database.sql("UPDATE item SET b = NULL WHERE id = 1", "UPDATE item SET a = a + 1",
                 "SET SESSION binlog_row_image = NOBLOB", "UPDATE item SET b = 'x' WHERE id = 2",
                 "DELETE FROM item WHERE id = 3")
    pipeline.converge()
