# SPDX-License-Identifier: Apache-2.0
"""The comparison itself: a right copy is called equal, and every kind of damage is found.

The copies are written here by hand, value by value, from docs/mongodb.md and docs/redis.md; nothing of
tests/lib/mapping.py makes them.
"""

from datetime import datetime

import pytest
from bson import Binary, Decimal128, Int64

from tests.lib import compare, servers, source

DB = "tailrace_compare_test"

# column, its type, the value in SQL, in MongoDB, in Redis, and what else could stand there by mistake
CASES = [
    ("t", "TINYINT", "-128", -128, "-128", -127, "-128.0"),
    ("u", "BIGINT UNSIGNED", "18446744073709551615", Decimal128("18446744073709551615"),
     "18446744073709551615", 1.8446744073709552e19, "18446744073709551616"),
    ("b", "BIGINT", "9007199254740993", Int64(9007199254740993), "9007199254740993",
     Int64(9007199254740992), "9007199254740992"),
    ("y", "YEAR", "2026", 2026, "2026", "2026", "26"),
    ("bits", "BIT(10)", "b'1000000001'", 513, "513", 512, "b'1000000001'"),
    ("price", "DECIMAL(10,3)", "-1.5", Decimal128("-1.500"), "-1.500", Decimal128("-1.5"), "-1.5"),
    ("filled", "DECIMAL(8,2) ZEROFILL", "0.5", Decimal128("0.50"), "0.50", 0.5, "000000.50"),
    ("long_number", "DECIMAL(40,2)", "12345678901234567890123456789012345678.90",
     "12345678901234567890123456789012345678.90", "12345678901234567890123456789012345678.90",
     "12345678901234567890123456789012345678.9", "12345678901234567890123456789012345679"),
    ("i", "INT UNSIGNED", "7", Int64(7), "7", 7, "+7"),
    ("f", "FLOAT", "0.1", 0.1, "0.1", 0.10000000149011612, "0.10000000149011612"),
    ("f_zero", "FLOAT", "-0e0", -0.0, "-0.0", 0.0, "0.0"),
    ("d", "DOUBLE", "0.1e0 + 0.2e0", 0.30000000000000004, "0.30000000000000004", 0.3, "0.3"),
    ("day", "DATE", "'2024-02-29'", datetime(2024, 2, 29), "2024-02-29", "2024-02-29", "29.2.2024"),
    ("day_zero", "DATE", "'2026-00-00'", "2026-00-00", "2026-00-00", None, "2026-01-01"),
    ("at", "DATETIME(3)", "'2026-11-21 08:15:00.25'", datetime(2026, 11, 21, 8, 15, 0, 250000),
     "2026-11-21T08:15:00.250", datetime(2026, 11, 21, 8, 15), "2026-11-21T08:15:00.25"),
    ("at_micros", "DATETIME(6)", "'2026-11-21 08:15:00'", "2026-11-21T08:15:00.000000",
     "2026-11-21T08:15:00.000000", datetime(2026, 11, 21, 8, 15), "2026-11-21T08:15:00"),
    ("stamp", "TIMESTAMP NULL", "'2026-11-21 08:15:00'", datetime(2026, 11, 21, 8, 15),
     "2026-11-21T08:15:00Z", datetime(2026, 11, 21, 15, 15), "2026-11-21T08:15:00"),
    ("span", "TIME(1)", "'-838:59:58.5'", "-838:59:58.5", "-838:59:58.5", "-838:59:58", "838:59:58.5"),
    ("city", "VARCHAR(20)", "'Huế'", "Huế", "Huế", "Hue", "Huế "),
    ("latin", "CHAR(4) CHARACTER SET latin1", "'é'", "é", "é", "Ã©", "?"),
    ("size", "ENUM('s','l')", "'l'", "l", "l", 2, "2"),
    ("flags", "SET('a','b','c')", "'a,c'", "a,c", "a,c", ["a", "c"], "5"),
    ("raw", "BINARY(4)", "x'00ff'", b"\x00\xff\x00\x00", "AP8AAA==", b"\x00\xff", "AP8="),
    ("blob_empty", "BLOB", "''", b"", "", "", "AA=="),
    ("numbers", "JSON", "'[0.1, 1e300, 18446744073709551615, -2147483648]'",
     [0.1, 1e300, Decimal128("18446744073709551615"), -2147483648],
     "[0.1,1e300,18446744073709551615,-2147483648]",
     [0.1, 1e300, 18446744073709551616.0, -2147483648],
     "[0.1,1e300,18446744073709552000,-2147483648]"),
    ("exact", "JSON", "JSON_ARRAY(CAST('12345678901234567890.5' AS DECIMAL(21,1)))",
     [Decimal128("12345678901234567890.5")], "[12345678901234567890.5]",
     [12345678901234567890.5], "[12345678901234567000]"),
    ("tags", "JSON", """'{"b": [1, 2.5, 3000000000, "x, : y", true, null], "aa": {}}'""",
     {"b": [1, 2.5, Int64(3000000000), "x, : y", True, None], "aa": {}},
     '{"b":[1,2.5,3000000000,"x, : y",true,null],"aa":{}}',
     {"aa": {}, "b": [1, 2.5, Int64(3000000000), "x, : y", True, None]},
     '{"b":[1,2.50,3000000000,"x, : y",true,null],"aa":{}}'),
    ("place", "POINT SRID 4326", "ST_GeomFromText('POINT(16.5 107.5)', 4326)",
     {"srid": Int64(4326), "wkb": bytes.fromhex("01010000000000000000e05a400000000000803040")},
     '{"srid":4326,"wkb":"AQEAAAAAAAAAAOBaQAAAAAAAgDBA"}',
     {"srid": Int64(0), "wkb": bytes.fromhex("01010000000000000000e05a400000000000803040")},
     '{"srid":0,"wkb":"AQEAAAAAAAAAAOBaQAAAAAAAgDBA"}'),
    ("vector", "VECTOR(3)", "TO_VECTOR('[1,0.1,-2.5]')", [1.0, 0.1, -2.5],
     "[1,0.1,-2.5]", [1.0, 0.10000000149011612, -2.5], "[1,0.1,-2.4]"),
    ("nothing", "INT", "NULL", None, None, 0, ""),
]
NAMES = [case[0] for case in CASES]
TABLES = [f"{DB}.kinds", f"{DB}.pairs"]


@pytest.fixture(scope="module")
def stores():
    """The source with one row of every type and pairs of keys that are easily confused."""
    addresses = servers.addresses("mysql", "mongodb", "redis")
    mysql = servers.mysql(addresses["mysql"])
    with mysql.cursor() as cursor:
        for statement in _source_statements():
            cursor.execute(statement)
    mongodb, redis = servers.mongodb(addresses["mongodb"]), servers.redis(addresses["redis"])
    yield addresses, mongodb[DB], redis
    with mysql.cursor() as cursor:
        cursor.execute(f"DROP DATABASE {DB}")
    _clear(mongodb[DB], redis)


@pytest.fixture
def copies(stores):
    """The stores with a right copy in both targets."""
    _, mongodb, redis = stores
    _clear(mongodb, redis)
    mongodb.kinds.insert_one({"_id": 7, "id": 7, **{case[0]: case[3] for case in CASES}})
    redis.hset(f"{DB}:kinds:7", mapping={"id": "7", **{case[0]: case[4] for case in CASES
                                                       if case[4] is not None}})
    for a, b, escaped in PAIRS:
        mongodb.pairs.insert_one({"_id": {"a": a, "b": b}, "a": a, "b": b, "n": 1})
        redis.hset(f"{DB}:pairs:{escaped}", mapping={"a": a, "b": b, "n": "1"})
    return stores


PAIRS = [("1", "23", "1:23"), ("12", "3", "12:3"), ("a:b", "c", "a%3Ab:c"), ("a", "b:c", "a:b%3Ac"),
         ("a%3Ab", "c", "a%253Ab:c")]


def _source_statements():
    columns = ", ".join(f"{case[0]} {case[1]}" for case in CASES)
    yield "SET SESSION sql_mode = '', time_zone = '+00:00'"
    yield f"DROP DATABASE IF EXISTS {DB}"
    yield f"CREATE DATABASE {DB}"
    yield f"CREATE TABLE {DB}.kinds (id INT PRIMARY KEY, {columns}) CHARACTER SET utf8mb4"
    yield f"INSERT INTO {DB}.kinds VALUES (7, {', '.join(case[2] for case in CASES)})"
    yield f"CREATE TABLE {DB}.pairs (n INT, a VARCHAR(9), b VARCHAR(9), PRIMARY KEY (a, b))"
    for a, b, _ in PAIRS:
        yield f"INSERT INTO {DB}.pairs VALUES (1, '{a}', '{b}')"


def _clear(mongodb, redis):
    mongodb.kinds.delete_many({})
    mongodb.pairs.delete_many({})
    for key in redis.scan_iter(match=f"{DB}:*"):
        redis.delete(key)


def _results(stores, table):
    """target → Result, in this process."""
    addresses = stores[0]
    shape = source.tables(source.connect(servers.mysql_address(addresses["mysql"])),
                          [f"{DB}.{table}"])[0]
    results = {}
    for name, target in compare.TARGETS.items():
        connection = source.connect(servers.mysql_address(addresses["mysql"]))
        results[name] = compare.compare_table(connection, shape, name,
                                              target(addresses[name], shape))
    return results


def _assert_found(result, text, **counts):
    """Exactly these counts are wrong, and an example names it."""
    wrong = {name: getattr(result, name) for name in ("missing", "extra", "different")}
    assert wrong == {"missing": 0, "extra": 0, "different": 0, **counts}, result
    assert not result.equal()
    assert any(text in example for example in result.examples), result.examples


def test_right_copies_are_equal(copies):
    for table, rows in (("kinds", 1), ("pairs", len(PAIRS))):
        for result in _results(copies, table).values():
            assert result.equal(), result.examples
            assert (result.source_rows, result.target_rows) == (rows, rows)


@pytest.mark.parametrize("case", CASES, ids=NAMES)
def test_wrong_value(copies, case):
    _, mongodb, redis = copies
    mongodb.kinds.update_one({"_id": 7}, {"$set": {case[0]: case[5]}})
    redis.hset(f"{DB}:kinds:7", case[0], case[6])
    for result in _results(copies, "kinds").values():
        _assert_found(result, case[0], different=1)


@pytest.mark.parametrize("case", CASES, ids=NAMES)
def test_absent_value(copies, case):
    _, mongodb, redis = copies
    mongodb.kinds.update_one({"_id": 7}, {"$unset": {case[0]: 1}})
    redis.hdel(f"{DB}:kinds:7", case[0])
    results = _results(copies, "kinds")
    _assert_found(results["mongodb"], case[0], different=1)
    if case[4] is not None:
        _assert_found(results["redis"], case[0], different=1)


def test_wrong_integer_width(copies):
    copies[1].kinds.update_one({"_id": 7}, {"$set": {"t": Int64(-128)}})
    _assert_found(_results(copies, "kinds")["mongodb"], " t:", different=1)


def test_wrong_binary_subtype(copies):
    copies[1].kinds.update_one({"_id": 7}, {"$set": {"raw": Binary(b"\x00\xff\x00\x00", 5)}})
    _assert_found(_results(copies, "kinds")["mongodb"], " raw:", different=1)


def test_bytes_that_are_no_text(copies):
    copies[2].hset(f"{DB}:kinds:7", "city", b"Hu\xff")
    _assert_found(_results(copies, "kinds")["redis"], " city:", different=1)


def test_extra_field(copies):
    _, mongodb, redis = copies
    mongodb.kinds.update_one({"_id": 7}, {"$set": {"old": None}})
    redis.hset(f"{DB}:kinds:7", "old", "")
    for result in _results(copies, "kinds").values():
        _assert_found(result, " old:", different=1)


def test_missing_row(copies):
    _, mongodb, redis = copies
    mongodb.pairs.delete_one({"_id": {"a": "12", "b": "3"}})
    redis.delete(f"{DB}:pairs:12:3")
    for result in _results(copies, "pairs").values():
        _assert_found(result, "{a: 12, b: 3} is missing", missing=1)


def test_extra_row(copies):
    _, mongodb, redis = copies
    mongodb.pairs.insert_one({"_id": {"a": "9", "b": "9"}, "a": "9", "b": "9", "n": 1})
    redis.hset(f"{DB}:pairs:9:9", mapping={"a": "9", "b": "9", "n": "1"})
    for result in _results(copies, "pairs").values():
        _assert_found(result, "9", extra=1)


def test_stale_key(copies):
    """The row stands under a former key: one is missing and one extra, though the counts agree."""
    _, mongodb, redis = copies
    row = mongodb.pairs.find_one_and_delete({"_id": {"a": "1", "b": "23"}})
    mongodb.pairs.insert_one({**row, "_id": {"a": "1", "b": "24"}})
    redis.rename(f"{DB}:pairs:1:23", f"{DB}:pairs:1:24")
    for result in _results(copies, "pairs").values():
        _assert_found(result, "23", missing=1, extra=1)


def test_key_parts_in_another_order(copies):
    mongodb = copies[1]
    row = mongodb.pairs.find_one_and_delete({"_id": {"a": "1", "b": "23"}})
    mongodb.pairs.insert_one({**row, "_id": {"b": "23", "a": "1"}})
    _assert_found(_results(copies, "pairs")["mongodb"], "23", missing=1, extra=1)


def test_key_of_another_type(copies):
    mongodb = copies[1]
    row = mongodb.kinds.find_one_and_delete({"_id": 7})
    mongodb.kinds.insert_one({**row, "_id": Decimal128("7")})
    _assert_found(_results(copies, "kinds")["mongodb"], "7", missing=1, extra=1)


def test_key_that_is_no_hash(copies):
    redis = copies[2]
    redis.delete(f"{DB}:kinds:7")
    redis.set(f"{DB}:kinds:7", "{}")
    _assert_found(_results(copies, "kinds")["redis"], "WRONGTYPE", different=1)


def test_exit_codes(copies, capsys):
    addresses, mongodb, _ = copies
    command = [*(f"--{name}={address}" for name, address in addresses.items()), "--tables"]
    assert compare.main([*command, f"{DB}.*"]) == 0
    mongodb.pairs.delete_many({})
    assert compare.main([*command, f"{DB}.*"]) == 1
    assert compare.main([*command, f"{DB}.nothing"]) == 2
    assert compare.main(["--mysql", addresses["mysql"], "--tables", f"{DB}.*"]) == 2
    assert "could not tell" in capsys.readouterr().err
