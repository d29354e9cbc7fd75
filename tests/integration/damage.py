# SPDX-License-Identifier: Apache-2.0
"""Damages copies by hand, past all of our programs: one class a target, the same methods.

    flip(table, id, column, type)     one bit, or the last digit, of one value
    put(table, id, column, value)     another value: text, None (NULL) or ABSENT
    get, swap, remove, copy_row
"""

import json
import math
import struct
from datetime import timedelta

from bson import Decimal128, Int64

ABSENT = object()


class Damage:
    """What is the same for all targets."""

    def __init__(self, pipeline):
        self.pipeline = pipeline

    def swap(self, table, one, other):
        """Exchanges the values of two places (id, column)."""
        first, second = self.get(table, *one), self.get(table, *other)
        self.put(table, *one, second)
        self.put(table, *other, first)


class Mongodb(Damage):
    """Documents whose _id is the column id."""

    name = "mongodb"
    sees_null = True  # it tells NULL from a field that is not there

    def get(self, table, id_, column):
        return self.pipeline.documents(table).find_one({"_id": id_}).get(column, ABSENT)

    def put(self, table, id_, column, value):
        change = {"$unset": {column: ""}} if value is ABSENT else {"$set": {column: value}}
        assert self.pipeline.documents(table).update_one({"_id": id_}, change).modified_count == 1

    def flip(self, table, id_, column, _type=""):
        self.put(table, id_, column, _flipped(self.get(table, id_, column)))

    def remove(self, table, id_):
        assert self.pipeline.documents(table).delete_one({"_id": id_}).deleted_count == 1

    def copy_row(self, table, id_, new_id):
        document = self.pipeline.documents(table).find_one({"_id": id_})
        self.pipeline.documents(table).insert_one({**document, "_id": new_id})

    def minus_zero(self, table, id_, column):
        self.put(table, id_, column, -0.0)

    def retype(self, table, id_, column):
        """The same number as text."""
        self.put(table, id_, column, str(self.get(table, id_, column)))


class Redis(Damage):
    """Keys db:table:id."""

    def key(self, table, id_):
        return f"{self.pipeline.name}:{table}:{id_}"

    def remove(self, table, id_):
        assert self.pipeline.redis.delete(self.key(table, id_)) == 1

    def copy_row(self, table, id_, new_id):
        assert self.pipeline.redis.copy(self.key(table, id_), self.key(table, new_id))

    def expire(self, table, id_):
        assert self.pipeline.redis.pexpire(self.key(table, id_), 1)


class RedisHash(Redis):
    """A hash of texts; NULL is no field."""

    name = "redis"
    sees_null = False

    def get(self, table, id_, column):
        found = self.pipeline.redis.hget(self.key(table, id_), column)
        return ABSENT if found is None else found.decode()

    def put(self, table, id_, column, value):
        if value in (ABSENT, None):
            assert self.pipeline.redis.hdel(self.key(table, id_), column) == 1
        else:
            self.pipeline.redis.hset(self.key(table, id_), column, value)

    def flip(self, table, id_, column, type_=""):
        self.put(table, id_, column, _flipped_text(self.get(table, id_, column), type_))

    def minus_zero(self, table, id_, column):
        self.put(table, id_, column, "-0.0")


class RedisJson(Redis):
    """One JSON text. It is changed as text, so that the rest stays byte for byte."""

    name = "redis"
    sees_null = True

    def get(self, table, id_, column):
        text, span = self._find(table, id_, column)
        return ABSENT if span is None else Raw(text[slice(*span)])

    def put(self, table, id_, column, value):
        text, span = self._find(table, id_, column)
        new = value.text if isinstance(value, Raw) else json.dumps(value) if value is not ABSENT else ""
        if span is None:
            text = f'{{"{column}":{new},{text[1:]}'
        elif value is ABSENT:
            start = span[0] - len(f'"{column}":')
            text = text[:start] + text[span[1]:].removeprefix(",")
            text = text.replace(",}", "}")
        else:
            text = text[:span[0]] + new + text[span[1]:]
        self.pipeline.redis.set(self.key(table, id_), text)

    def flip(self, table, id_, column, type_=""):
        value = self.get(table, id_, column).text
        quoted = value.startswith('"')
        flipped = _flipped_text(json.loads(value) if quoted else value, type_)
        self.put(table, id_, column, flipped if quoted else Raw(flipped))

    def minus_zero(self, table, id_, column):
        self.put(table, id_, column, Raw("-0.0"))

    def retype(self, table, id_, column):
        self.put(table, id_, column, self.get(table, id_, column).text)

    def _find(self, table, id_, column):
        text = self.pipeline.redis.get(self.key(table, id_)).decode()
        at = text.find(f'"{column}":')
        if at < 0:
            return text, None
        start = at + len(f'"{column}":')
        return text, (start, json.JSONDecoder().raw_decode(text, start)[1])


class Raw:
    """JSON text as it stands."""

    def __init__(self, text):
        self.text = text


def _flipped(value):
    """A BSON value of the same type, as near as can be."""
    if isinstance(value, dict):
        name = next(iter(value))
        return {**value, name: _flipped(value[name])}
    if isinstance(value, list):
        return [_flipped(value[0]), *value[1:]]
    if isinstance(value, Decimal128):
        text = str(value)
        return Decimal128(_flipped_text(text))
    if isinstance(value, float):
        return math.nextafter(value, math.inf)
    if isinstance(value, Int64):
        return Int64(value ^ 1)
    if isinstance(value, int):
        return value ^ 1
    if isinstance(value, bytes):
        return value[:-1] + bytes([value[-1] ^ 1])
    if isinstance(value, str):
        return _flipped_text(value)
    return value + timedelta(milliseconds=1)  # a Date


def _flipped_text(text, type_=""):
    """The last digit or letter with its lowest bit changed; of a FLOAT or DOUBLE the next one."""
    if type_ in ("FLOAT", "DOUBLE"):
        return next_number(text, type_)
    at = max(i for i, letter in enumerate(text) if letter.isalnum())
    return text[:at] + chr(ord(text[at]) ^ 1) + text[at + 1:]


def next_number(text, type_):
    """The next FLOAT or DOUBLE above, in digits that name it."""
    size = "f" if type_ == "FLOAT" else "d"
    bits = int.from_bytes(struct.pack(f"<{size}", float(text)), "little") + 1
    value, = struct.unpack(f"<{size}", bits.to_bytes(4 if size == "f" else 8, "little"))
    return f"{value:.9g}" if size == "f" else repr(value)
