# SPDX-License-Identifier: Apache-2.0
"""Workloads other than sysbench's: long rows, many columns, one large transaction, many tables. Each is a
set of tables and a function that fills them; the rows are made by SQL, in the server.

Every shape is one backlog, published and applied to both targets.
"""

from dataclasses import dataclass
from typing import Callable

DB, DECODED_DB = "shapes", "decoded"  # the second one is not published
A_STATEMENT = 1000
TEXT_BYTES = 600
FEW_TABLES, MANY_TABLES = 5, 50
OPEN_TABLES = 100_000
# The default, the last one with a window of 8 MB, the widest window; a server takes the longer over each,
# so it gets a part of the rows.
ZSTD_LEVELS = {3: 1, 19: 4, 22: 8}
TURNS = 3
VISITS = 100  # of each table: that its first row costs more is no news
COLUMNS_OF_A_KIND = 10
NUMBERS = """WITH RECURSIVE n (i) AS (SELECT {first} UNION ALL SELECT i + 1 FROM n WHERE i < {last})"""

# name → type and the expression of row n.i
KINDS = {
    "i": ("INT", "i * 7919 % 1000003"),
    "u": ("BIGINT UNSIGNED", "18446744073709551615 - i"),
    "d": ("DECIMAL(12,4)", "i / 7"),
    "f": ("DOUBLE", "i / 3e0"),
    "t": ("DATETIME(6)", "'2026-11-21 08:15:00.123456' + INTERVAL i SECOND"),
    "v": ("VARCHAR(40)", "CONCAT('name ', i)"),
    "c": ("CHAR(10)", "HEX(i)"),
    "e": ("ENUM('red','green','blue')", "1 + i % 3"),
    "j": ("JSON", "JSON_OBJECT('a', i, 'b', JSON_ARRAY(i, 'x'))"),
    "b": ("VARBINARY(16)", "UNHEX(LEFT(SHA2(i, 256), 32))"),
}


@dataclass
class Shape:
    """`fill(execute, rows)` makes `rows` row changes; `tables`: database.name → definition of its columns."""

    name: str
    tables: dict
    rows: int
    fill: Callable


def _insert(execute, table, columns, expressions, first, last):
    execute(f"INSERT INTO {table} ({columns}) {NUMBERS.format(first=first, last=last)} "
            f"SELECT {expressions} FROM n")


def _in_statements(table, columns, expressions):
    def fill(execute, rows):
        for first in range(1, rows + 1, A_STATEMENT):
            _insert(execute, table, columns, expressions, first, min(first + A_STATEMENT - 1, rows))
    return fill


def _long_rows(rows):
    return Shape(f"rows of {TEXT_BYTES} bytes, {A_STATEMENT:,} a statement",
                 {f"{DB}.long_rows": f"id INT PRIMARY KEY, a VARCHAR({TEXT_BYTES})"}, rows,
                 _in_statements(f"{DB}.long_rows", "id, a", f"i, LEFT(REPEAT(SHA2(i, 256), 10), {TEXT_BYTES})"))


def _many_columns(rows):
    names = [(f"{kind}{n}", *KINDS[kind]) for kind in KINDS for n in range(COLUMNS_OF_A_KIND)]
    definition = "id INT PRIMARY KEY, " + ", ".join(f"{name} {type_}" for name, type_, _ in names)
    return Shape(f"{len(names)} columns of mixed types", {f"{DB}.many_columns": definition}, rows,
                 _in_statements(f"{DB}.many_columns", "id, " + ", ".join(name for name, _, _ in names),
                                "i, " + ", ".join(expression for _, _, expression in names)))


def _one_transaction(table, rows):
    def fill(execute, count):
        _insert(execute, f"{DB}.{table}", "id, a, b", "i, i % 97, CONCAT('row ', i)", 1, count)
    return Shape(f"one transaction of {rows:,} rows", {f"{DB}.{table}": "id INT PRIMARY KEY, a INT, b VARCHAR(20)"},
                 rows, fill)


def _tables(count, rows, prefix):
    """Rows go to one table after the other, ten a statement and a transaction."""
    names = [f"{prefix}{n}" for n in range(count)]

    def fill(execute, total):
        for at in range(0, total, 10):
            first = at // 10 // count * 10 + 1
            _insert(execute, names[at // 10 % count], "id, a, b", "i, i % 97, CONCAT('row ', i)", first,
                    first + 9)
    return Shape(f"{count:,} tables", {name: "id INT PRIMARY KEY, a INT, b VARCHAR(20)" for name in names},
                 rows, fill)


def of_path(rows):
    """(kind, shape) of all that go through the whole path; the larger transaction has `rows` rows. It and the
    smaller one come in turns, for only medians tell how cost grows."""
    made = [("long", _long_rows(rows // 10)), ("wide", _many_columns(rows // 50)),
            ("tables", _tables(MANY_TABLES, rows // 20, f"{DB}.one_of_"))]
    for turn in range(TURNS):
        made += [("half", _one_transaction(f"half_a_transaction_{turn}", rows // 2)),
                 ("whole", _one_transaction(f"whole_transaction_{turn}", rows))]
    return made


def under_load(rows):
    """The larger transaction once more, to be published while other changes come in."""
    return _one_transaction("under_load", rows)


def _visited(count, visits, prefix):
    """A row to one table after the other, `visits` times all of them. A server that has fewer tables open
    gives each a new number at each visit."""
    def fill(execute, rows):
        execute(f"SET GLOBAL table_open_cache = {OPEN_TABLES}")
        execute(f"SET GLOBAL table_definition_cache = {OPEN_TABLES}")
        execute(f"DROP PROCEDURE IF EXISTS {DECODED_DB}.visit")
        execute(f"CREATE PROCEDURE {DECODED_DB}.visit() BEGIN DECLARE i INT DEFAULT 0; START TRANSACTION; "
                f"WHILE i < {rows} DO "
                f"SET @s = CONCAT('INSERT INTO {prefix}', i % {count}, ' (id, a, b) VALUES (', 1 + i, "
                "', 1, ''row'')'); PREPARE p FROM @s; EXECUTE p; SET i = i + 1; "
                "IF i % 100 = 0 THEN COMMIT; START TRANSACTION; END IF; END WHILE; COMMIT; END")
        execute(f"CALL {DECODED_DB}.visit()")
    return Shape(f"{count:,} tables", {f"{prefix}{n}": "id INT PRIMARY KEY, a INT, b VARCHAR(20)"
                                       for n in range(count)}, count * visits, fill)


def _compressed(rows, level):
    """One transaction of text that compresses to half of it at best."""
    table = f"{DECODED_DB}.compressed_{level}"

    def fill(execute, count):
        execute(f"SET binlog_transaction_compression = ON, binlog_transaction_compression_level_zstd = {level}")
        _insert(execute, table, "id, a", "i, SHA2(i, 512)", 1, count)
        execute("SET binlog_transaction_compression = OFF")
    return Shape(f"zstd level {level}", {table: "id INT PRIMARY KEY, a CHAR(128)"}, rows, fill)


def compressed(rows):
    """Transactions that MySQL compresses."""
    return [_compressed(rows // part, level) for level, part in ZSTD_LEVELS.items()]


def of_decoding(tables):
    """Few and many tables with as many rows: only decoded, for a topic each would be too much for two
    brokers on one machine."""
    return {"few": _visited(FEW_TABLES, tables * VISITS // FEW_TABLES, f"{DECODED_DB}.few_"),
            "many": _visited(tables, VISITS, f"{DECODED_DB}.many_")}
