# SPDX-License-Identifier: Apache-2.0
"""Whether all is as it has to be: Kafka against the binlogs, the targets against the source, the offsets.

Kafka's committed records must be the row changes of the binlogs as the server's own program prints them:
in each partition, in this order, each once. A key that changes is a delete and an insert; behind each delete
lies a tombstone. A statement that empties a table is a record in each of its partitions.
"""

import json
import subprocess
import time
from decimal import Decimal

from tests.crash import binlogs
from tests.integration.topics import Topics, murmur2_partition
from tests.lib import compare, programs

FIRST_FEW = 5
PAUSE_S = 0.5
TRUNCATE_KEY = b"{}"


class Different(Exception):
    """What differs, with the first few examples."""


# --- Kafka against the binlogs ------------------------------------------------------------------------


def check_topics(bootstrap, name, schema, changes, duplicates=False):
    """Raises Different; returns how many changes were compared. `duplicates`: at least once is enough."""
    topics = Topics(bootstrap, name)
    partitions = {topic: len(data.partitions) for topic, data in topics.metadata().items()}
    expected = _expected(changes, f"{name}.{schema}.", partitions)
    found = {}
    for topic in partitions:
        if topic.startswith(f"{name}.{schema}."):
            for record in topics.read(topic.removeprefix(name + ".")):
                found.setdefault((topic, record.partition), []).append(record)
    total = 0
    for place in sorted(set(expected) | set(found)):
        total += _check_partition(place, expected.get(place, []), found.get(place, []), duplicates)
    return total


def _expected(changes, prefix, partitions):
    """(topic, partition) → list of (key, op, change), op None for a tombstone."""
    expected = {}
    for change in changes:
        topic = prefix + change.table
        if topic not in partitions:
            raise Different(f"there is no topic {topic}")
        if change.op == "t":
            for partition in range(partitions[topic]):
                expected.setdefault((topic, partition), []).append((TRUNCATE_KEY, "t", change))
            continue
        for key, op in _messages(change):
            place = topic, murmur2_partition(key, partitions[topic])
            expected.setdefault(place, []).append((key, op, change))
    return expected


def _messages(change):
    old = change.before and _key(change, change.before)
    new = change.after and _key(change, change.after)
    if old == new:
        return [(new, "u")]
    return ([(old, "d"), (old, None)] if old else []) + ([(new, "c")] if new else [])


def _key(change, row):
    """The key's bytes as docs/record.md has them; the load's keys are integers and texts."""
    members = [f"{json.dumps(name)}:{_json(row[name])}" for name in change.key]
    return ("{" + ",".join(members) + "}").encode()


def _json(value):
    return value if _is_number(value) else json.dumps(value, ensure_ascii=False)


def _is_number(text):
    return isinstance(text, str) and text.lstrip("-").isdigit()


def _check_partition(place, expected, found, duplicates):
    where = f"topic {place[0]} partition {place[1]}"
    at = most = 0
    seen = {}  # identity → its place in `expected`
    for record in found:
        identity, spot = _identity(record), f"{where} offset {record.offset}"
        if at == len(expected) or identity != _wanted(expected[at]):
            again = seen.get(identity)
            if not duplicates or again is None:
                wanted = _wanted(expected[at]) if at < len(expected) else "nothing more"
                raise Different(f"{spot}: found {identity}, the binlogs have {wanted}")
            at = again  # from there on all comes once more
        if record.value is not None:
            _check_values(spot, record, expected[at][2], identity[1])
        seen[identity] = at
        at += 1
        most = max(most, at)
    if most != len(expected):
        raise Different(f"{where}: {len(expected) - most} changes are missing, first {_wanted(expected[most])}")
    return len(expected)


def _wanted(expectation):
    key, op, change = expectation
    return (key, op) if op is None else (key, op, change.gtid, change.number)


def _identity(record):
    if record.value is None:
        return record.key, None
    change = record.change()
    if change["op"] == "t":
        return record.key, "t", change["source"]["gtid"], 0
    transaction = change["transaction"]
    return record.key, change["op"], transaction["id"], transaction["total_order"]


def _check_values(where, record, change, op):
    envelope = record.change()
    sides = {"before": change.before if op != "c" else None, "after": change.after if op != "d" else None}
    if op == "c" and change.op == "u":
        sides["before"] = None
    for side, wanted in sides.items():
        found = envelope[side]
        if (wanted is None) != (found is None):
            raise Different(f"{where}: {side} is {found}, the binlogs have {wanted}")
        for name in wanted or {}:
            if name not in found or not _same(wanted[name], found[name]):
                raise Different(f"{where}: {side} {name} is {found.get(name)!r}, the binlogs have"
                                f" {wanted[name]!r}")


def _same(wanted, found):
    if wanted is binlogs.UNKNOWN or wanted is None:
        return wanted is binlogs.UNKNOWN or found is None
    if isinstance(found, str) and isinstance(wanted, str):
        return wanted == found
    if isinstance(found, (int, float)) and isinstance(wanted, str):
        return Decimal(wanted) == Decimal(str(found))
    return wanted == found


# --- the targets and the offsets ------------------------------------------------------------------------


def check_targets(addresses, schema):
    """Every row of every table, value by value."""
    results = compare.compare(addresses, [f"{schema}.*"])
    if not all(result.equal() for result in results):
        raise Different("\n".join(compare.table_of(results)))
    return sum(result.source_rows for result in results)


def offsets(config):
    """What `tailrace offsets show` says, or None while a server does not answer."""
    command = [programs.binary("tailrace"), "offsets", "show", "--json", "-c", config]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    if done.returncode != 0:
        return None
    return [json.loads(line) for line in done.stdout.splitlines()]


def lag(shown):
    """Lines for what is not through yet; none: all is."""
    left = []
    for item in shown:
        if "applier" in item:
            if item["lag_records"]:
                left.append(f"{item['applier']} {item['topic']}:{item['partition']}: {item['lag_records']} records")
        elif not item["checkpoint"] or not _has_all(item):
            left.append(f"publisher: checkpoint {item['checkpoint']}, source {item['source']}")
    return left


def _has_all(item):
    lags = [item["lag"][unit] for unit in ("transactions", "bytes")]
    known = [value for value in lags if value is not None]
    return bool(known) and known[0] == 0


def wait_until_caught_up(config, patience_s, check=lambda: None):
    """Raises Different when it takes longer; `check` is called again and again."""
    end = time.monotonic() + patience_s
    left = ["nothing answers"]
    while time.monotonic() < end:
        check()
        shown = offsets(config)
        left = lag(shown) if shown else left
        if not left:
            return
        time.sleep(PAUSE_S)
    raise Different(f"not caught up within {patience_s} s: " + "; ".join(left[:FIRST_FEW]))
