# SPDX-License-Identifier: Apache-2.0
"""One source with its topics and targets, and our programs between them."""

import itertools
import json
import os
import subprocess
import threading
import time

from tests.integration.database import PASSWORD
from tests.integration.topics import Topics
from tests.lib import compare, programs, servers

APPLIERS = ("mongodb", "redis")
CLIENTS = {"libmariadb": "", "libmysqlclient": str(programs.ROOT / "build/mysql/bin") + "/"}
PARTITIONS = 4
TRY_AGAIN = 75  # exit code: a server does not answer for now
PATIENCE_S = 60  # after which a program that should have ended fails the test


class Pipeline:
    """`name` is that of the source, and its schema's. `client` is the publisher's MySQL library. `options`
    is section → key → value, written to the configuration file before each start of a program."""

    def __init__(self, name, database, client, folder, server_id):
        self.name, self.database, self.client, self.folder = name, database, client, folder
        self.addresses = {"mysql": database.url, **servers.addresses("kafka", "mongodb", "redis")}
        self.topics = Topics(self.addresses["kafka"], name)
        self.mongodb = servers.mongodb(self.addresses["mongodb"])
        self.redis = servers.redis(self.addresses["redis"])
        self.options = self._options(server_id)
        self.programs = []

    def _options(self, server_id):
        password_file = self.folder / "password"
        password_file.write_text(PASSWORD + "\n")
        return programs.config(
            self.name, self.addresses,
            source={"user": self.name, "password_file": password_file, "server_id": server_id},
            kafka={"partitions": PARTITIONS, "topic.metadata.refresh.interval.ms": 1000},
            publish={"start": f"gtid:{self.database.start}"},
            tables={"include": f"{self.name}.*"}, apply={"workers": 2}, log={"level": "debug"})

    def configure(self):
        """Writes the configuration file, in one step: a program may be reading it, and another thread
        writing it. Returns its path."""
        path = self.folder / "tailrace.conf"
        new = self.folder / f"tailrace.conf.{threading.get_ident()}"
        os.replace(programs.write_config(new, self.options), path)
        return path

    # --- our programs ---------------------------------------------------------------------------

    def start(self, name, *arguments, environment=None):
        """Starts one of our programs with the configuration file; it is ended with the test."""
        label = f"{name}-{len(self.programs) + 1}"
        folder = CLIENTS[self.client] if name == "tailrace-publish" else ""
        command = [folder + name, "-c", self.configure(), *arguments]
        started = programs.Program(command, self.folder, label, environment).start()
        self.programs.append(started)
        return started

    def start_publisher(self, *arguments, **options):
        return self.start("tailrace-publish", *arguments, **options)

    def start_applier(self, name, *arguments, **options):
        return self.start(f"tailrace-apply-{name}", *arguments, **options)

    def publish(self, *arguments):
        """Publishes all that the binlog holds."""
        return expect(self.start_publisher("--until-caught-up", *arguments), 0)

    def apply(self, *names):
        """Applies all that the topics hold: both targets at the same time, or those named."""
        for started in [self.start_applier(name, "--until-caught-up") for name in names or APPLIERS]:
            expect(started, 0)

    def converge(self):
        """Publishes, applies, and compares the targets with the source."""
        self.publish()
        self.apply()
        self.assert_equal()

    def offsets(self, *arguments, code=0, answer=None):
        """`tailrace offsets …`; returns what it printed on both outputs."""
        return self.command("offsets", *arguments, code=code, answer=answer)

    def command(self, name, *arguments, code=0, answer=None):
        """`tailrace NAME …`; returns what it printed, with `code` on both outputs."""
        done = self._call(name, *arguments, answer=answer)
        assert done.returncode == code, done
        return done.stdout + done.stderr if code else done.stdout

    def _call(self, *arguments, answer=None):
        return subprocess.run([programs.binary("tailrace"), *arguments, "-c", self.configure()], input=answer,
                              text=True, capture_output=True, timeout=PATIENCE_S, check=False)

    def shown(self):
        """`offsets show --json` as a list of objects; asked again while Kafka cannot tell."""
        tries = 3
        while (done := self._call("offsets", "show", "--json")).returncode == TRY_AGAIN and tries > 1:
            tries -= 1
            time.sleep(1)
        assert done.returncode == 0, done
        return [json.loads(line) for line in done.stdout.splitlines()]

    def status(self, *ids):
        """`snapshot --status --json` as a list of objects."""
        printed = self.command("snapshot", "--status", "--json", *ids)
        return [json.loads(line) for line in printed.splitlines()]

    # --- what the servers say -------------------------------------------------------------------

    def compared(self, *targets, tables="*"):
        """The results of the comparison with the targets, by default both."""
        wanted = {name: address for name, address in self.addresses.items()
                  if name == "mysql" or name in (targets or APPLIERS)}
        return compare.compare(wanted, [f"{self.name}.{tables}"])

    def assert_equal(self, *targets, tables="*"):
        """Every table has the same content in the targets, value by value."""
        results = self.compared(*targets, tables=tables)
        assert all(result.equal() for result in results), "\n".join(compare.table_of(results))

    def is_equal(self, *targets):
        """For waiting: true once they agree, while the source is at rest."""
        return all(result.equal() for result in self.compared(*targets))

    def documents(self, table):
        return self.mongodb[self.name][table]

    def hash(self, table, *parts):
        """One Redis hash, as texts, without the guard."""
        key = ":".join([self.name, table, *map(str, parts)])
        return {field.decode(): value.decode() for field, value in self.redis.hgetall(key).items()
                if field != b"_tailrace"}

    def keys(self, pattern):
        return sorted(self.redis.scan_iter(match=pattern, count=1000))

    def places(self, applier):
        """What `offsets show --json` says of an applier: (table, partition) → object."""
        prefix = f"{self.name}.{self.name}."
        return {(item["topic"].removeprefix(prefix), item["partition"]): item
                for item in self.shown() if item.get("applier") == applier}

    def checkpoint(self):
        """The value of the publisher's newest checkpoint, or None."""
        if f"{self.name}.checkpoint" not in self.topics.names():
            return None
        found = [record.change() for record in self.topics.read("checkpoint", wait_for_open=False)
                 if record.keys() == {"kind": "checkpoint"}]
        return found[-1] if found else None

    def assert_nothing_written(self):
        """No topic, hence no checkpoint, and nothing in the targets."""
        assert self.topics.names() == []
        assert self.name not in self.mongodb.list_database_names()
        assert self.mongodb.tailrace.checkpoints.count_documents(self._checkpoints()) == 0
        assert self.keys(f"*{self.name}*") == []

    def close(self):
        """Ends what still runs and removes all that was made, but for the files in the folder."""
        for started in self.programs:
            started.end_gently()
        self.topics.remove()
        self.mongodb.drop_database(self.name)
        self.mongodb.tailrace.checkpoints.delete_many(self._checkpoints())
        self.mongodb.tailrace.tombstones.delete_many({"_id.db": self.name})
        self.mongodb.close()
        keys = self.redis.scan_iter(match=f"*{self.name}*", count=1000)
        while some := list(itertools.islice(keys, 1000)):
            self.redis.unlink(*some)
        self.redis.close()

    def _checkpoints(self):
        return {"_id.group": {"$regex": f"^{self.name}[.]"}}


def expect(started, code, patience_s=PATIENCE_S):
    """Waits until the program ends by itself, with this exit code; returns it."""
    if started.wait(patience_s) != code:
        raise started.failure(f"ended with {started.process.returncode}, not {code}")
    return started


def stop(started, code=0):
    """SIGTERM; it has to end with the code within a second."""
    begin = time.monotonic()
    ended_with = started.stop()
    seconds = time.monotonic() - begin
    if ended_with != code or seconds > 1:
        raise started.failure(f"ended with {ended_with}, {seconds:.2f} s after SIGTERM")
