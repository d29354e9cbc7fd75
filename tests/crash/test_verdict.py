# SPDX-License-Identifier: Apache-2.0
"""The storm's own judgement: what is right passes, and every kind of damage is found."""

import copy
import json

import pytest

from tests.crash import verdict
from tests.crash.binlogs import UNKNOWN, Change, _Reader
from tests.crash.verdict import Different
from tests.integration.topics import Record

PLACE = ("s.s.t", 0)
ROW = {"id": "1", "n": "0"}


def change(number, op, before, after):
    return Change("u:1", number, "t", op, ("id",), before, after)


CHANGES = [change(1, "c", None, {"id": "1", "n": "0"}), change(2, "u", {"id": "1", "n": "0"}, {"id": "1", "n": "1"}),
           change(3, "u", {"id": "1", "n": "1"}, {"id": "2", "n": "1"}), change(4, "d", {"id": "2", "n": "1"}, None)]


def record(offset, key, op=None, number=0, before=None, after=None):
    value = op and json.dumps({"op": op, "before": before, "after": after,
                               "transaction": {"id": "u:1", "total_order": number}}).encode()
    return Record(PLACE[0], PLACE[1], offset, 0, f'{{"id":{key}}}'.encode(), value, {})


RECORDS = [record(0, 1, "c", 1, None, {"id": 1, "n": 0}), record(1, 1, "u", 2, {"id": 1, "n": 0}, {"id": 1, "n": 1}),
           record(2, 1, "d", 3, {"id": 1, "n": 1}), record(3, 1), record(4, 2, "c", 3, None, {"id": 2, "n": 1}),
           record(5, 2, "d", 4, {"id": 2, "n": 1}), record(6, 2)]


def check(records, duplicates=False):
    expected = [(key, op, one) for one in CHANGES for key, op in verdict._messages(one)]
    return verdict._check_partition(PLACE, expected, records, duplicates)


def test_what_is_right():
    assert check(RECORDS) == len(RECORDS)


@pytest.mark.parametrize("at", range(len(RECORDS)))
def test_each_record_missing_twice_or_moved(at):
    for damaged in (RECORDS[:at] + RECORDS[at + 1:], RECORDS[:at] + [RECORDS[at]] + RECORDS[at:],
                    RECORDS[:at] + RECORDS[at + 1:] + [RECORDS[at]] if at < 6 else RECORDS + [RECORDS[0]]):
        with pytest.raises(Different):
            check(damaged)


def test_another_value():
    damaged = copy.copy(RECORDS)
    damaged[1] = record(1, 1, "u", 2, {"id": 1, "n": 0}, {"id": 1, "n": 2})
    with pytest.raises(Different):
        check(damaged)


def test_at_least_once():
    """From an earlier place all comes again; nothing may be left out on the way."""
    assert check(RECORDS[:5] + RECORDS[2:], True) == len(RECORDS)
    with pytest.raises(Different):
        check(RECORDS[:3] + RECORDS[4:], True)
    with pytest.raises(Different):
        check(RECORDS[:5] + RECORDS[1:4], True)


BINLOG = rb"""
SET @@SESSION.GTID_NEXT= 'u:7'/*!*/;
#261121  9:00:00 server id 1  end_log_pos 1 CRC32 0x1 	Table_map: `s`.`t` mapped to number 106
# has_generated_invisible_primary_key=0
# Columns(`name` VARCHAR(20) NOT NULL CHARSET utf8mb4,
#         `id` INT NOT NULL,
#         `doc` JSON)
# Primary Key(id, name)
# at 5
### UPDATE `s`.`t`
### WHERE
###   @1='a\'b\\\n' /* VARSTRING(80) meta=80 nullable=0 is_null=0 */
###   @2=-1 (4294967295) /* INT meta=0 nullable=0 is_null=0 */
###   @3='{"a": 1}' /* JSON meta=4 nullable=1 is_null=0 */
### SET
###   @1='x' /* VARSTRING(80) meta=80 nullable=0 is_null=0 */
###   @2=2 /* INT meta=0 nullable=0 is_null=0 */
###   @3=JSON_REPLACE(@3, '$.a', 7) /* JSON meta=4 nullable=1 is_null=0 */
### INSERT INTO `other`.`t`
### SET
###   @1=1 /* INT meta=0 nullable=0 is_null=0 */
### DELETE FROM `s`.`t`
### WHERE
###   @1='y' /* VARSTRING(80) meta=80 nullable=0 is_null=0 */
###   @2=NULL /* INT meta=0 nullable=1 is_null=1 */
# at 9
"""


def test_reading_mysqlbinlog():
    first, second = _Reader("mysql", b"s").read(BINLOG.split(b"\n"))
    assert (first.gtid, first.number, first.table, first.op, first.key) == ("u:7", 1, "t", "u", ("id", "name"))
    assert first.before == {"name": "a'b\\\n", "id": "-1", "doc": {"a": 1}}
    assert first.after == {"name": "x", "id": "2", "doc": UNKNOWN}
    assert (second.number, second.op, second.before) == (2, "d", {"name": "y", "id": None})
