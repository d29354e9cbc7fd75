# SPDX-License-Identifier: Apache-2.0
"""The targets' side of a comparison: MongoDB and Redis behind the same four functions.

    key(row)            the row's key as bytes, exact: another type or order of the parts is another key
    find(keys)   key → what the target holds there, for those that are there
    keys()              every key that the target holds for the table
    differences(row, found)
                        (column, wanted, found) for each that is not the same, type and digits
                        included, and for each that should not be there

An object compares one table. A row is a tuple of cells (tests/lib/source.py).
"""

import re
import struct

import bson
import redis as redis_client
from bson import Decimal128, Int64
from bson.codec_options import CodecOptions
from bson.raw_bson import RawBSONDocument

from tests.lib import mapping
from tests.lib.source import CHUNK_ROWS

ABSENT = "(absent)"
GUARD = "_tailrace"  # partition and offset of the last change: docs/mongodb.md, docs/redis.md
GUARD_TEXT = re.compile(r"(0|[1-9]\d*):(0|[1-9]\d*)")


class MongodbTable:
    """One collection. The order of the fields is free."""

    def __init__(self, client, table):
        raw = CodecOptions(document_class=RawBSONDocument)
        self.collection = client[table.db].get_collection(table.name, codec_options=raw)
        self.table = table
        self.convert = [mapping.mongodb(column) for column in table.columns]

    def key(self, row):
        return bson.encode({"_id": self._id(row)})

    def find(self, keys):
        ids = [bson.decode(key)["_id"] for key in keys]
        return {_id_of(found): found
                for found in self.collection.find({"_id": {"$in": ids}}, batch_size=CHUNK_ROWS)}

    def keys(self):
        for found in self.collection.find({}, {"_id": 1}, batch_size=CHUNK_ROWS):
            yield _id_of(found)

    def differences(self, row, found):
        wanted = {"_id": self._id(row)}
        wanted.update((column.name, None if cell is None else convert(cell))
                      for column, convert, cell in zip(self.table.columns, self.convert, row))
        found = _without_guard(bson.decode(found.raw))
        return [(name, wanted.get(name, ABSENT), found.get(name, ABSENT))
                for name in {**wanted, **found}
                if name not in wanted or name not in found or
                not same_bson(wanted[name], found[name])]

    def _id(self, row):
        parts = [self.convert[i](row[i]) for i in self.table.key]
        return dict(zip(self.table.key_names(), parts)) if len(parts) > 1 else parts[0]


class RedisTable:
    """All hashes db:table:*."""

    def __init__(self, client, table):
        self.client = client
        self.table = table
        self.convert = [mapping.redis(column) for column in table.columns]

    def key(self, row):
        parts = [str(self.convert[i](row[i])) for i in self.table.key]
        return mapping.redis_key(self.table, parts).encode()

    def find(self, keys):
        pipeline = self.client.pipeline(transaction=False)
        for key in keys:
            pipeline.hgetall(key)
        answers = pipeline.execute(raise_on_error=False)
        return {key: answer for key, answer in zip(keys, answers) if answer != {}}

    def keys(self):
        prefix = mapping.redis_key(self.table, [""])
        pattern = "".join("\\" + c if c in "*?[]\\^" else c for c in prefix) + "*"
        return set(self.client.scan_iter(match=pattern, count=CHUNK_ROWS))

    def differences(self, row, found):
        if isinstance(found, redis_client.ResponseError):  # the key holds something else
            return [("(type)", "hash", str(found))]
        if not isinstance(found, dict):
            raise found
        wanted = {column.name: convert(cell)
                  for column, convert, cell in zip(self.table.columns, self.convert, row)
                  if cell is not None}
        texts = {_text(name): _text(value) for name, value in found.items()}
        if GUARD_TEXT.fullmatch(str(texts.get(GUARD, ""))):
            del texts[GUARD]
        return [(name, wanted.get(name, ABSENT), texts.get(name, ABSENT))
                for name in {**wanted, **texts}
                if name not in wanted or name not in texts or not wanted[name] == texts[name]]


def _without_guard(document):
    """The document less its guard, where that is one and stands last; anything else is compared."""
    guard = document.get(GUARD)
    is_guard = (type(guard) is dict and list(guard) == ["p", "o"] and type(guard["p"]) is int and
                type(guard["o"]) is Int64 and guard["p"] >= 0 and guard["o"] >= 0)
    if is_guard:
        del document[GUARD]
    return document


def _id_of(document):
    return bson.encode({"_id": bson.decode(document.raw)["_id"]})


def same_bson(one, other):
    """Equal in type, bits, digits and the order of members; Python's == is laxer."""
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        return (list(one) == list(other) and
                all(same_bson(one[name], other[name]) for name in one))
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same_bson, one, other))
    if isinstance(one, float):
        return struct.pack("<d", one) == struct.pack("<d", other)
    if isinstance(one, Decimal128):
        return one.bid == other.bid
    return one == other


def _text(raw):
    """Bytes that are no UTF-8 stay bytes and so equal no text."""
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw
