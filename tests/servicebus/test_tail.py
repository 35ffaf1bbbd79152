"""`tail` shows what the documentation's example has published, while a consumer has it."""

from __future__ import annotations

import shlex
import signal
import subprocess
from typing import TYPE_CHECKING

import pytest

from experimentframework_core.codec import decode_record
from tests.servicebus._example import (
    COMMAND,
    EVENTS,
    EXAMPLE,
    SUBSCRIPTION,
    TOPIC,
    define,
    environment,
)

if TYPE_CHECKING:
    from pathlib import Path

    from tests.peers.amqp.peer import ServiceBusPeer

PLACE = f"{TOPIC}/Subscriptions/{SUBSCRIPTION}"


def run(peer: ServiceBusPeer, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [COMMAND, *arguments],
        env=environment(peer.connection_string(), folder),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done


def publish(peer: ServiceBusPeer, folder: Path) -> None:
    run(peer, folder, "publish", str(EVENTS), "--config", str(EXAMPLE))


def tail(*options: str) -> list[str]:
    return ["tail", "--config", str(EXAMPLE), "--json", *options]


@pytest.fixture
def published(own_peer: ServiceBusPeer, tmp_path: Path) -> ServiceBusPeer:
    """Return a broker with the events of the example."""
    define(own_peer)
    publish(own_peer, tmp_path)
    return own_peer


def test_the_same_events_are_read_back(published: ServiceBusPeer, tmp_path: Path) -> None:
    """Given published events, When tail reads them, Then they are those that are stored."""
    read = run(published, tmp_path, *tail("--all")).stdout.splitlines()

    stored = [message.body.decode() for message in published.messages(PLACE)]
    assert read == stored
    assert len(read) == len(EVENTS.read_text().splitlines())


def test_the_latest_are_shown(published: ServiceBusPeer, tmp_path: Path) -> None:
    """Given published events, When the last are shown, Then they are so by their times."""
    read = run(published, tmp_path, *tail("--last", "5")).stdout.splitlines()

    times = sorted(decode_record(each.body).timestamp for each in published.messages(PLACE))
    assert [decode_record(line.encode()).timestamp for line in read] == times[-5:]


def test_what_is_published_meanwhile_is_followed(published: ServiceBusPeer, tmp_path: Path) -> None:
    """Given a tail that follows from a checkpoint, When events come, Then each is shown once."""
    checkpoint = shlex.split(run(published, tmp_path, *tail("--last", "0")).stderr)[-1]

    with subprocess.Popen(
        [COMMAND, *tail("--follow", "--from", checkpoint)],
        env=environment(published.connection_string(), tmp_path),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        publish(published, tmp_path)
        number = len(EVENTS.read_text().splitlines())
        lines = [process.stdout.readline() for _ in range(number)]
        process.send_signal(signal.SIGINT)
        rest, ended = process.communicate()

    stored = [message.body.decode() for message in published.messages(PLACE)]
    assert [line.rstrip("\n") for line in lines] == stored[number:]
    assert (rest, process.returncode) == ("", 130)
    assert f'Go on from here with --from \'{{"version":1,"after":{{"{PLACE}":[' in ended


def test_a_foreign_checkpoint_is_told(own_peer: ServiceBusPeer, tmp_path: Path) -> None:
    """Given a checkpoint of Kafka, When it is read on from, Then nothing is, and it is told."""
    done = subprocess.run(
        [COMMAND, *tail("--from", '{"experiment-events":{"0":17}}')],
        env=environment(own_peer.connection_string(), tmp_path),
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 2
    assert "those of Service Bus say the last number" in " ".join(done.stderr.split())
