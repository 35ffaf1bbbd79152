"""Apache Kafka in a container, where a Docker engine is."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from tests.peers.kafka_java import version, wait_until_it_answers
from tests.peers.ports import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator

image: Final = f"apache/kafka:{version}"
PORT: Final = 9092


def environment(port: int) -> dict[str, str]:
    """Return the settings of one node that clients of this machine reach at ``port``."""
    return {
        "KAFKA_NODE_ID": "1",
        "KAFKA_PROCESS_ROLES": "broker,controller",
        "KAFKA_CONTROLLER_QUORUM_VOTERS": "1@localhost:9093",
        "KAFKA_CONTROLLER_LISTENER_NAMES": "CONTROLLER",
        "KAFKA_LISTENERS": f"PLAINTEXT://:{PORT},CONTROLLER://:9093",
        "KAFKA_ADVERTISED_LISTENERS": f"PLAINTEXT://127.0.0.1:{port}",
        "KAFKA_LISTENER_SECURITY_PROTOCOL_MAP": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT",
        "KAFKA_NUM_PARTITIONS": "3",
        "KAFKA_AUTO_CREATE_TOPICS_ENABLE": "false",
        "KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR": "1",
        "KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR": "1",
        "KAFKA_TRANSACTION_STATE_LOG_MIN_ISR": "1",
        "KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS": "0",
    }


@contextmanager
def docker_broker() -> Iterator[str]:
    """Yield where a broker in a container of its own listens; it goes with the container."""
    from testcontainers.core.container import DockerContainer

    port = free_port()
    container = DockerContainer(image).with_envs(**environment(port)).with_bind_ports(PORT, port)
    with container:
        brokers = f"127.0.0.1:{port}"
        wait_until_it_answers(brokers)
        yield brokers
