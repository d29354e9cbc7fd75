# SPDX-License-Identifier: Apache-2.0
"""The figures as tables for people, as JSON, and judged by the targets."""

import json
import os
import platform
import re
import statistics
from dataclasses import asdict, fields
from datetime import datetime, timezone
from pathlib import Path

from tests.bench.run import Figures

HEAD = f"{'':36}{'rows/s':>10} {'MB/s':>7} {'CPU s/M rows':>13} {'RSS MB':>7} {'switches/M':>11}"


def machine():
    """What it was measured on."""
    cpu = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text("utf-8"))
    memory = re.search(r"MemTotal:\s+(\d+)", Path("/proc/meminfo").read_text("ascii"))
    return {"cpu": cpu[1] if cpu else platform.machine(), "cores": os.cpu_count(),
            "memory_gib": round(int(memory[1]) / 2**20, 1), "kernel": platform.release()}


def median(runs):
    """The median of each figure of several runs."""
    middle = {field.name: statistics.median(getattr(run, field.name) for run in runs)
              for field in fields(Figures) if field.name != "servers"}
    return Figures(**middle, servers={name: statistics.median(run.servers.get(name, 0) for run in runs)
                                      for name in runs[0].servers})


def table(title, lines):
    """The lines of a stage; `lines`: name → Figures."""
    yield f"\n{title}"
    counted = any(figures.allocations for figures in lines.values())
    yield HEAD + ("  allocations/row" if counted else "")
    for name, figures in lines.items():
        switches = 1e6 * figures.switches / max(figures.rows, 1)
        yield (f"  {name:34}{figures.rows_per_second():10,.0f} {figures.bytes_per_second() / 1e6:7.1f} "
               f"{figures.cpu_per_million():13.2f} {figures.peak_rss_kib / 1024:7.1f} {switches:11,.0f}"
               + (f" {figures.allocations / max(figures.rows, 1):16.1f}" if counted else ""))
        if busy := _servers(figures):
            yield f"      servers meanwhile, CPU s/M rows: {busy}"


def latency_table(figures):
    """Commit to visible."""
    yield "\nCommit → visible, ms"
    yield f"{'':36}{'reached/s':>10} {'samples':>8} {'p50':>7} {'p99':>7} {'max':>7}"
    for line in figures:
        name = f"{line['target']} at {line['rate']:,} changes/s"
        yield (f"  {name:34}{line['reached']:10,.0f} {line['samples']:8} {line['p50_ms']:7.1f} "
               f"{line['p99_ms']:7.1f} {line['max_ms']:7.1f}")


class Targets:
    """Collects one line for each target; `lines` are the records for the JSON."""

    def __init__(self):
        self.lines = []

    def at_least(self, name, value, goal, unit):
        self._add(name, value, goal, unit, "at least", value >= goal, goal - value)

    def at_most(self, name, value, goal, unit):
        self._add(name, value, goal, unit, "at most", value <= goal, value - goal)

    def text(self):
        for line in self.lines:
            verdict = "met" if line["met"] else f"short by {number(line['short_by'])} {line['unit']}"
            yield (f"target: {line['name']} {line['kind']} {number(line['goal'])} {line['unit']}: "
                   f"{number(line['value'])}: {verdict}")

    def _add(self, name, value, goal, unit, kind, met, short_by):
        self.lines.append({"name": name, "kind": kind, "goal": goal, "unit": unit, "value": value,
                           "met": met, "short_by": 0 if met else short_by})


def judge_decode(targets, decode, allocations):
    """Decoding a file: rates by CPU seconds of the one thread."""
    counted, written, other = (decode[name] for name in (
        "tailrace-cat --count", "tailrace-cat > /dev/null", "mysqlbinlog -v > /dev/null"))
    targets.at_least("decode a file", counted.bytes / counted.cpu / 1e9, 1.0, "GB per CPU second")
    targets.at_least("decode a file", counted.rows / counted.cpu, 2e6, "rows per CPU second")
    targets.at_least("to JSON, beside mysqlbinlog -v", other.cpu / written.cpu, 15, "times as fast")
    for name, calls in allocations.items():
        targets.at_most(f"allocations, {name}", 1e6 * calls / counted.rows, 1000, "per million rows")
    targets.at_most("tailrace-cat", max(counted.peak_rss_kib, written.peak_rss_kib) / 1024, 16,
                    "MB of memory")


def judge_compressed(targets, decode):
    """Of a file with one large transaction each, as it compressed."""
    for name, figures in decode.items():
        targets.at_most(f"tailrace-cat, one transaction with {name}", figures.peak_rss_kib / 1024, 16,
                        "MB of memory")


def judge_live(targets, stage, live):
    targets.at_least(f"{stage}, of fetching only",
                     _share(live["fetched and decoded"], live["limit: fetched only"]), 90, "%")


def judge_path(targets, live, publish, mongodb, redis):
    """Server → Kafka → targets, each beside its limit."""
    ours = publish["tailrace-publish"]
    limit = min((live["limit: fetched only"], publish["limit: librdkafka, transactions"]),
                key=Figures.rows_per_second)
    targets.at_least("server → Kafka, of the slower limit", _share(ours, limit), 80, "%")
    targets.at_most("tailrace-publish", ours.cpu_per_million(), 5, "CPU s per million rows")
    targets.at_least("Kafka → MongoDB, of the limit",
                     _share(mongodb["tailrace-apply-mongodb"], mongodb["limit: libmongoc"]), 90, "%")
    limit = max((figures for name, figures in redis.items() if name.startswith("limit")),
                key=Figures.rows_per_second)
    targets.at_least("Kafka → Redis, of the faster limit",
                     _share(redis["tailrace-apply-redis"], limit), 80, "%")


def judge_latency(targets, figures):
    by_name = {(line["target"], line["rate"]): line for line in figures}
    kafka = by_name["kafka", 500]
    targets.at_most("commit → Kafka at 500/s, p50", kafka["p50_ms"], 5, "ms")
    targets.at_most("commit → Kafka at 500/s, p99", kafka["p99_ms"], 12, "ms")
    for target in ("mongodb", "redis"):
        line = by_name[target, 2000]
        targets.at_most(f"commit → {target} at 2,000/s, p50", line["p50_ms"], 15, "ms")
        targets.at_most(f"commit → {target} at 2,000/s, p99", line["p99_ms"], 60, "ms")
        targets.at_most(f"commit → {target} one by one, p50", by_name[target, 10]["p50_ms"], 10, "ms")


def judge_shapes(targets, figures):
    """How cost grows: `figures` by shape and program."""
    for name in ("tailrace-publish", "tailrace-apply-mongodb", "tailrace-apply-redis"):
        targets.at_most(f"{name}, twice the rows",
                        figures["whole", name].cpu / figures["half", name].cpu, 2.05, "times the CPU")
    few, many = figures["few", "tailrace-cat"], figures["many", "tailrace-cat"]
    targets.at_most("decoding many tables, beside five", many.cpu_per_million() / few.cpu_per_million(),
                    1.1, "times the CPU a row")
    alone, loaded = (figures[kind, "tailrace-publish"] for kind in ("whole", "whole, under load"))
    targets.at_least("a lag worked off under load, of the rate without", _share(loaded, alone), 90, "%")


def judge_memory(targets, peak_kib):
    for name, kib in peak_kib.items():
        targets.at_most(name, kib / 1024, 64, "MB of memory")


def write_json(path, settings, stages, latency, targets):
    """Every run of every program, not only medians. `stages`: title → name → runs."""
    Path(path).write_text(json.dumps({
        "made": datetime.now(timezone.utc).isoformat(timespec="seconds"), "machine": machine(),
        "settings": settings,
        "stages": {title: {name: [asdict(run) for run in runs] for name, runs in lines.items()}
                   for title, lines in stages.items()},
        "latency": latency, "targets": targets.lines}, indent=1) + "\n", encoding="utf-8")


def number(value):
    """With as many digits as tell something."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _share(ours, limit):
    return 100 * ours.rows_per_second() / limit.rows_per_second()


def _servers(figures):
    """Those that did anything to speak of."""
    per_million = {name: 1e6 * cpu / max(figures.rows, 1) for name, cpu in figures.servers.items()}
    return ", ".join(f"{name} {cpu:.2f}" for name, cpu in sorted(per_million.items()) if cpu >= 0.05)
