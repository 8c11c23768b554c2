"""A Kafka broker in KRaft mode on loopback: topics, records, and the bytes that they take on its disk."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .cache import folder as cached
from .ports import free_ports
from .program import Program

_CLASSES = cached("kafka") / "libs" / "*"
_QUIET = {"log_level": 0, "broker.address.family": "v4"}
_CONFIGURATION = """
process.roles=broker,controller
node.id=1
controller.quorum.bootstrap.servers=127.0.0.1:{controller}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
log.dirs={folder}/data
auto.create.topics.enable=false
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
"""


@dataclass(frozen=True)
class Broker:
    """A running broker."""

    address: str
    folder: Path
    program: Program

    def create(self, topic: str, partitions: int) -> None:
        """Make a topic."""
        from confluent_kafka.admin import AdminClient, NewTopic

        admin = AdminClient({"bootstrap.servers": self.address, **_QUIET})  # type: ignore[dict-item]
        for made in admin.create_topics([NewTopic(topic, partitions, 1)]).values():
            made.result(30)

    def records(self, topic: str, timeout: float = 30.0) -> list[tuple[int, bytes | None, bytes]]:
        """Return partition, key and value of every record that is in a topic now."""
        from confluent_kafka import Consumer, TopicPartition

        settings: dict[str, Any] = {"bootstrap.servers": self.address, "group.id": "test", "enable.auto.commit": False}
        consumer = Consumer({**settings, **_QUIET})
        found: list[tuple[int, bytes | None, bytes]] = []
        try:
            partitions = list(consumer.list_topics(topic, timeout=30).topics[topic].partitions)
            ends = {
                each: consumer.get_watermark_offsets(TopicPartition(topic, each), timeout=30) for each in partitions
            }
            waiting = {each: high for each, (low, high) in ends.items() if high > low}
            consumer.assign([TopicPartition(topic, each, ends[each][0]) for each in waiting])
            end = time.monotonic() + timeout
            while waiting and time.monotonic() < end:
                record = consumer.poll(0.5)
                if record is None or record.error() is not None:
                    continue
                found.append((record.partition(), record.key(), record.value()))
                if record.offset() + 1 >= waiting[record.partition()]:
                    del waiting[record.partition()]
        finally:
            consumer.close()
        return found

    def lag(self, topic: str, group: str) -> int:
        """Return how many records of a topic a consumer group has yet to commit."""
        from confluent_kafka import Consumer, TopicPartition

        consumer = Consumer(
            {"bootstrap.servers": self.address, "group.id": group, "enable.auto.commit": False, **_QUIET}
        )
        try:
            known = consumer.list_topics(topic, timeout=30).topics[topic].partitions
            behind = 0
            for each in consumer.committed([TopicPartition(topic, number) for number in known], timeout=30):
                low, high = consumer.get_watermark_offsets(each, timeout=30)
                behind += high - max(each.offset, low)
            return behind
        finally:
            consumer.close()

    def end(self, topic: str) -> int:
        """Return how many records a topic has had."""
        from confluent_kafka import Consumer, TopicPartition

        consumer = Consumer({"bootstrap.servers": self.address, "group.id": "test", **_QUIET})
        try:
            partitions = consumer.list_topics(topic, timeout=30).topics[topic].partitions
            return sum(
                consumer.get_watermark_offsets(TopicPartition(topic, each), timeout=30)[1] for each in partitions
            )
        finally:
            consumer.close()

    def bytes_on_disk(self, topic: str) -> int:
        """Return the size of a topic's segments."""
        return sum(each.stat().st_size for each in self.folder.glob(f"data/{topic}-*/*.log"))


@contextmanager
def running_broker(folder: Path) -> Iterator[Broker]:
    """Yield a broker without topics that keeps its records in *folder*."""
    port, controller = free_ports(2)
    configuration = folder / "server.properties"
    configuration.write_text(_CONFIGURATION.format(port=port, controller=controller, folder=folder))
    java = ["java", "-Xmx512m", "-cp", str(_CLASSES)]
    storage = [*java, "kafka.tools.StorageTool", "format", "--standalone", "--cluster-id", "4L6g3nShT-eMCtK--X86sw"]
    subprocess.run([*storage, "--config", str(configuration)], check=True, capture_output=True, timeout=120)
    command = [*java, "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "kafka.Kafka", str(configuration)]
    program = Program(command, folder, lambda: _listens(port))
    with program:
        yield Broker(f"127.0.0.1:{port}", folder, program)


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True
