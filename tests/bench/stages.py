# SPDX-License-Identifier: Apache-2.0
"""The stages: ours and the limits beside it, each as a function that returns name → Figures.

Names are the lines of the tables; report.py judges by them.
"""

import re
import subprocess
from urllib.parse import urlsplit

import confluent_kafka
from confluent_kafka import admin

from tests.lib.programs import binary
from tests.lib.stack import MYSQLBINLOG

PARTITIONS = 8
BATCH_RECORDS = 1000  # [apply] batch_records
CONNECTIONS = 4  # [apply] workers
TRANSACTION_BYTES = 64 << 20  # [publish] transaction_bytes
SOURCE = "bench"
RECORDS = "records.jsonl"
TOPIC = f"{SOURCE}.sbtest.sbtest1"


def count(backlog):
    """Row changes in a backlog, by the file itself."""
    done = subprocess.run([binary("tailrace-cat"), "--count", str(backlog.path)], check=True,
                          capture_output=True, text=True)
    return int(re.search(r"records (\d+)", done.stdout)[1])


def decode(runner, backlog, rows):
    """A file, from the page cache: everything was read once before."""
    file, size = str(backlog.path), backlog.bytes
    counting = [binary("tailrace-cat"), "--count", file]
    return {"tailrace-cat --count": runner.ours(counting, rows, size),
            "tailrace-cat > /dev/null": runner.ours([binary("tailrace-cat"), file], rows, size,
                                                    output="/dev/null"),
            "mysqlbinlog -v > /dev/null": runner.ours([*MYSQLBINLOG, "-v", file], rows, size,
                                                      output="/dev/null"),
            "limit: read(2) and CRC-32": runner.limit("read_limit", file, rows=rows, size=size)}


def count_changes(runner, backlog, rows):
    """Only our own program, every value decoded."""
    return runner.ours([binary("tailrace-cat"), "--count", str(backlog.path)], rows, backlog.bytes)


def allocations(runner, backlog, rows):
    """How often tailrace-cat asks for memory while it decodes the file, and while it writes JSON as the
    publisher does before it calls the client library."""
    return {name: runner.counted([binary("tailrace-cat"), *option, str(backlog.path)], rows,
                                 output="/dev/null").allocations
            for name, option in (("decoded", ["--count"]), ("as JSON", []))}


def live(runner, mysql_url, backlog, rows):
    """From the server into this process."""
    address = urlsplit(mysql_url)
    server = (address.hostname, address.port, backlog.name)
    size = backlog.bytes
    return {"fetched and decoded": runner.limit("live", "decode", *server, rows=rows, size=size),
            "fetched, decoded, as JSON": runner.limit("live", "json", *server, rows=rows, size=size),
            "limit: fetched only": runner.limit("live", "fetch", *server, rows=rows, size=size)}


def write_records(runner, backlog):
    """The backlog as lines, which the limits send."""
    path = runner.directory / RECORDS
    runner.ours([binary("tailrace-cat"), "--tables", "sbtest.sbtest1", str(backlog.path)], output=path)
    return str(path)


def publish(runner, config, rows=0, size=0):
    """Everything that is in the log and not yet in Kafka."""
    return runner.ours(publish_command(config), rows, size)


def apply(runner, config, target, rows=0, size=0):
    """Everything that is in Kafka and not yet in the target."""
    return runner.ours(command(f"tailrace-apply-{target}", config), rows, size)


def path(runner, config, rows=0, size=0):
    """All of the path, with allocations counted."""
    return {name: runner.counted(command(name, config), rows, size)
            for name in ("tailrace-publish", "tailrace-apply-mongodb", "tailrace-apply-redis")}


def publish_command(config):
    return command("tailrace-publish", config)


def command(name, config):
    """One of our programs, until it has caught up."""
    return [binary(name), "-c", config, "--until-caught-up"]


def produce_limits(runner, brokers, records, size):
    """librdkafka with the same records into topics of its own. MB/s count the binlog's bytes, as for
    the publisher."""
    columns = _columns_header(brokers)
    figures = {}
    for mode, label in (("idempotent", "limit: librdkafka, idempotent"),
                        ("transactions", "limit: librdkafka, transactions")):
        topic = f"limit.{mode}"
        _create_topic(brokers, topic)
        figures[label] = runner.limit("produce_limit", mode, records, brokers, topic, TRANSACTION_BYTES,
                                      columns, size=size)
    return figures


def mongodb_limit(runner, uri, records, size=0):
    """libmongoc with the same rows into a database of its own."""
    return runner.limit("mongodb_limit", records, uri, "bench_limit", BATCH_RECORDS, CONNECTIONS, size=size)


def redis_limits(runner, url, records, size=0):
    """hiredis with the same rows under keys of its own, through one connection and through several."""
    address = urlsplit(url)
    return {f"limit: hiredis, connections: {n}": runner.limit(
        "redis_limit", records, address.hostname, address.port, f"limit{n}:sbtest1", BATCH_RECORDS, n, size=size)
            for n in (1, CONNECTIONS)}


def _create_topic(brokers, topic):
    client = admin.AdminClient({"bootstrap.servers": brokers, "log_level": 4})
    made = client.create_topics([admin.NewTopic(topic, PARTITIONS, 1)])
    try:
        made[topic].result()
    except confluent_kafka.KafkaException as error:
        if error.args[0].code() != confluent_kafka.KafkaError.TOPIC_ALREADY_EXISTS:
            raise


def _columns_header(brokers):
    """The value of the header `columns` of what the publisher sent."""
    consumer = confluent_kafka.Consumer({"bootstrap.servers": brokers, "group.id": "bench-header",
                                         "enable.auto.commit": False})
    consumer.assign([confluent_kafka.TopicPartition(TOPIC, number, 0) for number in range(PARTITIONS)])
    message = consumer.poll(20)
    headers = dict(message.headers())
    consumer.close()
    return headers["columns"].decode()
