# SPDX-License-Identifier: Apache-2.0
"""Says when rows of the paced load become visible in a store: a line "ID MICROSECONDS" each, by the steady
clock, to standard output.

    python3 -m tests.bench.watch kafka BROKERS TOPIC LAST
    python3 -m tests.bench.watch mongodb URI FIRST STEP LAST
    python3 -m tests.bench.watch redis URL FIRST STEP LAST

Kafka: a consumer of read_committed sees every row. MongoDB and Redis: the rows FIRST, FIRST + STEP, … are
asked for by key, with a pause of PAUSE_SECONDS between two questions, so a figure may be too large by
that and never too small. "ready" is the first line; it ends behind LAST, or when nothing came for PATIENCE_SECONDS.
"""

import itertools
import json
import sys
import time

import confluent_kafka

from tests.lib import servers

PAUSE_SECONDS = 0.001
PATIENCE_SECONDS = 20
WINDOW = 16  # rows asked for at a time: those that may be visible next


def now_us():
    return time.monotonic_ns() // 1000


def watch_kafka(brokers, topic, last):
    """Reads all partitions from their ends on."""
    consumer = confluent_kafka.Consumer({"bootstrap.servers": brokers, "group.id": "bench-watch",
                                         "isolation.level": "read_committed",
                                         "enable.auto.commit": False})
    partitions = consumer.list_topics(topic, 10).topics[topic].partitions
    ends = [confluent_kafka.TopicPartition(
        topic, number, consumer.get_watermark_offsets(
            confluent_kafka.TopicPartition(topic, number), 10)[1]) for number in partitions]
    consumer.assign(ends)
    consumer.poll(1)
    print("ready", flush=True)
    seen = []
    while message := consumer.poll(PATIENCE_SECONDS):
        if message.error():
            raise confluent_kafka.KafkaException(message.error())
        row = json.loads(message.key())["id"]
        seen.append((row, now_us()))
        if row == int(last):
            break
    # Other partitions may still have some: the driver asks for all.
    while message := consumer.poll(1):
        seen.append((json.loads(message.key())["id"], now_us()))
    consumer.close()
    return seen


def watch_by_key(find, first, step, last):
    """`find`: ids → those that are there."""
    rows = list(range(int(first), int(last) + 1, int(step)))
    find(rows[:1])
    print("ready", flush=True)
    seen, window, rows = [], rows[:WINDOW], iter(rows[WINDOW:])
    deadline = time.monotonic() + PATIENCE_SECONDS
    while window and time.monotonic() < deadline:
        there = set(find(window))
        at = now_us()
        if there:
            seen += [(row, at) for row in there]
            window = [row for row in window if row not in there]
            window += itertools.islice(rows, len(there))
            deadline = time.monotonic() + PATIENCE_SECONDS
        time.sleep(PAUSE_SECONDS)
    return seen


def watch_mongodb(uri, *rows):
    paced = servers.mongodb(uri).sbtest.paced
    return watch_by_key(lambda ids: [found["_id"] for found in
                                     paced.find({"_id": {"$in": ids}}, {"_id": 1})], *rows)


def watch_redis(url, *rows):
    redis = servers.redis(url)

    def find(ids):
        with redis.pipeline(transaction=False) as pipeline:
            for row in ids:
                pipeline.exists(f"sbtest:paced:{row}")
            return [row for row, there in zip(ids, pipeline.execute()) if there]

    return watch_by_key(find, *rows)


if __name__ == "__main__":
    WATCHES = {"kafka": watch_kafka, "mongodb": watch_mongodb, "redis": watch_redis}
    for one in WATCHES[sys.argv[1]](*sys.argv[2:]):
        print(*one)
