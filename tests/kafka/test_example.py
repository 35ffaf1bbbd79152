"""The example configuration of the documentation, with the command, against Kafka itself."""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sysconfig
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from experimentframework_core.codec import decode_record
from experimentframework_kafka import KafkaOptions
from experimentframework_kafka._topics import all_topics, topic_of
from tests.docs.pages import docs
from tests.kafka._consumer import consume

EXAMPLE = docs / "examples/kafka.yaml"
OPTIONS = KafkaOptions(brokers="-", topics={"exposure": "shop-exposures"})
COMMAND = Path(sysconfig.get_path("scripts")) / "experimentframework"


@pytest.fixture(scope="module")
def events(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the example's events as if they had happened yesterday.

    The example's topics keep events for some days by the events' own times.
    """
    text = (docs / "examples/events.ndjson").read_text()
    path = tmp_path_factory.mktemp("events") / "events.ndjson"
    yesterday = datetime.now(UTC) - timedelta(days=1)
    path.write_text(re.sub(r"2026-03-02(?=T)", f"{yesterday:%Y-%m-%d}", text))
    return path


def _run(brokers: str, folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        [COMMAND, *arguments],
        env=_environment(brokers, folder),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def _environment(brokers: str, folder: Path) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "KAFKA_BROKERS": brokers,
        "KAFKA_REPLICAS": "1",
        "EVENTS_BUFFER": str(folder / "buffer"),
        "EXPERIMENTFRAMEWORK_STATE": str(folder),
    }


def _publish(brokers: str, folder: Path, events: Path) -> int:
    """Publish the events and return how many they are."""
    _run(brokers, folder, "publish", str(events), "--config", str(EXAMPLE))
    return len(events.read_text().splitlines())


def _sent(brokers: str) -> list[tuple[str, bytes]]:
    """Return what is in the example's topics, each event with its topic."""
    topics = all_topics(OPTIONS)
    return [(topic, seen.value) for topic in topics for seen in consume(brokers, topic)]


def test_what_publish_sends_is_in_the_topics_of_the_example(
    brokers: str, tmp_path: Path, events: Path
) -> None:
    """Given the example, When the example's events are published, Then each is in its topic."""
    published = _publish(brokers, tmp_path, events)

    sent = [(topic, decode_record(body)) for topic, body in _sent(brokers)]

    assert len(sent) >= published
    assert [topic for topic, record in sent if topic != topic_of(record.event_type, OPTIONS)] == []


def test_doctor_finds_the_cluster_well(brokers: str, tmp_path: Path) -> None:
    """Given the example, When doctor looks, Then the cluster and its topics are well."""
    report = _run(brokers, tmp_path, "doctor", "--config", str(EXAMPLE))

    assert "kafka" in report


def _tail(*options: str) -> list[str]:
    return ["tail", "--config", str(EXAMPLE), "--json", *options]


def test_tail_reads_the_same_events_back(brokers: str, tmp_path: Path, events: Path) -> None:
    """Given published events, When tail reads them all, Then they are those of the topics."""
    published = _publish(brokers, tmp_path, events)

    read = _run(brokers, tmp_path, *_tail("--all")).splitlines()

    assert len(read) >= published
    assert sorted(read) == sorted(body.decode() for _, body in _sent(brokers))


def test_tail_shows_the_latest_of_all_partitions(
    brokers: str, tmp_path: Path, events: Path
) -> None:
    """Given events in many partitions, When the last are shown, Then they are so by time."""
    _publish(brokers, tmp_path, events)

    read = _run(brokers, tmp_path, *_tail("--last", "25")).splitlines()

    times = sorted(decode_record(body).timestamp for _, body in _sent(brokers))
    assert [decode_record(line.encode()).timestamp for line in read] == times[-25:]


def test_tail_follows_what_is_published(brokers: str, tmp_path: Path, events: Path) -> None:
    """Given a tail that follows from a checkpoint, When events come, Then each is shown once."""
    _publish(brokers, tmp_path, events)
    environment = _environment(brokers, tmp_path)
    end = subprocess.run(
        [COMMAND, *_tail("--last", "0")],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    checkpoint = shlex.split(end.stderr)[-1]

    with subprocess.Popen(
        [COMMAND, *_tail("--follow", "--from", checkpoint)],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        published = _publish(brokers, tmp_path, events)
        lines = [process.stdout.readline() for _ in range(published)]
        process.send_signal(signal.SIGINT)
        rest, ended = process.communicate()

    identities = {decode_record(line.encode()).event_id for line in lines}
    assert (len(identities), rest, process.returncode) == (published, "", 130)
    assert "Go on from here with --from" in ended
