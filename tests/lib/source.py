# SPDX-License-Identifier: Apache-2.0
"""The source's side of a comparison: tables and rows of MySQL or MariaDB, as the server's own text.

pymysql's conversions stay off, so that nothing is lost on the way: a cell is the text that the server
sends, or None for NULL. Where that text would not be exact, the SELECT asks for a form that is
(select_expression says which).
"""

import fnmatch
from dataclasses import dataclass

import pymysql
import pymysql.converters
import pymysql.cursors

CHUNK_ROWS = 1000
SERVERS_OWN = ("information_schema", "mysql", "performance_schema", "sys")

BINARY_TYPES = {"binary", "varbinary", "tinyblob", "blob", "mediumblob", "longblob"}
GEOMETRY_TYPES = {"geometry", "point", "linestring", "polygon", "multipoint", "multilinestring",
                  "multipolygon", "geomcollection", "geometrycollection"}


class Unsupported(Exception):
    """The comparison cannot tell: a type without a mapping, a table without a key, no table."""


@dataclass(frozen=True)
class Column:
    """One column as information_schema describes it."""

    name: str
    type: str  # DATA_TYPE: "int", "varchar", …
    unsigned: bool
    precision: int  # of DECIMAL in digits, of BIT in bits
    digits: int  # of the fraction of a temporal type


@dataclass(frozen=True)
class Table:
    """A table's shape; `key` holds column numbers in key order."""

    db: str
    name: str
    columns: tuple
    key: tuple

    def __str__(self):
        return f"{self.db}.{self.name}"

    def key_names(self):
        """The names of the key's columns, in key order."""
        return [self.columns[i].name for i in self.key]


def connect(address):
    """A connection whose results are text; `address` is a dict of host, port, user, password."""
    encoders = {kind: f for kind, f in pymysql.converters.conversions.items()
                if not isinstance(kind, int)}
    connection = pymysql.connect(**address, conv=encoders, charset="utf8mb4", autocommit=True)
    with connection.cursor() as cursor:
        cursor.execute("SET SESSION time_zone = '+00:00', sql_mode = ''")
    return connection


def tables(connection, patterns):
    """The shapes of all tables whose db.table fits one of the globs; Unsupported if there is none."""
    found = [table(connection, db, name) for db, name in _names(connection)
             if any(fnmatch.fnmatchcase(f"{db}.{name}", pattern) for pattern in patterns)]
    if not found:
        raise Unsupported(f"no table fits {', '.join(patterns)}")
    return found


def table(connection, db, name):
    """The shape of one table."""
    columns = _columns(connection, db, name)
    return Table(db, name, columns, _key(connection, db, name, columns))


def rows(connection, shape):
    """All rows in chunks, streamed: lists of tuples of cells."""
    cells = ", ".join(select_expression(column) for column in shape.columns)
    with connection.cursor(pymysql.cursors.SSCursor) as cursor:
        cursor.execute(f"SELECT {cells} FROM {quoted(shape.db)}.{quoted(shape.name)}")
        while True:
            chunk = cursor.fetchmany(CHUNK_ROWS)
            if not chunk:
                return
            yield chunk


def select_expression(column):
    """What to select so that the text is exact."""
    name = quoted(column.name)
    if column.type == "bit":
        return f"{name} + 0"
    if column.type in ("float", "double"):
        return f"{name} * 1e0"  # a FLOAT's own text is rounded to six digits
    if column.type == "json":
        return f"CAST({name} AS CHAR)"
    if column.type in BINARY_TYPES or column.type in GEOMETRY_TYPES or column.type == "vector":
        return f"HEX({name})"
    return name


def quoted(name):
    """An identifier in backquotes."""
    return "`" + name.replace("`", "``") + "`"


def _names(connection):
    with connection.cursor() as cursor:
        cursor.execute("SELECT table_schema, table_name FROM information_schema.tables"
                       " WHERE table_type = 'BASE TABLE' AND table_schema NOT IN %s"
                       " ORDER BY 1, 2", (SERVERS_OWN,))
        return cursor.fetchall()


def _columns(connection, db, name):
    with connection.cursor() as cursor:
        cursor.execute("SELECT column_name, data_type, column_type LIKE '%% unsigned%%',"
                       " numeric_precision, datetime_precision FROM information_schema.columns"
                       " WHERE table_schema = %s AND table_name = %s ORDER BY ordinal_position",
                       (db, name))
        return tuple(Column(column, kind.lower(), unsigned == "1", int(precision or 0),
                            int(digits or 0))
                     for column, kind, unsigned, precision, digits in cursor)


def _key(connection, db, name, columns):
    """The primary key, else the first unique key without NULLs."""
    keys = {}
    with connection.cursor() as cursor:
        cursor.execute(f"SHOW INDEX FROM {quoted(db)}.{quoted(name)}")
        at = {title[0].lower(): i for i, title in enumerate(cursor.description)}
        for row in cursor:
            if row[at["non_unique"]] == "0":
                key = keys.setdefault(row[at["key_name"]], [])
                key.append((row[at["column_name"]], row[at["null"]] == "YES"))
    names = [column.name for column in columns]
    for key in sorted(keys, key=lambda key: key != "PRIMARY"):
        if not any(column is None or nullable for column, nullable in keys[key]):
            return tuple(names.index(column) for column, _ in keys[key])
    raise Unsupported(f"{db}.{name} has no key")
