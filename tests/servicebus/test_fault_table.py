"""One kind of fault after the other, with and without duplicate detection: the table of the page.

With ``EXPERIMENTFRAMEWORK_FAULTS=long`` each has many events, and ``pytest -s`` prints the rows.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections import Counter
from time import perf_counter
from typing import TYPE_CHECKING, NamedTuple

import pytest
from msgspec.structs import replace

from experimentframework_core import DataPlane
from experimentframework_core.codec import decode
from experimentframework_core.config import BackplaneOptions, BufferOptions, DataPlaneOptions
from experimentframework_core.plugin import OpenContext
from experimentframework_core.testing import make_exposure, make_record
from experimentframework_servicebus import plugin
from tests.peers.amqp.definitions import Settings
from tests.peers.amqp.faults import (
    DETACHED,
    DROPPED_AFTER,
    DROPPED_BEFORE,
    LOST_ACKNOWLEDGEMENT,
    QUEUE_FULL,
    SERVER_BUSY,
    Fault,
)
from tests.peers.delivering import deliver_all
from tests.peers.tally import LONG, Tally, counted, tell
from tests.servicebus import _client_child as child
from tests.servicebus._wire import LEAKS, options_of, stored

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from pathlib import Path

    from experimentframework_core.envelope import Record
    from experimentframework_core.plugin import Backplane
    from tests.peers.amqp.peer import ServiceBusPeer

pytestmark = pytest.mark.filterwarnings(*LEAKS)

CONTEXT = OpenContext(name="events", delivery_timeout=30)
EVENTS, TIMES = (10_000, 20) if LONG else (500, 1)
SESSIONS = 5
DETECTION = {"yes": 600.0, "no": 0.0}


class Row(NamedTuple):
    """A fault of a send.

    Attributes:
        name: What it is called in the table.
        fault: What happens.
        twice: Whether the events are there twice without duplicate detection.
    """

    name: str
    fault: Fault
    twice: bool


ROWS = (
    Row("acknowledgements lost", LOST_ACKNOWLEDGEMENT, twice=True),
    Row("connections cut before the events were stored", DROPPED_BEFORE, twice=False),
    Row("connections cut after the events were stored", DROPPED_AFTER, twice=True),
    Row("links detached before the events were stored", DETACHED, twice=False),
    Row("links detached after the events were stored", replace(DETACHED, after=True), twice=True),
    Row("times a busy service", SERVER_BUSY, twice=False),
    Row("times a full queue", QUEUE_FULL, twice=False),
)


def story() -> list[Record]:
    return [
        make_record(make_exposure(experiment_name=f"experiment-{at % SESSIONS}"))
        for at in range(EVENTS)
    ]


async def stream(
    peer: ServiceBusPeer,
    entity: str,
    between: Callable[[int], Awaitable[None]],
    fault: str,
    **settings: object,
) -> dict[str, Tally]:
    """Deliver to a queue with duplicate detection and to one without, at the same time.

    Args:
        peer: The broker.
        entity: How the names of the queues begin.
        between: What is done before each batch of the queue with detection, given its number.
        fault: What the table calls it.
        settings: Options of the backplane.

    Returns:
        The counts of both.
    """
    records = story()

    async def deliver(detection: str) -> None:
        options = options_of(peer, f"{entity}-{detection}", enable_sessions=True, **settings)
        async with plugin.open(options, CONTEXT) as backplane:
            await portions(backplane, detection)

    async def portions(backplane: Backplane, detection: str) -> None:
        for number, at in enumerate(range(0, EVENTS, 100)):
            if detection == "yes":
                await between(number)
            await deliver_all(backplane, records[at : at + 100])

    for detection, seconds in DETECTION.items():
        peer.queue(f"{entity}-{detection}", Settings(sessions=True, duplicate_seconds=seconds))
    async with asyncio.TaskGroup() as tasks:
        for detection in DETECTION:
            tasks.create_task(deliver(detection))
    return {
        detection: _tally(peer, f"{entity}-{detection}", records, f"{fault} | {detection}")
        for detection in DETECTION
    }


def _tally(peer: ServiceBusPeer, path: str, records: Sequence[Record], fault: str) -> Tally:
    expected = [(record.experiment or "", record.event_id) for record in records]
    found = [(each.fields["session_id"], each.message_id) for each in peer.messages(path)]
    return counted(expected, found, fault)


async def nothing(_number: int) -> None:
    """Let nothing happen between batches."""


@pytest.mark.parametrize("row", ROWS, ids=[row.name.replace(" ", "-") for row in ROWS])
async def test_a_fault_of_sends(peer: ServiceBusPeer, entity: str, row: Row) -> None:
    """Given sends that go wrong, When all is over, Then nothing is lost, and all is in order."""
    for detection in DETECTION:
        place = f"{entity}-{detection}"
        peer.inject(*[replace(row.fault, matching=place, skip=3)] * TIMES)

    # Where an answer comes, it is waited for: a busy machine would make it another fault.
    patience = {"send_timeout_ms": 200} if row.fault is LOST_ACKNOWLEDGEMENT else {}
    found = await stream(peer, entity, nothing, f"{TIMES} {row.name}", **patience)

    assert peer.state.faults == 0
    assert found["yes"] == Tally(EVENTS)
    assert found["no"] == Tally(EVENTS, twice=found["no"].twice)
    assert (found["no"].twice > 0) is row.twice


async def test_links_that_are_taken_away_while_idle(peer: ServiceBusPeer, entity: str) -> None:
    """Given links detached between batches, When all is over, Then all is there, once."""

    async def detach(number: int) -> None:
        if number % 3 == 2 and number < 3 * TIMES:
            peer.detach()

    found = await stream(peer, entity, detach, f"{TIMES} detaches of idle links")

    assert found["yes"] == Tally(EVENTS)
    # Links of both queues end, and on one of them a batch may be on its way.
    assert found["no"]._replace(twice=0) == Tally(EVENTS)


async def test_a_service_that_is_away_again_and_again(own_peer: ServiceBusPeer) -> None:
    """Given a service that goes and comes back, When all is over, Then nothing is lost."""

    async def go_away(number: int) -> None:
        if number % 4 == 1 and number < 4 * min(TIMES, 5):
            own_peer.stop_listening()
            asyncio.get_running_loop().call_later(0.5, own_peer.listen)

    fault = f"{min(TIMES, 5)} times gone and back"
    found = await stream(own_peer, "events", go_away, fault)

    assert found["yes"] == Tally(EVENTS)
    assert found["no"]._replace(twice=0) == Tally(EVENTS)


async def test_a_service_that_hangs_for_longer_than_a_delivery(own_peer: ServiceBusPeer) -> None:
    """Given silence for longer than a send may take, When it is over, Then nothing is lost."""

    async def hang(number: int) -> None:
        if number == 1:
            own_peer.hang()
            asyncio.get_running_loop().call_later(1.2, own_peer.release)

    found = await stream(
        own_peer, "events", hang, "a hang beyond sendTimeoutMs", send_timeout_ms=500
    )

    assert found["yes"] == Tally(EVENTS)
    assert found["no"]._replace(twice=0) == Tally(EVENTS)


def _publish_until_killed(command: list[str]) -> set[str]:
    """Kill a publisher in its stream; return the ids of what was durable."""
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        lines = iter(process.stdout.readline, "")
        durable = {next(lines).strip() for _ in range(1_000)}
        process.kill()
        return durable | {line.strip() for line in lines if line.endswith("\n")}


async def test_an_application_that_is_killed(
    peer: ServiceBusPeer, entity: str, tmp_path: Path
) -> None:
    """Given a publisher killed with -9, When another goes on, Then all that was durable arrives."""
    kills = 5 if LONG else 1
    for detection, seconds in DETECTION.items():
        queue, folder = f"{entity}-{detection}", str(tmp_path / detection)
        peer.queue(queue, Settings(duplicate_seconds=seconds))
        command = [sys.executable, "-m", child.__name__, peer.connection_string(), queue, folder]
        durable = set[str]()

        for _ in range(kills):
            durable |= await asyncio.to_thread(_publish_until_killed, command)
        options = child.plane_options(peer.connection_string(), queue, folder)
        async with DataPlane(options) as plane:
            flushed = await plane.flush(timeout=60)

        copies = Counter(stored(peer, queue))
        found = Tally(len(durable), len(durable - set(copies)), copies.total() - len(copies))
        tell(f"{kills} kills of the application, buffer on disk | {detection}", found)
        assert flushed.remaining == found.lost == 0
        assert found.twice <= (kills * child.BATCH if detection == "no" else 0)


async def test_leaving_ends_in_time_while_the_service_hangs(own_peer: ServiceBusPeer) -> None:
    """Given events queued and a service that hangs, When the plane is left, Then it ends."""
    own_peer.queue("events")
    deadline, events = (5.0, 100_000) if LONG else (1.0, 2_000)
    options = DataPlaneOptions(
        backplane=BackplaneOptions(type="azureServiceBus", options=options_of(own_peer, "events")),
        buffer=BufferOptions(max_events=events, max_bytes=2**30),
        shutdown_timeout_ms=int(deadline * 1000),
    )
    event = decode(story()[0].body).payload

    async with DataPlane(options) as plane:
        await plane.publish(event, ack="delivered")
        own_peer.hang()
        for _ in range(events):
            await plane.publish(event)
        began = perf_counter()
    took = perf_counter() - began

    counts = plane.statistics().backplanes["azureServiceBus"]
    if LONG:
        print(f"\nleft with {events:,} queued: {took:.2f} s of {deadline:.0f}")  # noqa: T201
    assert (counts.delivered, counts.dropped) == (1, {"shutdown": events})
    # It is late, not stuck, when other programs have the processors.
    assert took < 2 * deadline + 10
