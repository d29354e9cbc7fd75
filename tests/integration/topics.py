# SPDX-License-Identifier: Apache-2.0
"""Kafka's side: reads topics with confluent_kafka, and computes a second time what a record's partition and
checksum have to be."""

import json
from dataclasses import dataclass

from confluent_kafka import (OFFSET_BEGINNING, OFFSET_END, Consumer, KafkaError, KafkaException, Producer,
                             TopicPartition)
from confluent_kafka.admin import AdminClient, ConfigResource, NewTopic

from tests.integration import wait

PATIENCE_S = 30
LEADER_CHANGES = (KafkaError.NOT_LEADER_FOR_PARTITION, KafkaError.LEADER_NOT_AVAILABLE,
                  KafkaError._TIMED_OUT)  # the one who is asked is gone


@dataclass(frozen=True)
class Record:
    """One record as it lies in Kafka; `value` None is a tombstone."""

    topic: str
    partition: int
    offset: int
    timestamp_ms: int
    key: bytes
    value: bytes
    headers: dict

    def keys(self):
        """The key's columns."""
        return json.loads(self.key)

    def change(self):
        """The envelope."""
        return json.loads(self.value)

    def row(self):
        """The row's new image; of a delete the old one."""
        change = self.change()
        return change["after"] or change["before"]


class Topics:
    """All topics of one source: those that begin with `name` and a dot."""

    def __init__(self, bootstrap, name):
        self.bootstrap, self.name = bootstrap, name
        self.admin = AdminClient({"bootstrap.servers": bootstrap})

    def metadata(self):
        """name → TopicMetadata."""
        found = self.admin.list_topics(timeout=PATIENCE_S).topics
        return {topic: data for topic, data in found.items() if topic.startswith(self.name + ".")}

    def without_leader(self, suffix):
        """The partitions that have none now; None while no broker tells."""
        try:
            partitions = self.admin.list_topics(timeout=2).topics[f"{self.name}.{suffix}"].partitions
        except KafkaException:
            return None
        return [number for number, partition in partitions.items() if partition.leader < 0]

    def names(self):
        return sorted(self.metadata())

    def create(self, suffix, partitions, **settings):
        """Creates the topic NAME.SUFFIX and waits until it is there; settings with _ for the dots."""
        name = f"{self.name}.{suffix}"
        topic = NewTopic(name, partitions, 1, config={key.replace("_", "."): str(value)
                                                      for key, value in settings.items()})
        self.admin.create_topics([topic])[name].result(PATIENCE_S)
        wait.until(lambda: name in self.metadata(), f"topic {name}")

    def make_anew(self, suffix):
        """Deletes the topic NAME.SUFFIX and creates it again, with as many partitions."""
        name = f"{self.name}.{suffix}"
        partitions = len(self.metadata()[name].partitions)
        self.admin.delete_topics([name], operation_timeout=PATIENCE_S)[name].result(PATIENCE_S)
        wait.until(lambda: name not in self.metadata(), f"no topic {name}")
        self.create(suffix, partitions)

    def setting(self, suffix, key):
        """One configuration entry of a topic."""
        resource = ConfigResource("topic", f"{self.name}.{suffix}")
        return self.admin.describe_configs([resource])[resource].result(PATIENCE_S)[key].value

    def set(self, suffix, key, value):
        """Sets one configuration entry of a topic, and no other."""
        resource = ConfigResource("topic", f"{self.name}.{suffix}", set_config={key: str(value)})
        self.admin.alter_configs([resource])[resource].result(PATIENCE_S)

    def remove(self):
        """Deletes all of them. Groups without offsets vanish by themselves."""
        names = self.names()
        if names:
            for future in self.admin.delete_topics(names, operation_timeout=PATIENCE_S).values():
                future.result(PATIENCE_S)

    def table(self, table, **options):
        """All records of a table's topic; source and schema have the same name."""
        return self.read(f"{self.name}.{table}", **options)

    def read(self, suffix, isolation="read_committed", wait_for_open=True):
        """All records of the topic NAME.SUFFIX that are there now, by partition and offset. What was
        committed just now may not be visible yet, so by default open transactions are waited for."""
        return self.read_several([suffix], isolation, wait_for_open)

    def read_several(self, suffixes, isolation="read_committed", wait_for_open=True):
        """The same for several topics, one behind the other."""
        known = self.metadata()
        names = [f"{self.name}.{suffix}" for suffix in suffixes]
        for name in names:
            assert name in known, f"there is no topic {name}, but {self.names()}"
        places = [(name, number) for name in names for number in known[name].partitions]
        consumer = Consumer({"bootstrap.servers": self.bootstrap, "group.id": f"{self.name}.test",
                             "enable.auto.commit": False, "enable.partition.eof": True,
                             "isolation.level": isolation, "check.crcs": True,
                             "fetch.wait.max.ms": 10, "fetch.error.backoff.ms": 10})
        try:
            consumer.assign([TopicPartition(*place, OFFSET_BEGINNING) for place in places])
            return sorted(_read_to_end(consumer, self._ends(places) if wait_for_open else
                                       dict.fromkeys(places, 0)),
                          key=lambda record: (record.topic, record.partition, record.offset))
        finally:
            consumer.close()

    def damage(self, suffix, key):
        """Sends the last record of the key once more, into its partition, with a byte more in its
        value and the checksum as it was."""
        record = [record for record in self.read(suffix) if record.key == key and record.value][-1]
        value = record.value.replace(b'"query":null', b'"query":null ')
        producer = Producer({"bootstrap.servers": self.bootstrap})
        producer.produce(record.topic, key=key, value=value, partition=record.partition,
                         headers=list(record.headers.items()))
        assert producer.flush(PATIENCE_S) == 0

    def _ends(self, places):
        """(topic, partition) → offset behind its last record, committed or not. Asked again where a leader
        has just changed, by another client, as one keeps in mind who led a partition."""
        def ask():
            consumer = Consumer({"bootstrap.servers": self.bootstrap, "group.id": f"{self.name}.test",
                                 "isolation.level": "read_uncommitted"})
            try:
                return _ask_ends(consumer, places)
            finally:
                consumer.close()
        return wait.until(ask, f"the ends of {places}")

    def changes(self, suffix):
        """All envelopes, tombstones left out."""
        return [record.change() for record in self.read(suffix) if record.value is not None]


def _ask_ends(consumer, places):
    """None where a leader does not tell now."""
    try:
        found = consumer.offsets_for_times([TopicPartition(*place, OFFSET_END) for place in places], PATIENCE_S)
    except KafkaException as error:
        if error.args[0].code() not in LEADER_CHANGES:
            raise
        return None
    for place in found:
        if place.error and place.error.code() not in LEADER_CHANGES:
            raise KafkaException(place.error)
    is_told = all(not place.error and place.offset >= 0 for place in found)
    return {(place.topic, place.partition): place.offset for place in found} if is_told else None


def _read_to_end(consumer, ends):
    ended = set()
    while len(ended) < len(ends):
        message = consumer.poll(PATIENCE_S)
        assert message is not None, "Kafka says nothing"
        if not message.error():
            yield Record(message.topic(), message.partition(), message.offset(),
                         message.timestamp()[1], message.key(), message.value(),
                         {name: value.decode() for name, value in message.headers() or []})
        elif message.error().code() == KafkaError._PARTITION_EOF:
            place = message.topic(), message.partition()
            if message.offset() >= ends[place]:
                ended.add(place)
        else:
            raise AssertionError(str(message.error()))


def by_key(records):
    """key bytes → its records in their order."""
    found = {}
    for record in records:
        found.setdefault(record.key, []).append(record)
    return found


def murmur2_partition(key, partitions):
    """The partition that Kafka's Java client chooses for a key."""
    return (_murmur2(key) & 0x7FFFFFFF) % partitions


def _murmur2(data):
    mask, multiplier = 0xFFFFFFFF, 0x5BD1E995
    hashed = (0x9747B28C ^ len(data)) & mask
    whole = len(data) & ~3
    for at in range(0, whole, 4):
        word = int.from_bytes(data[at:at + 4], "little") * multiplier & mask
        word = (word ^ word >> 24) * multiplier & mask
        hashed = (hashed * multiplier & mask) ^ word
    if data[whole:]:
        hashed = (hashed ^ int.from_bytes(data[whole:], "little")) * multiplier & mask
    hashed = (hashed ^ hashed >> 13) * multiplier & mask
    return hashed ^ hashed >> 15


def crc32c(data):
    """CRC-32C (Castagnoli), bit by bit."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF
