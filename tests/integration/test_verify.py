# SPDX-License-Identifier: Apache-2.0
"""`tailrace verify`: right copies are equal, and every damage is found and named, none else."""

import pytest

from tests.integration import test_path
from tests.integration.damage import ABSENT, Mongodb, RedisHash, RedisJson
from tests.integration.verifying import DIFFERENT, UNKNOWN, prepare, verify

TARGETS = {"mongodb": (Mongodb, {}), "hash": (RedisHash, {}), "json": (RedisJson, {"format": "json"})}
WAYS = [("mysql", "mongodb"), ("mysql", "hash"), ("mysql", "json"), ("mariadb", "mongodb"),
        ("mariadb", "hash")]
FIRST_ID = 100  # of the rows of which one column each is damaged
FILLER = 3000   # rows that nobody touches


@pytest.mark.parametrize("source", ["mysql", "mariadb"], indirect=True)
def test_right_copies_are_equal(pipeline):
    prepare(pipeline)
    test_path.kinds(pipeline.database)
    test_path.shops(pipeline.database)
    test_path.sales(pipeline.database)
    pipeline.publish()
    pipeline.apply()
    assert len(verify(pipeline).tables()) > 8


def types(kind):
    """The columns of every type, with an ordinary value each."""
    more = [("place", "POINT", None, None, "ST_GeomFromText('POINT(1 2)')")]
    if kind == "mysql":
        more.append(("meaning", "VECTOR(3)", None, None, "STRING_TO_VECTOR('[0.1,1,-2.5]')"))
    return [(name, type_, values[1] if type_.startswith("ENUM") else values[2])
            for name, type_, *values in test_path.TYPES + more]


def create_kinds(database):
    """A row for each column of `kinds`: the row FIRST_ID + n is there to damage the column n."""
    columns = types(database.kind)
    database.sql("SET SESSION sql_mode = '', time_zone = '+00:00'",
                 "CREATE TABLE kinds (id INT PRIMARY KEY, "
                 + ", ".join(f"{name} {type_}" for name, type_, _ in columns) + ")",
                 f"INSERT INTO kinds VALUES (0, {', '.join(value for _, _, value in columns)})")
    names = ", ".join(name for name, _, _ in columns)
    numbers = " UNION ALL ".join(f"SELECT {FIRST_ID + n} n" for n in range(len(columns)))
    database.sql(f"INSERT INTO kinds SELECT n, {names} FROM kinds JOIN ({numbers}) numbers")


def create_rows(database):
    """Rows for the damages that are no matter of type; those from 1000 on stay as they are."""
    database.sql(
        "CREATE TABLE t (id INT PRIMARY KEY, n INT, m INT, d DOUBLE, s VARCHAR(100) COLLATE utf8mb4_bin,"
        " price DECIMAL(65,30), moment DATETIME(6))",
        "INSERT INTO t SELECT n, n, n + 1, 0, CONCAT('Text ', n), n + 0.000000000000000000000000000001,"
        " '2026-11-21 08:15:00.000001' FROM (WITH RECURSIVE numbers AS (SELECT 1 n UNION ALL"
        f" SELECT n + 1 FROM numbers WHERE n < 999) SELECT n FROM numbers) some",
        "UPDATE t SET s = '' WHERE id IN (21, 22)",
        "UPDATE t SET s = NULL WHERE id IN (23, 24)",
        "INSERT INTO t SELECT id + 1000, n, m, d, s, price, moment FROM t",
        "CREATE TABLE pairs (a VARCHAR(20), b VARCHAR(20), n INT, PRIMARY KEY (a, b))",
        "INSERT INTO pairs VALUES ('1', '23', 1), ('12', '3', 1), ('a:b', 'c', 2), ('a', 'b:c', 2)")


def damage_rows(damage):
    """Does it, and returns what verify has to find: (table, key, what, columns)."""
    found = []

    def note(id_, *columns, what="different"):
        found.append(("t", f'{{"id":{id_}}}', what, columns))

    damage.remove("t", 1)
    note(1, what="missing")
    damage.copy_row("t", 2, 9002)
    note(9002, what="extra")
    # the right content under the wrong key
    damage.copy_row("t", 3, 9003)
    damage.remove("t", 3)
    note(3, what="missing")
    note(9003, what="extra")
    damage.flip("t", 4, "price")
    note(4, "price")
    damage.flip("t", 5, "moment")
    note(5, "moment")
    damage.minus_zero("t", 6, "d")
    note(6, "d")
    damage.put("t", 7, "s", "Text 7 ")
    note(7, "s")
    damage.put("t", 8, "s", "text 8")
    note(8, "s")
    damage.swap("t", (9, "n"), (9, "m"))
    note(9, "n", "m")
    damage.swap("t", (10, "n"), (11, "n"))
    note(10, "n")
    note(11, "n")
    # changes whose sums and whose XOR cancel out
    damage.swap("t", (12, "s"), (13, "s"))
    note(12, "s")
    note(13, "s")
    damage.put("t", 14, "more", "a field too many")
    note(14, "more")
    damage.put("t", 21, "s", None)
    note(21, "s")
    damage.put("t", 22, "s", ABSENT)
    note(22, "s")
    damage.put("t", 23, "s", "")
    note(23, "s")
    if damage.sees_null:
        damage.put("t", 24, "s", ABSENT)
        note(24, "s")
    if hasattr(damage, "retype"):
        damage.retype("t", 25, "n")
        note(25, "n")
    if hasattr(damage, "expire"):
        damage.expire("t", 26)
        note(26, what="missing")
    return found


@pytest.mark.parametrize("source, target", WAYS, indirect=["source"])
def test_damage_is_found(pipeline, target):
    kind, options = TARGETS[target]
    pipeline.options["redis"].update(options)
    damage = kind(pipeline)
    prepare(pipeline)
    create_kinds(pipeline.database)
    create_rows(pipeline.database)
    pipeline.publish()
    pipeline.apply(damage.name)
    verify(pipeline, "--target", damage.name)
    expected = set(damage_rows(damage))
    for n, (name, type_, _) in enumerate(types(pipeline.database.kind)):
        damage.flip("kinds", FIRST_ID + n, name, type_)
        expected.add(("kinds", f'{{"id":{FIRST_ID + n}}}', "different", (name,)))
    pipeline.options["verify"] = {"shown": 1000}
    report = verify(pipeline, "--target", damage.name, code=DIFFERENT)
    assert report.found(damage.name) == expected
