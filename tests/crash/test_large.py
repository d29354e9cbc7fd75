# SPDX-License-Identifier: Apache-2.0
"""One transaction of 5,000,000 rows, and two of 2 GB, one of middling rows and one of rows as large as Kafka takes them:
each process is killed twice in the middle. `make crash-large`, about an hour and 30 GB of disk. TAILRACE_LARGE is a share
of that, such as 0.1."""

import os
import re
import time
from dataclasses import dataclass

import pytest
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, TopicPartition

from tests.integration import verifying, wait
from tests.integration.pipeline import APPLIERS, PARTITIONS, expect

SHARE = float(os.environ.get("TAILRACE_LARGE", "1"))
MEMORY_MOST_KIB = 256 * 1024
MESSAGE_MOST_BYTES = 10 << 20  # as the brokers of the tests take it
PATIENCE_S = 2400
THIRDS = (1, 2)


@dataclass
class Shape:
    """Of the transaction; `text_bytes` in each row."""

    rows: int
    text_bytes: int

    def share(self):
        return Shape(max(int(self.rows * SHARE), 12), self.text_bytes)


SHAPES = {"rows": Shape(5_000_000, 10), "bytes": Shape(21_000, 100_000), "wide": Shape(250, 8_400_000)}


@pytest.mark.long
@pytest.mark.parametrize("name", SHAPES)
def test_one_transaction(pipeline, database, name, figures):
    shape = SHAPES[name].share()
    del pipeline.options["apply"]["workers"]  # as many as they are by default
    pipeline.options["kafka"].update({"session.timeout.ms": 6000, "linger.ms": 20,
                                      "message.max.bytes": MESSAGE_MOST_BYTES})
    pipeline.options["log"]["level"] = "info"
    verifying.prepare(pipeline)
    size = write(database, shape)
    seconds = {"publish": publish(pipeline, shape.rows)}
    assert_each_once(pipeline, shape)
    for target in APPLIERS:
        seconds[target] = apply(pipeline, target, shape.rows)
    begin = time.monotonic()
    verifying.verify(pipeline, f"{pipeline.name}.t", patience_s=PATIENCE_S)
    seconds["verify"] = time.monotonic() - begin
    most = peaks(pipeline)
    figures(f"one transaction of {shape.rows} rows, {size >> 20} MiB of binlog, two kills in each: "
            + ", ".join(f"{who} {seconds[who]:.0f} s {kib / 1024:.0f} MiB" for who, kib in most.items()))
    assert max(most.values()) <= MEMORY_MOST_KIB, most


def peaks(pipeline):
    """Program → the most memory that one of its processes had, in KiB."""
    most = {}
    for program in pipeline.programs:
        who = re.sub(r"^tailrace-(apply-)?|-\d+$", "", program.label)
        most[who] = max(most.get(who, 0), program.peak_rss_kib)
    return most


def write(database, shape):
    """One transaction; returns its size in the binlog."""
    database.sql("SET SESSION cte_max_recursion_depth = 10000000",
                 "CREATE TABLE t (id INT PRIMARY KEY, n INT NOT NULL, text MEDIUMTEXT)", "FLUSH BINARY LOGS")
    database.sql("INSERT INTO t WITH RECURSIVE numbers (id) AS (SELECT 0 UNION ALL SELECT id + 1 FROM numbers"
                 f" WHERE id < {shape.rows - 1}) SELECT id, id % 1000, REPEAT('x', {shape.text_bytes} - id % 7)"
                 " FROM numbers")
    database.sql("FLUSH BINARY LOGS")
    sizes = [size for _, size, *_ in database.rows("SHOW BINARY LOGS")]
    return max(sizes)


def publish(pipeline, rows):
    """Killed at a third and at two thirds, each time further than before; returns the seconds of all."""
    begin = time.monotonic()
    for part in THIRDS:
        started = pipeline.start_publisher()
        wait.until(lambda: ((pipeline.checkpoint() or {}).get("rows") or 0) > rows * part // 3,
                   f"{part} thirds", PATIENCE_S, 0.5)
        started.kill()
        assert 0 < pipeline.checkpoint()["rows"] < rows, "it was through before it was killed"
    expect(pipeline.start_publisher("--until-caught-up"), 0, PATIENCE_S)
    return time.monotonic() - begin


def apply(pipeline, target, rows):
    """The same of an applier; the last process does only what is left."""
    begin = time.monotonic()
    for part in THIRDS:
        started = pipeline.start_applier(target)
        wait.until(lambda: count(pipeline, target) > rows * part // 3, f"{part} thirds", PATIENCE_S, 0.5)
        started.kill()
        assert count(pipeline, target) < rows, "it was through before it was killed"
    there = count(pipeline, target, exactly=True)
    last = expect(pipeline.start_applier(target, "--until-caught-up"), 0, PATIENCE_S)
    done = sum(map(int, re.findall(r" effects=(\d+)", last.log())))
    assert 0 < done <= rows - there, f"{done} changes where {rows - there} were left"
    return time.monotonic() - begin


def count(pipeline, target, exactly=False):
    """Rows of t there; MongoDB's estimate has those of open transactions too."""
    if target == "mongodb":
        documents = pipeline.documents("t")
        return documents.count_documents({}) if exactly else documents.estimated_document_count()
    group, topic = f"{pipeline.name}.apply.redis", f"{pipeline.name}.{pipeline.name}.t"
    kept = [f"tailrace:checkpoint:{group}:{topic}:{partition}" for partition in range(PARTITIONS)]
    return pipeline.redis.dbsize() - pipeline.redis.exists(f"tailrace:checkpoints:{group}", *kept)


def assert_each_once(pipeline, shape):
    """Readers of committed records see each of the rows once."""
    topic = f"{pipeline.name}.{pipeline.name}.t"
    partitions = pipeline.topics.metadata()[topic].partitions
    consumer = Consumer({"bootstrap.servers": pipeline.addresses["kafka"], "group.id": f"{pipeline.name}.large",
                         "enable.auto.commit": False, "enable.partition.eof": True,
                         "isolation.level": "read_committed", "queued.max.messages.kbytes": 20_000})
    at_once = max(1, min(10_000, (16 << 20) // shape.text_bytes))
    seen, ended = bytearray(shape.rows), 0
    consumer.assign([TopicPartition(topic, number, OFFSET_BEGINNING) for number in partitions])
    while ended < len(partitions):
        for message in consumer.consume(at_once, timeout=30):
            if not message.error():
                seen[int(message.key()[len('{"id":'):-1])] += 1
            else:
                assert message.error().code() == KafkaError._PARTITION_EOF
                ended += 1
    consumer.close()
    assert seen == bytearray(b"\x01") * shape.rows
