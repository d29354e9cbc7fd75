# SPDX-License-Identifier: Apache-2.0
"""A Kafka broker that slept while another one was chosen takes itself for the leader until it hears of that, and
tells old ends. Here it does not hear of it for seconds, as the controller sleeps when it wakes up."""

import json
import time
from contextlib import ExitStack

import pytest

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient, NewTopic

from tests.integration import load, wait
from tests.integration.load import assert_each_change_once
from tests.integration.pipeline import expect, stop
from tests.lib import stack

A, B = 2, 3  # node.id of the two brokers
STALE_S = 3

pytestmark = pytest.mark.own("kafka")


class Brokers:
    """Both, and who leads what."""

    def __init__(self, pipeline):
        self.a, self.b = stack.address("kafka-a"), stack.address("kafka-b")
        self.pipeline = pipeline
        self.admin = AdminClient({"bootstrap.servers": self.a, "socket.timeout.ms": 2000})

    def create_led_by_b(self, topic):
        made = self.admin.create_topics([NewTopic(topic, 1, replica_assignment=[[B, A]],
                                                  config={"cleanup.policy": "compact"})])
        made[topic].result(30)

    def partitions(self):
        """(topic, partition) → leader and those in sync, also of Kafka's own topics; {} while none tells, as
        the client may ask the broker that sleeps."""
        try:
            topics = self.admin.list_topics(timeout=2).topics
        except KafkaException:
            return {}
        return {(name, number): (partition.leader, partition.isrs)
                for name, topic in topics.items() for number, partition in topic.partitions.items()
                if name.startswith((self.pipeline.name, "__"))}

    def _wait(self, condition, what):
        """Until condition(leader, in sync) holds of all; returns the partitions."""
        def found():
            partitions = self.partitions()
            return partitions if all(condition(*state) for state in partitions.values()) else None
        return wait.until(found, what)

    def wait_until_a_leads_all(self):
        self._wait(lambda leader, _: leader == A, "a to lead everything")

    def give_back_to_b(self):
        """What b is to lead of our topics, not of Kafka's own: the coordinators stay with a."""
        partitions = self._wait(lambda _, in_sync: len(in_sync) == 2, "b to be in sync")
        ours = [{"topic": topic, "partition": number} for topic, number in partitions if not topic.startswith("__")]
        path = self.pipeline.folder / "partitions.json"
        path.write_text(json.dumps({"partitions": ours}))
        stack.call("kafka-tool", "org.apache.kafka.tools.LeaderElectionCommand", "--bootstrap-server", self.a,
                   "--election-type", "preferred", "--path-to-json-file", str(path))
        led_by_b = wait.until(lambda: [place for place, (leader, _) in self.partitions().items() if leader == B],
                              "b to lead")
        assert (f"{self.pipeline.name}.checkpoint", 0) in led_by_b
        assert f"{self.pipeline.name}.{self.pipeline.name}.t" in {topic for topic, _ in led_by_b}


def test_standby_when_a_broker_goes_as_well(pipeline, database, figures):
    """A host is gone with a publisher and with the broker that led its checkpoint: nobody says that it is."""
    brokers = Brokers(pipeline)
    pipeline.options["kafka"]["replication"] = 2
    pipeline.options["publish"]["checkpoint_time"] = "500ms"
    brokers.create_led_by_b(f"{pipeline.name}.checkpoint")
    load.create(database, 40)
    first = pipeline.start_publisher("--standby")
    first.wait_for("started")
    second = pipeline.start_publisher("--standby")
    second.wait_for("standing by")
    time.sleep(1)
    with stack.asleep("kafka-b"):
        first.kill()
        begin = time.monotonic()
        database.sql("UPDATE t SET n = n + 1")
        second.wait_for("caught up", timeout=60)
        figures(f"takes over {time.monotonic() - begin:.0f} s after")
    stop(second)
    pipeline.publish()
    assert_each_change_once(pipeline)


@pytest.mark.parametrize("delivery", ["exactly-once", "at-least-once"])
def test_leader_that_slept(pipeline, database, delivery):
    brokers = Brokers(pipeline)
    pipeline.options["kafka"] |= {"replication": 2, "bootstrap.servers": brokers.a}
    pipeline.options["publish"]["delivery"] = delivery
    brokers.create_led_by_b(f"{pipeline.name}.checkpoint")
    load.create(database, 40)
    pipeline.publish()
    pipeline.apply("redis")
    with stack.asleep("kafka-b"):
        brokers.wait_until_a_leads_all()
    brokers.give_back_to_b()
    with ExitStack() as b_asleep:
        b_asleep.enter_context(stack.asleep("kafka-b"))
        brokers.wait_until_a_leads_all()
        database.sql("UPDATE t SET n = n + 1")
        pipeline.publish()
        pipeline.apply("redis")
        database.sql("UPDATE t SET n = n + 1")
        with stack.asleep("kafka-controller"):
            b_asleep.close()
            pipeline.options["kafka"]["bootstrap.servers"] = brokers.b
            publisher, applier = pipeline.start_publisher("--until-caught-up"), pipeline.start_applier("redis")
            time.sleep(STALE_S)
    expect(publisher, 0)
    assert_each_change_once(pipeline)
    wait.until(lambda: pipeline.is_equal("redis"), "redis to be equal")
    stop(applier)
