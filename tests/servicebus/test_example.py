"""The example configuration of the documentation, with the command, against our own broker."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import msgspec
import pytest

from tests.servicebus._example import (
    COMMAND,
    EVENTS,
    EXAMPLE,
    SUBSCRIPTION,
    TOPIC,
    define,
    environment,
)
from tests.servicebus._wire import stored

if TYPE_CHECKING:
    from pathlib import Path

    from tests.peers.amqp.peer import ServiceBusPeer


@pytest.fixture
def namespace(own_peer: ServiceBusPeer) -> ServiceBusPeer:
    """Return a broker with the topic of the example."""
    define(own_peer)
    return own_peer


def run(
    connection_string: str, folder: Path, *arguments: str | Path
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [COMMAND, *arguments, "--config", EXAMPLE],
        env=environment(connection_string, folder),
        capture_output=True,
        text=True,
        check=False,
    )


def test_what_publish_sends_is_in_the_topic(namespace: ServiceBusPeer, tmp_path: Path) -> None:
    """Given the example, When the example's events are published, Then all are in the topic."""
    done = run(namespace.connection_string(), tmp_path, "publish", EVENTS)

    events = [msgspec.json.decode(line) for line in EVENTS.read_bytes().splitlines()]
    found = stored(namespace, f"{TOPIC}/Subscriptions/{SUBSCRIPTION}")
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(set(found)) == len(found) == len(events)
    assert {each["eventId"] for each in events if "eventId" in each} <= set(found)


def test_doctor_finds_the_namespace_well(namespace: ServiceBusPeer, tmp_path: Path) -> None:
    """Given the example, When doctor looks, Then the topic is well."""
    done = run(namespace.connection_string(), tmp_path, "doctor")

    assert done.returncode == 0, done.stdout + done.stderr
    assert "azureServiceBus: opens and answers" in done.stdout


def test_doctor_says_what_is_missing(own_peer: ServiceBusPeer, tmp_path: Path) -> None:
    """Given no topic, When doctor looks, Then it prints the command that creates it."""
    done = run(own_peer.connection_string(), tmp_path, "doctor")

    said = " ".join((done.stdout + done.stderr).split())
    assert done.returncode == 1
    assert "az servicebus topic create" in said
    assert "SharedAccessKey" not in said
