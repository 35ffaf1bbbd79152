"""`tail` shows what the documentation's example has published to Kafka itself."""

from __future__ import annotations

import shlex
import signal
import subprocess
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from experimentframework_core.codec import decode_record
from tests.kafka._example import COMMAND, EXAMPLE, environment, recent_events, sent

if TYPE_CHECKING:
    from pathlib import Path

TODAY = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
SINCE = TODAY - timedelta(days=3)
"""Before all events of these tests; older ones may be removed while a test looks at them."""


@pytest.fixture(scope="module")
def events(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a file with the example's events."""
    return recent_events(tmp_path_factory.mktemp("events"))


def _run(brokers: str, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [COMMAND, *arguments],
        env=environment(brokers, folder),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done


def _publish(brokers: str, folder: Path, events: Path) -> int:
    """Publish the events and return how many they are."""
    _run(brokers, folder, "publish", str(events), "--config", str(EXAMPLE))
    return len(events.read_text().splitlines())


def _tail(*options: str) -> list[str]:
    return ["tail", "--config", str(EXAMPLE), "--json", *options]


def test_the_same_events_are_read_back(brokers: str, tmp_path: Path, events: Path) -> None:
    """Given published events, When tail reads them, Then they are those of the topics."""
    published = _publish(brokers, tmp_path, events)

    read = _run(brokers, tmp_path, *_tail("--since", f"{SINCE:%Y-%m-%d}")).stdout.splitlines()

    assert len(read) >= published
    assert sorted(read) == sorted(each.body.decode() for each in sent(brokers, SINCE))


def test_the_latest_of_all_partitions_are_shown(brokers: str, tmp_path: Path, events: Path) -> None:
    """Given events in many partitions, When the last are shown, Then they are so by time."""
    _publish(brokers, tmp_path, events)

    read = _run(brokers, tmp_path, *_tail("--last", "25")).stdout.splitlines()

    times = sorted(each.timestamp for each in sent(brokers, SINCE))
    assert [decode_record(line.encode()).timestamp for line in read] == times[-25:]


def test_what_is_published_meanwhile_is_followed(
    brokers: str, tmp_path: Path, events: Path
) -> None:
    """Given a tail that follows from a checkpoint, When events come, Then each is shown once."""
    _publish(brokers, tmp_path, events)
    checkpoint = shlex.split(_run(brokers, tmp_path, *_tail("--last", "0")).stderr)[-1]

    with subprocess.Popen(
        [COMMAND, *_tail("--follow", "--from", checkpoint)],
        env=environment(brokers, tmp_path),
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
