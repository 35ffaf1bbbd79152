"""`dead-letter … --source broker` on queues of a broker, to the end and killed before it."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sysconfig
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from experimentframework_core.testing import make_records
from experimentframework_servicebus import plugin
from tests.servicebus._wire import CONTEXT, LEAKS, ids, options_of, stored

if TYPE_CHECKING:
    from experimentframework_core.envelope import Record
    from tests.peers.amqp.peer import ServiceBusPeer

pytestmark = pytest.mark.filterwarnings(*LEAKS)

COMMAND = Path(sysconfig.get_path("scripts")) / "experimentframework"


@pytest.fixture
def config(peer: ServiceBusPeer, queue: str, tmp_path: Path) -> Path:
    """Return a configuration with a queue of the broker."""
    path = tmp_path / "experiments.json"
    options = {"connectionString": peer.connection_string(), "queueName": queue}
    node = {"type": "azureServiceBus", "options": options}
    path.write_text(json.dumps({"dataPlane": {"backplane": node}}))
    return path


def begin(config: Path, *arguments: str) -> subprocess.Popen[str]:
    """Begin a command on the dead letters of the broker."""
    return subprocess.Popen(
        [COMMAND, "dead-letter", *arguments, "--source", "broker", "--config", config],
        env={"PATH": os.environ["PATH"], "HOME": str(config.parent)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def run(config: Path, *arguments: str) -> tuple[int, str]:
    """Run a command to its end, and return its exit code and what it said."""
    with begin(config, *arguments) as process:
        said, _ = process.communicate(timeout=50)
    return process.returncode, said


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
    first, *rest = buried(peer, queue, 3)

    listed = run(config, "list", "--reason", "bad")
    requeued = run(config, "requeue", "--id", first.event_id)
    purged = run(config, "purge", "--yes")

    assert [code for code, _ in (listed, requeued, purged)] == [0, 0, 0]
    assert [row.split()[0] for row in listed[1].splitlines()[1:]] == ids([first, *rest])
    assert requeued[1] == "1 dead letter chosen, 1 requeued, 0 left\n"
    assert purged[1] == "2 dead letters chosen, 2 removed, 0 left\n"
    assert (stored(peer, queue), stored(peer, f"{queue}/$DeadLetterQueue")) == (
        [first.event_id],
        [],
    )


def test_a_kill_between_copy_and_removal_repeats_the_event(
    peer: ServiceBusPeer, queue: str, config: Path
) -> None:
    """Given a process killed with a copy stored, When it runs again, Then nothing is lost."""
    from tests.peers.amqp.faults import Fault

    records = buried(peer, queue, 2)
    # The third request to the queue is the look for the copies; the others go to its letters.
    peer.inject(Fault(what="slow", at="request", matching=queue, skip=4, seconds=40))

    with begin(config, "requeue") as process:
        wait_for_copies(peer, queue, 2)
        process.kill()
    locked = stored(peer, f"{queue}/$DeadLetterQueue")
    peer.put_forward(31)  # The locks of the dead process are over.
    peer.put_back()
    again = run(config, "requeue")

    assert locked == ids(records)
    assert again == (0, "2 dead letters chosen, 2 requeued, 0 left\n")
    assert sorted(stored(peer, queue)) == sorted(ids(records) * 2)
    assert stored(peer, f"{queue}/$DeadLetterQueue") == []


def wait_for_copies(peer: ServiceBusPeer, queue: str, number: int) -> None:
    """Return when so many messages are stored."""
    end = time.monotonic() + 20
    while len(peer.messages(queue)) < number:
        assert time.monotonic() < end
        time.sleep(0.05)
