"""The example configuration of the documentation, with the command, against Kafka itself."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

from experimentframework_core.codec import decode_record
from experimentframework_kafka._topics import all_topics, topic_of
from tests.kafka._consumer import consume
from tests.kafka._example import COMMAND, EXAMPLE, OPTIONS, environment, recent_events

if TYPE_CHECKING:
    from pathlib import Path


def _run(brokers: str, folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        [COMMAND, *arguments, "--config", str(EXAMPLE)],
        env=environment(brokers, folder),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_what_publish_sends_is_in_the_topics_of_the_example(brokers: str, tmp_path: Path) -> None:
    """Given the example, When the example's events are published, Then each is in its topic."""
    events = recent_events(tmp_path)

    _run(brokers, tmp_path, "publish", str(events))

    topics = {
        record.event_id: (topic, topic_of(record.event_type, OPTIONS))
        for topic in all_topics(OPTIONS)
        for record in (decode_record(seen.value) for seen in consume(brokers, topic))
    }
    assert len(topics) >= len(events.read_text().splitlines())
    assert [found for found, expected in topics.values() if found != expected] == []


def test_doctor_finds_the_cluster_well(brokers: str, tmp_path: Path) -> None:
    """Given the example, When doctor looks, Then the cluster and its topics are well."""
    report = _run(brokers, tmp_path, "doctor")

    assert "kafka" in report
