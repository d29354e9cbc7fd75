# SPDX-License-Identifier: Apache-2.0
"""One transaction of 5,000,000 rows, and one of 2 GB, killed in the middle: `make crash-large`, about half an hour
and 15 GB of disk. TAILRACE_LARGE is a share of that, such as 0.1."""

import os
import subprocess
import time

import pytest
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, TopicPartition

from tests.integration import wait
from tests.integration.pipeline import APPLIERS, expect
from tests.lib import programs

SHARE = float(os.environ.get("TAILRACE_LARGE", "1"))
MEMORY_MOST_KIB = 256 * 1024
PATIENCE_S = 1800
SHAPES = {"rows": (int(5_000_000 * SHARE), 10), "bytes": (int(21_000 * SHARE), 100_000)}  # rows, bytes of text


@pytest.mark.long
@pytest.mark.parametrize("shape", SHAPES)
def test_one_transaction(pipeline, database, shape, figures):
    rows, text_bytes = SHAPES[shape]
    pipeline.options["kafka"].update({"session.timeout.ms": 6000, "linger.ms": 20})
    pipeline.options["log"]["level"] = "info"
    size = write(database, rows, text_bytes)
    seconds = {"publish": publish(pipeline, rows)}
    assert_each_once(pipeline, rows)
    for target in APPLIERS:
        seconds[target] = apply(pipeline, target, rows)
    most = max(program.peak_rss_kib for program in pipeline.programs)
    assert most <= MEMORY_MOST_KIB, {program.label: program.peak_rss_kib for program in pipeline.programs}
    verify(pipeline)
    figures(f"one transaction of {rows} rows, {size >> 20} MiB of binlog, two kills in each: "
            + ", ".join(f"{name} {s:.0f} s" for name, s in seconds.items()) + f", {most / 1024:.0f} MiB at most")


def write(database, rows, text_bytes):
    """One transaction; returns its size in the binlog."""
    database.sql("SET SESSION cte_max_recursion_depth = 10000000",
                 "CREATE TABLE t (id INT PRIMARY KEY, n INT NOT NULL, text MEDIUMTEXT)", "FLUSH BINARY LOGS")
    database.sql("INSERT INTO t WITH RECURSIVE numbers (id) AS (SELECT 0 UNION ALL SELECT id + 1 FROM numbers"
                 f" WHERE id < {rows - 1}) SELECT id, id % 1000, REPEAT('x', {text_bytes} - id % 7) FROM numbers")
    database.sql("FLUSH BINARY LOGS")
    sizes = [size for _, size, *_ in database.rows("SHOW BINARY LOGS")]
    return max(sizes)


def publish(pipeline, rows):
    """Killed at a third and at two thirds; returns the seconds of all."""
    begin = time.monotonic()
    for part in (1, 2):
        started = pipeline.start_publisher()
        wait.until(lambda: ((pipeline.checkpoint() or {}).get("rows") or 0) > rows * part // 3,
                   f"{part} thirds", PATIENCE_S, 0.5)
        started.kill()
        assert 0 < pipeline.checkpoint()["rows"] < rows, "it was through before it was killed"
    expect(pipeline.start_publisher("--until-caught-up"), 0, PATIENCE_S)
    return time.monotonic() - begin


def apply(pipeline, target, rows):
    """The same of an applier."""
    begin = time.monotonic()
    for part in (1, 2):
        started = pipeline.start_applier(target)
        wait.until(lambda: count(pipeline, target) > rows * part // 3, f"{part} thirds", PATIENCE_S, 0.5)
        started.kill()
        assert count(pipeline, target) < rows, "it was through before it was killed"
    expect(pipeline.start_applier(target, "--until-caught-up"), 0, PATIENCE_S)
    seconds = time.monotonic() - begin
    if target == "mongodb":
        assert pipeline.documents("t").count_documents({}) == rows
    return seconds


def count(pipeline, target):
    return pipeline.documents("t").estimated_document_count() if target == "mongodb" else pipeline.redis.dbsize()


def verify(pipeline):
    """Every row, value by value."""
    done = subprocess.run([programs.binary("tailrace-verify"), "-c", pipeline.configure(), f"{pipeline.name}.t"],
                          capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def assert_each_once(pipeline, rows):
    """Readers of committed records see each of the rows once."""
    topic = f"{pipeline.name}.{pipeline.name}.t"
    partitions = pipeline.topics.metadata()[topic].partitions
    consumer = Consumer({"bootstrap.servers": pipeline.addresses["kafka"], "group.id": f"{pipeline.name}.large",
                         "enable.auto.commit": False, "enable.partition.eof": True, "isolation.level": "read_committed"})
    seen, ended = bytearray(rows), 0
    consumer.assign([TopicPartition(topic, number, OFFSET_BEGINNING) for number in partitions])
    while ended < len(partitions):
        for message in consumer.consume(10_000, timeout=30):
            if not message.error():
                seen[int(message.key()[len('{"id":'):-1])] += 1
            else:
                assert message.error().code() == KafkaError._PARTITION_EOF
                ended += 1
    consumer.close()
    assert seen == bytearray(b"\x01") * rows
