# SPDX-License-Identifier: Apache-2.0
"""What the binlogs hold, read by the server's own mysqlbinlog: nothing of ours takes part in it.

    changes(kind, files, schema)    every row change of the schema's tables, and every statement that empties
                                    one, in the binlog's order

The values are what the program prints for the types of the load: numbers and decimals as their text, texts
as str, JSON documents as what they say. UNKNOWN stands for what is not read here (a partial JSON update).
"""

import json
import re
import subprocess
from dataclasses import dataclass

from tests.lib.stack import MYSQLBINLOG

UNKNOWN = object()
TEXT_TYPES = ("VARSTRING", "STRING", "TINYBLOB", "BLOB", "MEDIUMBLOB", "LONGBLOB")
NUMBER = re.compile(r"-?\d+(\.\d+)?")
CELL = re.compile(rb"###   @(\d+)=(.*) /\* ([A-Z]+)")
GTID = {"mysql": re.compile(rb"SET @@SESSION.GTID_NEXT= '([^']+)'"),
        "mariadb": re.compile(rb"#.*\tGTID (\d+-\d+-\d+)")}
OPERATION = re.compile(rb"### (INSERT INTO|UPDATE|DELETE FROM) `([^`]+)`\.`([^`]+)`")
USE = re.compile(rb"use `([^`]+)`")
EMPTIES = re.compile(rb"(?:TRUNCATE|DROP|CREATE OR REPLACE) TABLE (?:`?(\w+)`?\.)?`?(\w+)`?")
NAME = re.compile(rb"`((?:[^`]|``)+)`")
ESCAPE = re.compile(r"\\(x[0-9a-fA-F]{2}|.)")
ESCAPED = {"n": "\n", "r": "\r", "t": "\t", "0": "\0", "Z": "\x1a", "b": "\b"}
PROGRAMS = {"mysql": MYSQLBINLOG, "mariadb": ["mariadb-binlog"]}


@dataclass
class Change:
    """One row change: `before` and `after` are column → value, or None. Or a statement: op "t"."""

    gtid: str
    number: int  # in its transaction, from 1
    table: str
    op: str  # "c", "u", "d", "t"
    key: tuple  # names of the key's columns, in key order
    before: dict
    after: dict


def changes(kind, files, schema):
    """A generator of Change."""
    command = [*PROGRAMS[kind], "-vv", "--base64-output=DECODE-ROWS", "--print-table-metadata",
               *map(str, files)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        yield from _Reader(kind, schema.encode()).read(process.stdout)
    assert process.returncode == 0, f"{command[:4]} ended with {process.returncode}"


class _Reader:
    def __init__(self, kind, schema):
        self.gtid_pattern, self.schema, self.unquote = GTID[kind], schema, UNQUOTE[kind]
        self.gtid, self.number = "", 0
        self.current = None  # schema, of statements
        self.columns, self.key = {}, {}  # of each table, as its last table map says
        self.change = self.image = self.table = None
        self.lists = None  # "columns" or "key" while their lines go on

    def read(self, lines):
        for line in lines:
            line = line.rstrip(b"\n")
            if line.startswith(b"###   @"):
                self._take_cell(line)
            elif line in (b"### SET", b"### WHERE"):
                self.image = {}
                if line == b"### SET":
                    self.change.after = self.image
                else:
                    self.change.before = self.image
            else:
                if self.change and self._is_ours():
                    yield self.change
                self.change = None
                self._take_line(line)
                if found := EMPTIES.match(line):
                    if (found[1] or self.current) == self.schema:
                        yield Change(self.gtid, 0, found[2].decode(), "t", (), None, None)
        if self.change and self._is_ours():
            yield self.change

    def _is_ours(self):
        return self.change.table is not None

    def _take_line(self, line):
        found = OPERATION.match(line)
        if found:
            ours = found[2] == self.schema
            self.number += ours
            table = found[3].decode()
            op = {b"I": "c", b"U": "u", b"D": "d"}[found[1][:1]]
            self.change = Change(self.gtid, self.number, table if ours else None, op,
                                 tuple(self.key.get(table, ())) if ours else (), None, None)
        elif found := self.gtid_pattern.match(line):
            self.gtid, self.number = found[1].decode(), 0
        elif found := USE.match(line):
            self.current = found[1]
        elif b"Table_map: `" in line:
            schema, table = NAME.findall(line)[:2]
            self.table = table.decode() if schema == self.schema else None
        elif self.table and (line.startswith((b"# Columns(", b"# Primary Key(")) or
                             (self.lists and line.startswith(b"#   "))):
            self._take_names(line)
        else:
            self.lists = None

    def _take_names(self, line):
        if line.startswith(b"# Primary Key("):
            inner = line[len(b"# Primary Key("):].rstrip(b")").decode()
            self.key[self.table] = [name.strip(" `") for name in inner.split(",")]
            self.lists = None
            return
        if line.startswith(b"# Columns("):
            self.lists = "columns"
            self.columns[self.table] = []
        self.columns[self.table].append(NAME.search(line)[1].decode())

    def _take_cell(self, line):
        if not self._is_ours():
            return
        found = CELL.match(line)
        name = self.columns[self.change.table][int(found[1]) - 1]
        self.image[name] = _value(found[2].decode("utf-8", "replace"), found[3].decode(), self.unquote)


def _value(text, kind, unquote):
    if text == "NULL":
        return None
    if kind == "JSON":
        return json.loads(unquote(text)) if text.startswith("'") else UNKNOWN
    if kind.startswith(TEXT_TYPES):
        return unquote(text)
    found = NUMBER.match(text)  # what follows is the same bits as an unsigned number
    return found[0] if found else UNKNOWN


def _unquoted_mysql(text):
    return ESCAPE.sub(lambda m: chr(int(m[1][1:], 16)) if len(m[1]) == 3 else ESCAPED.get(m[1], m[1]),
                      text[1:-1])


def _unquoted_mariadb(text):
    """It marks control characters only; a quote or a backslash is as it is."""
    return re.sub(r"\\x([01][0-9a-f])", lambda m: chr(int(m[1], 16)), text[1:-1])


UNQUOTE = {"mysql": _unquoted_mysql, "mariadb": _unquoted_mariadb}
