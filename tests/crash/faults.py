# SPDX-License-Identifier: Apache-2.0
"""The faults of the storm. Each is one entry of FAULTS: a weight, and a generator that does harm, yields for
how many seconds it lasts, and undoes it. Which one comes when is the storm's random sequence."""

from tests.crash.cluster import NODES

SESSION_S = 2  # session.timeout.ms of the storm's consumer groups
TRANSACTION_S = 4  # transaction.timeout.ms of its publisher
LONG_S = (5, 7)  # longer than both, and than the limits of MongoDB's and Redis's clients
SHORT_S = (0.2, 2)


class Faults:
    """Does them to a Cluster and a Supervisor; `tell` logs. `is_fenced`: Kafka fences an older publisher."""

    def __init__(self, cluster, supervisor, rng, tell, is_fenced=True):
        self.cluster, self.supervisor, self.rng, self.tell = cluster, supervisor, rng, tell
        self.is_fenced = is_fenced
        self.done = {}
        self.running = []  # [until, generator]
        self.busy = set()  # nodes and processes that a fault has in hand

    def begin(self, now):
        """One more fault."""
        names = list(FAULTS)
        name = self.rng.choices(names, [FAULTS[one][0] for one in names])[0]
        self._go_on(FAULTS[name][1](self), now, name)

    def step(self, now):
        """Undoes what has lasted long enough."""
        for until, fault, name in list(self.running):
            if until <= now:
                self.running.remove((until, fault, name))
                self._go_on(fault, now, name)

    def end(self):
        """Undoes all of them."""
        for _, fault, _ in self.running:
            for _ in fault:
                pass
        self.running = []

    def _go_on(self, fault, now, name):
        lasts_s = next(fault, None)
        if lasts_s is None:
            return
        self.done[name] = self.done.get(name, 0) + 1
        self.running.append((now + lasts_s, fault, name))

    def _choose(self, names):
        """One that no fault has in hand; None: there is none."""
        free = [name for name in names if name not in self.busy]
        return self.rng.choice(free) if free else None

    def _during(self, name, what, lasts_s, undo):
        """The body of most faults."""
        self.busy.add(name)
        self.tell(f"{what} {name} for {lasts_s:.1f} s")
        yield lasts_s
        undo()
        self.tell(f"{name} is back ({what})")
        self.busy.discard(name)

    # --- our processes --------------------------------------------------------------------------

    def kill_ours(self):
        """kill -9; the supervisor starts it again."""
        label = self._choose(self.supervisor.labels())
        if label:
            self.supervisor.kill(label)
            yield from self._during(label, "kill", 0, lambda: None)

    def kill_all_ours(self):
        for label in self.supervisor.labels():
            if label not in self.busy:
                self.supervisor.kill(label)
        yield from self._during("all", "kill", 0, lambda: None)

    def stop_ours(self):
        label = self._choose(self.supervisor.labels())
        if label:
            self.supervisor.stop(label)
            lasts_s = self.rng.uniform(*self.rng.choice((SHORT_S, LONG_S, LONG_S)))
            yield from self._during(label, "stop", lasts_s, lambda: self.supervisor.go_on(label))

    def second_publisher(self):
        """Under the same name: one of the two has to go. At least once, one that was stopped sends what is in
        its queue when it wakes up, before it can see the other (docs/operating.md, "Hot standby")."""
        running = self.supervisor.labels("publish")
        if len(running) == 1 and running[0] not in self.busy:
            label = "publish-b" if running[0] == "publish-a" else "publish-a"
            if self.rng.random() < 0.5 and self.is_fenced:  # the first one does not see it coming
                self.supervisor.stop(running[0])
            self.supervisor.add(label, "tailrace-publish")
            yield from self._during(running[0], "second publisher beside", self.rng.uniform(2, 6),
                                    lambda: self.supervisor.go_on(running[0]))

    # --- servers --------------------------------------------------------------------------------

    def kill_server(self):
        name = self._choose(self.cluster.nodes)
        if name:
            self.cluster.nodes[name].kill()
            yield from self._during(name, "kill", self.rng.uniform(0, 4), self.cluster.nodes[name].start)

    def kill_servers(self):
        """Two or three at once."""
        names = [name for name in self.cluster.nodes if name not in self.busy]
        names = self.rng.sample(names, min(len(names), self.rng.choice((2, 3))))
        for name in names:
            self.cluster.nodes[name].kill()
        self.busy.update(names)
        self.tell(f"kill {' and '.join(names)}")
        yield self.rng.uniform(0.5, 4)
        for name in names:
            self.cluster.nodes[name].start()
        self.busy.difference_update(names)

    def stop_server(self):
        name = self._choose(self.cluster.nodes)
        if name:
            self.cluster.nodes[name].stop()
            lasts_s = self.rng.uniform(*self.rng.choice((SHORT_S, LONG_S)))
            yield from self._during(name, "stop", lasts_s, self.cluster.nodes[name].go_on)

    def kill_kafka(self):
        """Both brokers: nobody coordinates anything."""
        if not self.busy.intersection(NODES["kafka"]):
            for name in NODES["kafka"]:
                self.cluster.nodes[name].kill()
            self.busy.update(NODES["kafka"])
            self.tell("kill both brokers")
            yield self.rng.uniform(0, TRANSACTION_S + 2)
            for name in NODES["kafka"]:
                self.cluster.nodes[name].start()
            self.busy.difference_update(NODES["kafka"])

    def lose_redis(self):
        """As when the machine loses its power: the last writes are gone, with their checkpoints."""
        if "redis" not in self.busy:
            node = self.cluster.nodes["redis"]
            node.kill()
            lost = _cut_end(node.directory / "data/appendonlydir", self.rng.randrange(1, 300_000))
            yield from self._during("redis", f"kill, and lose {lost} bytes of,", self.rng.uniform(0, 3),
                                    node.start)

    # --- the network ----------------------------------------------------------------------------

    def harm_network(self):
        name = self._choose(self.cluster.nodes)
        if not name:
            return
        lasts_s = self.rng.uniform(*self.rng.choice((SHORT_S, LONG_S)))
        what = self.rng.choice((("cut",), ("close",), ("refuse",), ("hold",), ("mute",),
                                ("delay", self.rng.choice((20, 200, 1000))),
                                ("cut-after", self.rng.randrange(200_000)),
                                ("cut-after", self.rng.randrange(5_000)),
                                ("rate", self.rng.choice((5_000, 50_000)))))
        self.cluster.harm(name, *what)
        if what[0] in ("hold", "mute") and self.rng.random() < 0.5:
            undo = ("cut", "pass")  # what was held back is lost
        else:
            undo = ("pass",)
        yield from self._during(name, "network " + " ".join(map(str, what)), lasts_s,
                                lambda: [self.cluster.harm(name, command) for command in undo])


def _cut_end(directory, n):
    """Cuts up to n bytes off the newest incremental file; returns how many."""
    files = sorted(directory.glob("*.incr.aof"), key=lambda path: path.stat().st_mtime)
    if not files:
        return 0
    size = files[-1].stat().st_size
    with open(files[-1], "ab") as file:
        file.truncate(max(0, size - n))
    return min(size, n)


FAULTS = {
    "kill a process": (6, Faults.kill_ours),
    "kill all processes": (1, Faults.kill_all_ours),
    "stop a process": (4, Faults.stop_ours),
    "second publisher": (2, Faults.second_publisher),
    "kill a server": (4, Faults.kill_server),
    "kill servers": (1, Faults.kill_servers),
    "stop a server": (3, Faults.stop_server),
    "kill Kafka": (1, Faults.kill_kafka),
    "lose Redis's last writes": (1, Faults.lose_redis),
    "network": (8, Faults.harm_network),
}
