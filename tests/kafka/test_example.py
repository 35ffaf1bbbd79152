"""The example configuration of the documentation, with the command, against Kafka itself."""

from __future__ import annotations

import os
import subprocess
import sysconfig
from pathlib import Path

from experimentframework_core.codec import decode_record
from experimentframework_kafka import KafkaOptions
from experimentframework_kafka._topics import all_topics, topic_of
from tests.docs.pages import docs
from tests.kafka._consumer import consume

EXAMPLE = docs / "examples/kafka.yaml"
EVENTS = docs / "examples/events.ndjson"


def _run(brokers: str, folder: Path, *arguments: str) -> str:
    command = Path(sysconfig.get_path("scripts")) / "experimentframework"
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "KAFKA_BROKERS": brokers,
        "KAFKA_REPLICAS": "1",
        "EVENTS_BUFFER": str(folder / "buffer"),
        "EXPERIMENTFRAMEWORK_STATE": str(folder),
    }
    done = subprocess.run(
        [command, *arguments], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_what_publish_sends_is_in_the_topics_of_the_example(brokers: str, tmp_path: Path) -> None:
    """Given the example, When the example's events are published, Then each is in its topic."""
    options = KafkaOptions(brokers=brokers, topics={"exposure": "shop-exposures"})

    _run(brokers, tmp_path, "publish", str(EVENTS), "--config", str(EXAMPLE))

    topics = {
        record.event_id: (topic, topic_of(record.event_type, options))
        for topic in all_topics(options)
        for record in (decode_record(seen.value) for seen in consume(brokers, topic))
    }
    assert len(topics) >= len(EVENTS.read_text().splitlines())
    assert [found for found, expected in topics.values() if found != expected] == []


def test_doctor_finds_the_cluster_well(brokers: str, tmp_path: Path) -> None:
    """Given the example, When doctor looks, Then the cluster and its topics are well."""
    report = _run(brokers, tmp_path, "doctor", "--config", str(EXAMPLE))

    assert "kafka" in report
