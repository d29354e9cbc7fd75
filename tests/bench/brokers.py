# SPDX-License-Identifier: Apache-2.0
"""What an operator can turn in Kafka's brokers while they run."""

from confluent_kafka.admin import AdminClient, ConfigResource

VERIFICATION = "transaction.partition.verification.enable"


def verify_partitions(bootstrap, enable):
    """Whether each broker asks the transaction's coordinator before a partition's first record in a
    transaction, which is Kafka's default."""
    admin = AdminClient({"bootstrap.servers": bootstrap})
    for broker in admin.list_topics(timeout=10).brokers:
        setting = ConfigResource(ConfigResource.Type.BROKER, str(broker),
                                 set_config={VERIFICATION: str(enable).lower()})
        for done in admin.alter_configs([setting]).values():
            done.result()
