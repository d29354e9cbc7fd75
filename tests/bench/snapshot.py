# SPDX-License-Identifier: Apache-2.0
"""How fast `tailrace snapshot` copies a table of sysbench into Kafka, beside a bare SELECT through the same
client library into the same producer, in turns.

    make bench-snapshot        BENCH_ROWS (400000), BENCH_RUNS (3)
"""

import json
import os
import statistics
import subprocess
import tempfile
from pathlib import Path
from urllib.parse import urlsplit

from confluent_kafka.admin import AdminClient, NewTopic

from tests.bench.stages import TRANSACTION_BYTES
from tests.lib import programs, servers

ROWS = int(os.environ.get("BENCH_ROWS", "400000"))
RUNS = int(os.environ.get("BENCH_RUNS", "3"))
WANTED_ROWS_PER_SECOND, WANTED_SHARE = 150000, 0.8
NAME = "benchsnapshot"
COLUMNS = '{"id":"int","k":"int","c":"char","pad":"char"}'


def fill(connection):
    with connection.cursor() as cursor:
        for statement in (
                f"DROP DATABASE IF EXISTS {NAME}", f"CREATE DATABASE {NAME}", f"USE {NAME}",
                "CREATE TABLE sbtest1 (id INT NOT NULL PRIMARY KEY, k INT NOT NULL, c CHAR(120) NOT NULL,"
                " pad CHAR(60) NOT NULL, KEY (k))", "CREATE TABLE digit (d INT PRIMARY KEY)",
                "INSERT INTO digit VALUES (0), (1), (2), (3), (4), (5), (6), (7), (8), (9)",
                "INSERT INTO sbtest1 SELECT a.d + 10*b.d + 100*c.d + 1000*d.d + 10000*e.d + 100000*f.d AS id,"
                " RAND() * 1000000, LEFT(SHA2(RAND(), 512), 119), LEFT(SHA2(RAND(), 256), 59)"
                f" FROM digit a, digit b, digit c, digit d, digit e, digit f HAVING id < {ROWS}"):
            cursor.execute(statement)


def bare(address, kafka, record_bytes, run):
    topic = f"{NAME}.bare.{run}"
    admin = AdminClient({"bootstrap.servers": kafka})
    admin.create_topics([NewTopic(topic, 8, 1)])[topic].result(30)
    done = subprocess.run([programs.ROOT / "build/bench/bin/snapshot_limit", str(address.port),
                           address.username, f"{NAME}.sbtest1", kafka, topic, str(TRANSACTION_BYTES),
                           str(record_bytes), COLUMNS], capture_output=True, text=True, check=True)
    return ROWS / json.loads(done.stdout)["seconds"]


def copied(config):
    command = [programs.binary("tailrace-snapshot"), "-c", config, f"{NAME}.sbtest1", "--wait", "--json"]
    shown = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    assert shown["rows"] == ROWS
    return ROWS * 1000 / shown["list"][0]["busy_ms"], shown["rows_per_s"], shown["list"][0]["bytes"] // ROWS


def main():
    addresses = servers.addresses("mysql", "kafka")
    address = urlsplit(addresses["mysql"])
    admin = AdminClient({"bootstrap.servers": addresses["kafka"]})
    connection = servers.mysql(addresses["mysql"])
    fill(connection)
    with tempfile.TemporaryDirectory() as folder:
        config = programs.write_config(Path(folder) / "tailrace.conf", programs.config(
            NAME, addresses, publish={"start": "latest"}, tables={"include": f"{NAME}.*"}))
        publisher = programs.Program(["tailrace-publish", "-c", config], folder).start()
        publisher.wait_for("started")
        try:
            record_bytes = copied(config)[2]  # the first fills caches and makes the topic
            ours, limits = [], []
            for run in range(RUNS):
                limits.append(bare(address, addresses["kafka"], record_bytes, run))
                ours.append(copied(config)[1])
            line = publisher.wait_for(r"snapshot ended.* pause_p99_ms=(\d+)")
        finally:
            publisher.end()
            with connection.cursor() as cursor:
                cursor.execute(f"DROP DATABASE {NAME}")
            topics = [name for name in admin.list_topics(timeout=30).topics if name.startswith(NAME)]
            for future in admin.delete_topics(topics).values():
                future.result(30)
    mine, limit = statistics.median(ours), statistics.median(limits)
    print(f"snapshot {mine:,.0f} rows/s, bare SELECT into the producer {limit:,.0f} rows/s, share {mine / limit:.2f}"
          f" (wanted {WANTED_ROWS_PER_SECOND:,}, or {WANTED_SHARE}); records of {record_bytes} bytes,"
          f" pause p99 {line[1]} ms, peak {publisher.peak_rss_kib // 1024} MiB")


if __name__ == "__main__":
    main()
