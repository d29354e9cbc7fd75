# SPDX-License-Identifier: Apache-2.0
"""Compares tables of MySQL or MariaDB with their copies in MongoDB and Redis, value by value.

    python3 -m tests.lib.compare --mysql mysql://root@HOST:PORT --mongodb URI --redis URL --tables 'shop.*'

Prints a line for each table and target and the first differences; exit 0 equal, 1 different, 2 could not
tell. It shares no code with the programs that made the copies. Both sides have to be at rest.

Every row of the source is looked up by its key, in chunks; every key of the target is then looked up among
the keys of the source. Only the keys are held in memory.
"""

import argparse
import concurrent.futures
import sys
from dataclasses import dataclass, field

import pymysql
import pymongo.errors
import redis

from tests.lib import servers, source, targets

EXIT_EQUAL, EXIT_DIFFERENT, EXIT_UNKNOWN = 0, 1, 2
FIRST_FEW = 5


@dataclass
class Result:
    """One table against one target. `examples` names the first few of what is wrong."""

    table: str
    target: str
    source_rows: int = 0
    target_rows: int = 0
    missing: int = 0
    extra: int = 0
    different: int = 0
    examples: list = field(default_factory=list)

    def equal(self):
        """Nothing is missing, extra or different, and, seen the other way, the counts agree."""
        return (self.missing == self.extra == self.different == 0 and
                self.source_rows == self.target_rows)

    def example(self, text):
        """Keeps the text if it is among the first few."""
        if len(self.examples) < FIRST_FEW:
            self.examples.append(f"{self.table} in {self.target}: {text}")


def compare_table(connection, shape, target_name, target):
    """The Result for one table and one of targets.MongodbTable and targets.RedisTable."""
    result = Result(str(shape), target_name)
    seen = set()
    for rows in source.rows(connection, shape):
        result.source_rows += len(rows)
        _compare_chunk(result, shape, target, rows, seen)
    for key in target.keys():
        result.target_rows += 1
        if key not in seen:
            result.extra += 1
            result.example(f"{_printable(key)} is there and not in the source")
    return result


def compare(addresses, patterns, workers=2):
    """The Results for all tables that fit; `addresses`: name of the server → its address, with "mysql"
    and one or both of "mongodb" and "redis"."""
    connection = source.connect(servers.mysql_address(addresses["mysql"]))
    shapes = source.tables(connection, patterns)
    connection.close()
    names = [name for name in TARGETS if addresses.get(name)]
    if not names:
        raise source.Unsupported("no target is given")
    jobs = [(addresses, shape, name) for shape in shapes for name in names]
    with concurrent.futures.ProcessPoolExecutor(workers) as pool:
        return list(pool.map(_compare_job, *zip(*jobs)))


def table_of(results):
    """The results as lines for people."""
    width = max(len(result.table) for result in results)
    yield f"{'table':{width}}  target   {'source':>9} {'target':>9} {'missing':>8} {'extra':>6} different"
    for result in results:
        yield (f"{result.table:{width}}  {result.target:8} {result.source_rows:9} "
               f"{result.target_rows:9} {result.missing:8} {result.extra:6} {result.different:9}  "
               f"{'equal' if result.equal() else 'DIFFERENT'}")
    for result in results:
        yield from result.examples


def _open_mongodb(address, shape):
    return targets.MongodbTable(servers.mongodb(address), shape)


def _open_redis(address, shape):
    return targets.RedisTable(servers.redis(address), shape)


TARGETS = {"mongodb": _open_mongodb, "redis": _open_redis}


def _compare_job(addresses, shape, name):
    connection = source.connect(servers.mysql_address(addresses["mysql"]))
    return compare_table(connection, shape, name, TARGETS[name](addresses[name], shape))


def _compare_chunk(result, shape, target, rows, seen):
    keys = [target.key(row) for row in rows]
    found = target.find(keys)
    for key, row in zip(keys, rows):
        label = _label(shape, row)
        if key in seen:  # two rows would share one place, and one would be lost
            result.different += 1
            result.example(f"{label}: another row has the same key there")
        elif key not in found:
            result.missing += 1
            result.example(f"{label} is missing")
        elif wrong := target.differences(row, found[key]):
            result.different += 1
            for column, wanted, actual in wrong:
                result.example(f"{label} {column}: source {wanted!r}, target {actual!r}")
        seen.add(key)


def _label(shape, row):
    return "{" + ", ".join(f"{shape.columns[i].name}: {row[i]}" for i in shape.key) + "}"


def _printable(key):
    """A Redis key as it is, a BSON key as its repr."""
    try:
        return repr(targets.bson.decode(key)["_id"])
    except targets.bson.errors.InvalidBSON:
        return repr(key)


def main(arguments=None):
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mysql", required=True, metavar="URL")
    parser.add_argument("--mongodb", metavar="URI")
    parser.add_argument("--redis", metavar="URL")
    parser.add_argument("--tables", required=True, metavar="GLOB,…", help="over db.table")
    options = parser.parse_args(arguments)
    try:
        results = compare(vars(options), options.tables.split(","))
    except (source.Unsupported, pymysql.MySQLError, pymongo.errors.PyMongoError,
            redis.RedisError, ValueError) as error:
        print(f"compare: could not tell: {error}", file=sys.stderr)
        return EXIT_UNKNOWN
    print(*table_of(results), sep="\n")
    return EXIT_EQUAL if all(result.equal() for result in results) else EXIT_DIFFERENT


if __name__ == "__main__":
    sys.exit(main())
