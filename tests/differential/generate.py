# SPDX-License-Identifier: Apache-2.0
"""Random tables and statements, the same for the same seed.

A column never gets a default, and a table changes only so that the values in it stay: a new column is
NULL in old rows, without an event that would say so.
"""

import json

TABLES = 3
COLUMNS_MAX = 12
ROWS_MAX = 8  # of one INSERT
KEYS = 60  # so few that statements meet the same rows again
TEXTS = ("", " ", "a", "Zürich", "Huế", "日本語", "привет", "😀 \u200d", "\t\"\\/\x01", "'`%", "x" * 190)
CHARSETS = ("utf8mb4", "latin1", "utf16", "cp1251", "gbk", "utf8mb3", "sjis", "ascii")
INTEGERS = {"TINYINT": 8, "SMALLINT": 16, "MEDIUMINT": 24, "INT": 32, "BIGINT": 64}
DOUBLES = ("0", "-0e0", "0.1", "1e15", "-1.7976931348623157e308", "2.2250738585072014e-308",
           "123456.789")
FLOATS = ("0", "0.1", "16777217", "-3.4028234e38", "1.17549435e-38", "3.25")


def integer(rng):
    """Any integer type, signed or not: its ends, and what lies between."""
    name, bits = rng.choice(list(INTEGERS.items()))
    unsigned = rng.random() < 0.5
    low, high = (0, 2**bits - 1) if unsigned else (-2**(bits - 1), 2**(bits - 1) - 1)
    return (f"{name} UNSIGNED" if unsigned else name,
            lambda: str(rng.choice((low, high, 0, 1, rng.randint(low, high)))))


def decimal(rng):
    """DECIMAL of any precision and scale."""
    precision = rng.randint(1, 65)
    scale = rng.randint(0, min(30, precision))
    digits = lambda n: "".join(rng.choice("0123456789") for _ in range(n))
    most = "9" * (precision - scale) + "." + "9" * scale
    return (f"DECIMAL({precision},{scale})",
            lambda: rng.choice(("0", most, "-" + most,
                                rng.choice("-+") + digits(precision - scale) + "." + digits(scale))))


def number(rng):
    """FLOAT, DOUBLE, YEAR or BIT."""
    bits = rng.randint(1, 64)
    return rng.choice((("FLOAT", lambda: rng.choice(FLOATS)),
                       ("DOUBLE", lambda: rng.choice(DOUBLES + (repr(rng.uniform(-1e9, 1e9)),))),
                       ("YEAR", lambda: rng.choice(("0", "1901", "2155", "2026"))),
                       (f"BIT({bits})", lambda: str(rng.choice((0, 2**bits - 1,
                                                                rng.getrandbits(bits)))))))


def temporal(rng):
    """DATE, DATETIME, TIMESTAMP or TIME, with any number of digits; zero dates too."""
    digits = rng.randint(0, 6)
    day = lambda: f"{rng.randint(1000, 9999)}-{rng.randint(1, 12):02}-{rng.randint(1, 28):02}"
    clock = lambda: (f"{rng.randint(0, 23):02}:{rng.randint(0, 59):02}:{rng.randint(0, 59):02}"
                     f".{rng.randint(0, 999999):06}")
    moment = lambda: f"{rng.randint(1971, 2037)}-{rng.randint(1, 12):02}-{rng.randint(1, 28):02} "
    time = lambda: rng.choice(("-838:59:59", "838:59:59", "0", "-00:00:00.5", clock()))
    quoted = lambda make: lambda: f"'{make()}'"
    return rng.choice((
        ("DATE", quoted(lambda: rng.choice(("0000-00-00", "2026-00-00", "9999-12-31", day())))),
        (f"DATETIME({digits})", quoted(lambda: rng.choice(("0000-00-00", f"{day()} {clock()}")))),
        (f"TIMESTAMP({digits})", quoted(lambda: rng.choice(("0000-00-00", moment() + clock())))),
        (f"TIME({digits})", quoted(time))))


def text(rng):
    """CHAR, VARCHAR or TEXT in one of many character sets."""
    charset = rng.choice(CHARSETS)
    kind = rng.choice((f"CHAR({rng.randint(1, 255)})", f"VARCHAR({rng.randint(1, 400)})", "TINYTEXT",
                       "TEXT", "MEDIUMTEXT", "LONGTEXT"))
    literal = lambda: (rng.choice(TEXTS) * rng.randint(1, 2)).encode().hex()
    return (f"{kind} CHARACTER SET {charset}",
            lambda: f"CONVERT(_utf8mb4 X'{literal()}' USING {charset})")


def binary(rng):
    """BINARY, VARBINARY or BLOB."""
    kind = rng.choice((f"BINARY({rng.randint(1, 255)})", f"VARBINARY({rng.randint(1, 400)})",
                       "TINYBLOB", "BLOB", "MEDIUMBLOB", "LONGBLOB"))
    return kind, lambda: f"X'{rng.randbytes(rng.choice((0, 1, 3, 200))).hex()}'"


def labels(rng):
    """ENUM or SET, its labels in some character set."""
    names = [f"l{i}é" if i % 3 else f"l{i}" for i in range(rng.choice((1, 5, 30, 64)))]
    quoted = ",".join(f"'{name}'" for name in names)
    if rng.random() < 0.5:
        return (f"ENUM({quoted}) CHARACTER SET latin1",
                lambda: str(rng.randint(1, len(names))))
    return (f"SET({quoted}) CHARACTER SET utf8mb4", lambda: str(rng.getrandbits(len(names))))


def geometry(rng):
    """GEOMETRY, POINT or LINESTRING."""
    pair = lambda: f"{rng.uniform(-1000, 1000)!r} {rng.randint(-5, 5)}"
    point = lambda: f"ST_GeomFromText('POINT({pair()})')"
    line = lambda: f"ST_GeomFromText('LINESTRING({pair()},{pair()},{pair()})')"
    return rng.choice((("POINT", point), ("LINESTRING", line), ("GEOMETRY", point)))


def document(rng, depth=0):
    """A JSON value."""
    simple = (None, True, False, 0, -1, 2**63 - 1, -2**63, 2**64 - 1, 0.1, -1e300, 65536,
              *TEXTS[:9])
    kind = rng.random()
    if depth > 3 or kind < 0.4:
        return rng.choice(simple)
    size = rng.choice((0, 1, 3, 9))
    if kind < 0.7:
        return [document(rng, depth + 1) for _ in range(size)]
    return {f"k{i}{rng.choice(TEXTS[:6])}": document(rng, depth + 1) for i in range(size)}


def json_or_vector(rng):
    """What only MySQL has."""
    if rng.random() < 0.6:
        encoded = lambda: json.dumps(document(rng)).encode().hex()
        return "JSON", lambda: f"CAST(CONVERT(X'{encoded()}' USING utf8mb4) AS JSON)"
    numbers = lambda: [round(rng.uniform(-9, 9), 3) for _ in range(rng.randint(1, 5))]
    return "VECTOR(5)", lambda: f"STRING_TO_VECTOR('{numbers()}')"


KINDS = (integer, integer, decimal, number, temporal, temporal, text, text, binary, labels, geometry)


class Table:
    """A table and the statements about it. Its key is `id`."""

    def __init__(self, rng, name, is_mariadb):
        self.rng, self.name, self.is_mariadb = rng, name, is_mariadb
        self.kinds = KINDS if is_mariadb else KINDS + (json_or_vector,)
        self.made = 0
        self.first_names = {}  # name → the one that the column was made with
        self.columns = {}  # name → function that makes a value

    def create(self):
        """CREATE TABLE."""
        parts = [self._new_column() for _ in range(self.rng.randint(1, COLUMNS_MAX))]
        return f"CREATE TABLE {self.name} (id INT PRIMARY KEY, {', '.join(parts)})"

    def alter(self):
        """ALTER TABLE: a column more, somewhere, one less, or one by another name."""
        if self.rng.random() < 0.3:
            return self._rename()
        if len(self.columns) > 1 and self.rng.random() < 0.4:
            gone = self.rng.choice(list(self.columns))
            del self.columns[gone]
            return f"ALTER TABLE {self.name} DROP COLUMN {gone}"
        place = self.rng.choice(("", " FIRST", " AFTER id"))
        return f"ALTER TABLE {self.name} ADD COLUMN {self._new_column()}{place}"

    def change(self):
        """INSERT, REPLACE, UPDATE or DELETE of some rows."""
        where = f"WHERE id % {self.rng.randint(1, 7)} = {self.rng.randint(0, 6)}"
        kind = self.rng.random()
        if kind < 0.55:
            return self._insert()
        if kind < 0.85:
            names = self.rng.sample(list(self.columns), self.rng.randint(1, len(self.columns)))
            values = ", ".join(f"{name} = {self._value(name)}" for name in names)
            return f"UPDATE {self.name} SET {values} {where}"
        if kind < 0.92:
            return (f"UPDATE IGNORE {self.name} SET id = id + {self.rng.randint(1, KEYS)}"
                    f" {where} ORDER BY id DESC")
        return f"DELETE FROM {self.name} {where}"

    def _insert(self):
        verb = self.rng.choice(("REPLACE", "INSERT IGNORE"))
        # MariaDB logs REPLACE as an update and, with MINIMAL images, not the columns that it resets
        all_given = verb == "REPLACE" and self.is_mariadb
        given = [name for name in self.columns if all_given or self.rng.random() < 0.9]
        rows = [f"({', '.join([str(self.rng.randint(1, KEYS)), *map(self._value, given)])})"
                for _ in range(self.rng.randint(1, ROWS_MAX))]
        return f"{verb} INTO {self.name} ({', '.join(['id', *given])}) VALUES {', '.join(rows)}"

    def _rename(self):
        old = self.rng.choice(list(self.columns))
        new = self._new_name()
        self.columns[new] = self.columns.pop(old)
        self.first_names[new] = self.first_names.get(old, old)
        return f"ALTER TABLE {self.name} RENAME COLUMN {old} TO {new}"

    def _new_name(self):
        self.made += 1
        return f"c{self.made}"

    def _new_column(self):
        name = self._new_name()
        kind, self.columns[name] = self.rng.choice(self.kinds)(self.rng)
        return f"{name} {kind} NULL"

    def _value(self, name):
        return "NULL" if self.rng.random() < 0.15 else self.columns[name]()


class Changes:
    """Changes of the tables, in transactions of every kind."""

    def __init__(self, rng, tables, is_mariadb):
        self.rng, self.tables, self.is_mariadb = rng, tables, is_mariadb
        self.done = 0

    def change(self):
        self.done += 1
        return self.rng.choice(self.tables).change()

    def body(self):
        """Changes, some of them undone."""
        for _ in range(self.rng.randint(1, 6)):
            yield self.change()
            if self.rng.random() < 0.15:
                yield from self.undone()

    def undone(self, names=("s", "t", "`S p`")):
        name, *others = self.rng.sample(names, len(names))
        yield f"SAVEPOINT {name}"
        yield self.change()
        if others and self.rng.random() < 0.3:
            yield from self.undone(others)
        yield f"ROLLBACK TO {name}"

    def transaction(self):
        yield "BEGIN"
        if self.is_mariadb and self.rng.random() < 0.4:  # it then logs what is rolled back
            yield f"CREATE OR REPLACE TEMPORARY TABLE x (a INT)"
        yield from self.body()
        yield self.rng.choice(("COMMIT", "COMMIT", "COMMIT", "ROLLBACK"))

    def xa_transaction(self):
        xid = f"'{self.done}', 'b', {self.rng.randint(0, 9)}"
        yield f"XA START {xid}"
        yield from self.body()
        yield f"XA END {xid}"
        if self.rng.random() < 0.3:
            yield self.rng.choice((f"XA COMMIT {xid} ONE PHASE", f"XA ROLLBACK {xid}"))
            return
        yield f"XA PREPARE {xid}"
        yield self.rng.choice((f"XA COMMIT {xid}", f"XA COMMIT {xid}", f"XA ROLLBACK {xid}"))


def statements(rng, tables, is_mariadb, count):
    """The statements of one round: tables first, then at least `count` changes."""
    yield from (table.create() for table in tables)
    changes = Changes(rng, tables, is_mariadb)
    while changes.done < count:
        if rng.random() < 0.1:
            yield rng.choice(tables).alter()
        yield from changes.xa_transaction() if rng.random() < 0.3 else changes.transaction()


def make_tables(rng, is_mariadb):
    """The tables of one round, by name."""
    return {name: Table(rng, name, is_mariadb) for name in (f"t{i}" for i in range(TABLES))}
