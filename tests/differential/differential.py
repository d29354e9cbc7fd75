# SPDX-License-Identifier: Apache-2.0
"""Random tables and statements on MySQL and MariaDB; what tailrace-cat replays must equal SELECT.

    tests/stack/stack run mysql mariadb tests/differential/run.sh [--seconds 30] [--seed N]

A round is one seed on one server: tables are made, changed and altered, the log of it is read with
tailrace-cat and replayed into memory, and in the end every cell is compared with what the server
selects (tests/lib/source.py and mapping.py, which share no code with the decoder). A failure prints
seed, table, column and both values; --seed with --rounds 1 repeats it. The servers run on this
machine: their logs are read where they lie. Ends on "N passed, N failed".
"""

import argparse
import os
import random
import subprocess
import sys
import time
from pathlib import Path

from tests.differential import generate
from tests.lib import mapping, servers, source

DATABASE = "differential"
CHANGES = 60  # of one round
SHOWN_CHARACTERS = 300
ROOT = Path(__file__).resolve().parents[2]


class Different(Exception):
    """What was replayed is not what the server has."""


def main(arguments=None):
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--rounds", type=int, default=sys.maxsize, help="at most, on each server")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**9))
    options = parser.parse_args(arguments)
    print(f"differential: seed {options.seed}, {options.seconds:g} seconds", flush=True)
    passed = failed = 0
    end = time.monotonic() + options.seconds
    connections = {name: source.connect(servers.mysql_address(servers.address(name)))
                   for name in ("mysql", "mariadb")}
    for seed in range(options.seed, options.seed + options.rounds):
        for name, connection in connections.items():
            try:
                play_round(connection, name == "mariadb", seed)
                passed += 1
            except Different as error:
                failed += 1
                print(f"FAILED: {name}, --seed {seed} --rounds 1: {error}", flush=True)
        if time.monotonic() > end:
            break
    for connection in connections.values():
        execute(connection, f"DROP DATABASE {DATABASE}")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


def play_round(connection, is_mariadb, seed):
    """One seed on one server; raises Different."""
    rng = random.Random(seed)
    execute(connection, f"DROP DATABASE IF EXISTS {DATABASE}")
    execute(connection, "FLUSH BINARY LOGS")
    execute(connection, f"CREATE DATABASE {DATABASE} CHARACTER SET utf8mb4")
    execute(connection, f"USE {DATABASE}")
    if not is_mariadb:
        compression = rng.choice(("ON", "OFF"))
        execute(connection, f"SET SESSION binlog_transaction_compression = {compression}")
    image = rng.choice(("FULL", "FULL", "MINIMAL", "NOBLOB"))
    execute(connection, f"SET SESSION binlog_row_image = {image}")
    first = current_log(connection)
    tables = generate.make_tables(rng, is_mariadb)
    for statement in generate.statements(rng, list(tables.values()), is_mariadb, CHANGES):
        execute(connection, statement)
    execute(connection, "FLUSH BINARY LOGS")
    replayed = replay(first, tables)
    for shape in source.tables(connection, [f"{DATABASE}.*"]):
        compare(connection, shape, replayed.get(shape.name, {}), tables[shape.name].first_names)


def execute(connection, statement):
    """One statement; its rows."""
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchall()


def current_log(connection):
    """Path of the binlog that the server writes now."""
    base = execute(connection, "SELECT @@log_bin_basename")[0][0]
    name = execute(connection, "SHOW BINARY LOGS")[-1][0]
    return os.path.join(os.path.dirname(base), name)


def replay(path, made):
    """table → id → column, by its first name → exact JSON value, after all records of the file. An image
    that lacks columns leaves these as they were."""
    program = ROOT / os.environ.get("BUILD", "build") / "bin" / "tailrace-cat"
    run = subprocess.run([program, "--tables", f"{DATABASE}.*", path], capture_output=True,
                         encoding="utf-8", check=False)
    if run.returncode:
        raise Different(f"tailrace-cat ended with {run.returncode}: {run.stderr.strip()}")
    tables = {}
    for line in run.stdout.splitlines():
        record = dict(members(mapping.Json(line).value))
        table = dict(members(record["source"]))["table"]
        rows = tables.setdefault(table, {})
        before, after = (image(record[side], made[table].first_names) for side in ("before", "after"))
        row = rows.pop(before["id"], None) if before else {}
        if before and not was_there(before, row):
            raise Different(f"the row before is not the row that was there: {shown(line)}")
        if after:
            rows[after.get("id", row.get("id"))] = {**row, **after}
    return tables


def image(side, first_names):
    """One side of a record, its columns by their first names; None where there is none."""
    return side and {first_names.get(name, name): value for name, value in members(side)}


def was_there(before, row):
    """Is the image before what the last change left? Columns that came since are NULL."""
    return row is not None and all(row.get(name) == value for name, value in before.items())


def members(value):
    """The pairs of an object in the form of mapping.Json: ("object", pairs)."""
    return value[1]


def compare(connection, shape, replayed, first_names):
    """All cells of one table; raises Different at the first that differs."""
    names = [column.name for column in shape.columns]
    checks = [mapping.redis(column) for column in shape.columns]
    at = names.index("id")
    left = dict(replayed)
    for chunk in source.rows(connection, shape):
        for row in chunk:
            found = left.pop(("number", row[at]), None)
            if found is None:
                raise Different(f"{shape}: the row {row[at]} is missing")
            for name, cell, check in zip(names, row, checks):
                wanted = None if cell is None else check(cell)
                if not equal(wanted, found.get(first_names.get(name, name))):
                    raise Different(f"{shape}.{name}, id {row[at]}: server {shown(wanted)}, "
                                    f"replayed {shown(found.get(first_names.get(name, name)))}")
    if left:
        raise Different(f"{shape}: rows that the server does not have: {shown(list(left))}")


def equal(wanted, value):
    """The server's cell against the record's value, which is None, a text, or in Json's exact form."""
    if isinstance(wanted, mapping.Json):  # its null looks like NULL in a record
        return wanted.value == value
    if wanted is None or value is None:
        return wanted is value
    if isinstance(wanted, mapping.Floats):
        return wanted.floats == [number for _, number in value]
    if isinstance(value, tuple) and value[0] == "number":
        return wanted == value[1]
    if isinstance(value, tuple):  # geometry
        pairs = dict(members(value))
        return wanted == f'{{"srid":{pairs["srid"][1]},"wkb":"{pairs["wkb"]}"}}'
    return wanted == value


def shown(value):
    """Not too long for a line."""
    text = value if isinstance(value, str) else repr(value)
    return text if len(text) <= SHOWN_CHARACTERS else text[:SHOWN_CHARACTERS] + "…"


if __name__ == "__main__":
    sys.exit(main())
