"""`dead-letter … --source broker` on queues of a broker, to the end and killed before it."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import time
from typing import TYPE_CHECKING

import pytest

from experimentframework_core.testing import make_records
from experimentframework_servicebus import plugin
from tests.core.cli.command import COMMAND, Ran, run_here
from tests.servicebus._wire import CONTEXT, LEAKS, ids, options_of, stored

if TYPE_CHECKING:
    from pathlib import Path

    from experimentframework_core.envelope import Record
    from tests.peers.amqp.peer import ServiceBusPeer

pytestmark = pytest.mark.filterwarnings(*LEAKS)


@pytest.fixture
def config(peer: ServiceBusPeer, queue: str, tmp_path: Path) -> Path:
    """Return a configuration with a queue of the broker."""
    path = tmp_path / "experiments.json"
    options = {"connectionString": peer.connection_string(), "queueName": queue}
    node = {"type": "azureServiceBus", "options": options}
    path.write_text(json.dumps({"dataPlane": {"backplane": node}}))
    return path


def run(config: Path, *arguments: str) -> Ran:
    """Run a command on the dead letters of the broker."""
    return run_here("dead-letter", *arguments, "--source", "broker", "--config", config)


def buried(peer: ServiceBusPeer, queue: str, number: int) -> list[Record]:
    """Deliver events, and make dead letters of them."""
    records = make_records(number)

    async def deliver() -> None:
        async with plugin.open(options_of(peer, queue), CONTEXT) as backplane:
            await backplane.deliver(records)

    asyncio.run(deliver())
    peer.bury(queue, "bad", "a bad one")
    return records


def test_what_is_listed_can_be_requeued_and_removed(
    peer: ServiceBusPeer, queue: str, config: Path
) -> None:
    """Given dead letters, When one is requeued and the rest removed, Then none is left."""
    records = buried(peer, queue, 3)

    listed = run(config, "list", "--reason", "bad")
    requeued = run(config, "requeue", "--id", records[0].event_id)
    purged = run(config, "purge", "--yes")

    assert [ran.code for ran in (listed, requeued, purged)] == [0, 0, 0]
    assert [row.split()[0] for row in listed.out.splitlines()[1:]] == ids(records)
    assert requeued.out == "1 dead letter chosen, 1 requeued, 0 left\n"
    assert purged.out == "2 dead letters chosen, 2 removed, 0 left\n"
    assert stored(peer, queue) == ids(records[:1])
    assert stored(peer, f"{queue}/$DeadLetterQueue") == []


def test_a_kill_between_copy_and_removal_repeats_the_event(
    peer: ServiceBusPeer, queue: str, config: Path
) -> None:
    """Given a process killed with copies stored, When it runs again, Then nothing is lost."""
    from tests.peers.amqp.faults import Fault

    records = buried(peer, queue, 2)
    peer.inject(Fault(what="hang", at="settle", matching=queue, times=-1))

    command: list[str | Path] = [
        COMMAND,
        "dead-letter",
        "requeue",
        "--source",
        "broker",
        "--config",
        config,
    ]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        wait_for_copies(peer, queue, 2)
        process.kill()
    peer.release()
    locked = stored(peer, f"{queue}/$DeadLetterQueue")
    peer.put_forward(31)  # The locks of the dead process are over.
    peer.put_back()
    again = run(config, "requeue")

    assert locked == ids(records)
    assert (again.code, again.out) == (0, "2 dead letters chosen, 2 requeued, 0 left\n")
    assert sorted(stored(peer, queue)) == sorted(ids(records) * 2)
    assert stored(peer, f"{queue}/$DeadLetterQueue") == []


def test_a_signal_between_copy_and_removal_repeats_nothing(
    peer: ServiceBusPeer, queue: str, config: Path
) -> None:
    """Given copies that are looked for, When a signal comes, Then their letters are removed too."""
    from tests.peers.amqp.faults import Fault

    records = buried(peer, queue, 2)
    peer.inject(Fault(what="slow", at="request", matching=queue, seconds=0.4, times=-1))

    arguments = ["dead-letter", "requeue", "--source", "broker", "--json", "--config", str(config)]
    with subprocess.Popen(
        [COMMAND, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        wait_for_copies(peer, queue, 2)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)

    assert process.returncode == 130
    assert err == "Ending with those that are under way; once more to end at once.\n"
    document = json.loads(out)
    assert (document["requeued"], document["notReached"]) == (2, 0)
    assert sorted(stored(peer, queue)) == sorted(ids(records))
    assert stored(peer, f"{queue}/$DeadLetterQueue") == []


@pytest.mark.parametrize(
    "arguments",
    [
        ["tail"],
        ["dead-letter", "list", "--source", "broker"],
        ["dead-letter", "requeue", "--source", "broker"],
    ],
)
def test_a_topic_without_a_subscription_is_a_wrong_configuration(
    tmp_path: Path, arguments: list[str]
) -> None:
    """Given only a topic's name, When its messages are wanted back, Then it exits with 2."""
    path = tmp_path / "experiments.json"
    options = {"fullyQualifiedNamespace": "nowhere.invalid", "topicName": "events"}
    node = {"type": "azureServiceBus", "options": options}
    path.write_text(json.dumps({"dataPlane": {"backplane": node}}))

    ran = run_here(*arguments, "--config", path)

    assert (ran.code, ran.out) == (2, "")
    assert "topic 'events': a topic keeps no events; say subscriptionName" in ran.err


def wait_for_copies(peer: ServiceBusPeer, queue: str, number: int) -> None:
    """Return when so many messages are stored."""
    end = time.monotonic() + 60
    while len(peer.messages(queue)) < number:
        assert time.monotonic() < end
        time.sleep(0.05)
