#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Makes the first inputs of the fuzz targets from the golden cases: tests/fuzz/corpus/TARGET/seed-….

For each target the smallest input of each kind: an event a type and server, a table map a case, a row
event a type and case with its table map, payloads, partial updates with the document before them.
"""
import json
import os
import struct
import zlib

HERE = os.path.dirname(os.path.abspath(__file__))
GOLDEN = os.path.join(HERE, "../golden")
MOST_BYTES = 4096
TABLE_MAP, PAYLOAD, PARTIAL = 19, 40, 39
ROWS = {23, 24, 25, 30, 31, 32, PARTIAL, *range(166, 172)}
COMPRESSED = set(range(166, 172))


def events(path):
    """(type, whole event, body without the checksum) of a file."""
    with open(path, "rb") as file:
        log = file.read()
    at, checksum = 4, 0
    while at < len(log):
        code, size = log[at + 4], struct.unpack_from("<I", log, at + 9)[0]
        event = log[at:at + size]
        if code == 15:
            checksum = 4 if event[-5] == 1 else 0
        yield code, event, event[19:size - checksum], checksum
        at += size


class Corpus:
    """Keeps the smallest input of each kind."""

    def __init__(self):
        self.inputs = {}

    def offer(self, target, kind, data):
        known = self.inputs.get((target, kind))
        if len(data) <= MOST_BYTES and (known is None or len(data) < len(known)):
            self.inputs[target, kind] = data

    def write(self):
        for (target, kind), data in sorted(self.inputs.items()):
            folder = os.path.join(HERE, "corpus", target)
            os.makedirs(folder, exist_ok=True)
            with open(os.path.join(folder, "seed-" + kind), "wb") as file:
                file.write(data)


def offer_events(corpus, server, case, path):
    maps = {}
    for code, event, body, checksum in events(path):
        flags = (1 if checksum else 0) | (2 if server == "mariadb" else 0)
        corpus.offer("event", f"{server}-{code}-{checksum}", bytes([flags]) + event)
        if code == TABLE_MAP:
            maps[body[:6]] = body
            corpus.offer("table_map", f"{server}-{case}", b"\0" + struct.pack("<H", len(body)) + body)
        if code in ROWS and body[:6] in maps:
            head = maps[body[:6]]
            corpus.offer("row", f"{server}-{case}-{code}",
                         struct.pack("<H", len(head)) + head + bytes([code]) + body)
        if code == PAYLOAD:
            corpus.offer("payload", f"{server}-{case}", b"\0" + body)


def offer_records(corpus, server, case, path):
    """Columns are left to the reader's own tests; the header of these is of one kind."""
    columns = '{"id":"int","v":"int"}'
    with open(path, encoding="utf-8") as file:
        for line in file:
            record = json.loads(line)
            row = record["after"] or record["before"]
            if set(row) == {"id", "v"} and all(isinstance(value, int) for value in row.values()):
                key = json.dumps({"id": row["id"]})
                corpus.offer("record", f"{server}-{record['op']}",
                             "\n".join((columns, key, line.strip())).encode())


def offer_compressed(corpus):
    """MariaDB's form: a byte with the number of length bytes, the length, big-endian, a zlib stream."""
    for n in (0, 1, 300):
        plain = bytes(i % 7 for i in range(n))
        corpus.offer("payload", f"zlib-{n}", b"\1" + bytes([0x82]) + struct.pack(">H", n) + zlib.compress(plain))


def offer_diffs(corpus):
    """{"a":1} and an int16 array; replace, insert, remove."""
    document = bytes.fromhex("00 01 00 0c 00 0b 00 01 00 05 01 00 61".replace(" ", ""))
    for kind, operation, value in (("replace", 0, bytes.fromhex("050200")),
                                   ("insert", 1, bytes.fromhex("0400")), ("remove", 2, b"")):
        path = b"$.b" if operation == 1 else b"$.a"
        diff = bytes([operation, len(path)]) + path
        if operation != 2:
            diff += bytes([len(value)]) + value
        corpus.offer("json_diff", kind, struct.pack("<H", len(document)) + document + diff)


def offer_gtids(corpus):
    uuid = "3e11fa47-71ca-11e1-9e33-c80aa9429562"
    for kind, text in (("mysql", f"{uuid}:1-5:11"), ("tagged", f"{uuid}:1-3:app:1-3:7"),
                       ("mariadb", "0-1-100,1-2-30"), ("spaces", f" {uuid.upper()}:1 ,\n{uuid}:2-9 ")):
        corpus.offer("gtid", kind, text.encode())
    raw = bytes.fromhex(uuid.replace("-", ""))
    corpus.offer("gtid", "binary", struct.pack("<Q", 1) + raw + struct.pack("<QQQ", 1, 1, 6))


def main():
    corpus = Corpus()
    for server in ("mysql", "mariadb"):
        folder = os.path.join(GOLDEN, server)
        for name in sorted(os.listdir(folder)):
            case = name.split(".")[0]
            if name.endswith(".binlog"):
                offer_events(corpus, server, case, os.path.join(folder, name))
            elif name.endswith(".jsonl"):
                offer_records(corpus, server, case, os.path.join(folder, name))
    offer_compressed(corpus)
    offer_diffs(corpus)
    offer_gtids(corpus)
    corpus.write()


if __name__ == "__main__":
    main()
