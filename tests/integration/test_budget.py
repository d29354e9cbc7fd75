# SPDX-License-Identifier: Apache-2.0
"""The budget of memory, and what it takes for so many changes: figures at the end of the run."""

import resource
import time

import pytest

from tests.integration.pipeline import APPLIERS, expect
from tests.integration.test_kill import insert_large

MEMORY_MOST_KIB = 64 * 1024
CHANGES = 100_000


@pytest.mark.parametrize("client", ["libmariadb", "libmysqlclient"], indirect=True)
def test_hundred_thousand_changes(pipeline, database, client, figures):
    """40,000 inserts in one transaction, 40,000 updates in 40, 20,000 deletes in one."""
    insert_large(database, 40_000)
    database.sql(*(f"UPDATE large SET text = CONCAT('Huế ', id) WHERE id DIV 1000 = {part}"
                   for part in range(40)), "DELETE FROM large WHERE id % 2 = 1")
    measured = [measure(pipeline, "tailrace-publish")]
    if client == "libmariadb":  # the appliers are the same in both
        measured += [measure(pipeline, f"tailrace-apply-{name}") for name in APPLIERS]
        pipeline.assert_equal()
    records = [record for record in pipeline.topics.table("large") if record.value is not None]
    assert len(records) == CHANGES
    for name, seconds, cpu_seconds, memory_kib in measured:
        figures(f"{name:22} {CHANGES / seconds:7.0f} rows/s  {seconds:5.2f} s  CPU {cpu_seconds:5.2f} s"
                f"  {memory_kib / 1024:5.1f} MiB RSS")
    assert all(memory_kib <= MEMORY_MOST_KIB for *_, memory_kib in measured), measured


def measure(pipeline, name):
    """(name, seconds, seconds of CPU, peak KiB of memory) of one program until it has caught up."""
    begin, before = time.monotonic(), used_cpu()
    started = expect(pipeline.start(name, "--until-caught-up"), 0)
    return name, time.monotonic() - begin, used_cpu() - before, started.peak_rss_kib


def used_cpu():
    """Of all children that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
