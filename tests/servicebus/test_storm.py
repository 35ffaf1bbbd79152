"""Ten thousand events while much goes wrong: none is lost, none is there twice, all in order."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import msgspec
import pytest

from experimentframework_core import DataPlane
from experimentframework_core.codec import decode
from experimentframework_core.config import (
    BackplaneOptions,
    BreakerOptions,
    BufferOptions,
    DataPlaneOptions,
    RetryOptions,
)
from experimentframework_core.plugin import OpenContext
from experimentframework_core.testing import make_exposure, make_record
from experimentframework_servicebus import plugin
from tests.peers.delivering import deliver_all
from tests.peers.tally import LONG, Tally, counted
from tests.servicebus._wire import LEAKS, ids, options_of, stored

if TYPE_CHECKING:
    from experimentframework_core.envelope import Record
    from tests.peers.amqp.faults import Fault
    from tests.peers.amqp.peer import ServiceBusPeer

EVENTS = 10_000
EXPERIMENTS = 5
STORM = "20 acknowledgements lost, 5 connections cut and 3 links detached together"
CONTEXT = OpenContext(name="events", delivery_timeout=10)


def storm() -> list[Fault]:
    """Return 20 lost confirmations, 5 dropped connections and 3 detached links, in any order."""
    from tests.peers.amqp.faults import (
        DETACHED,
        DROPPED_AFTER,
        DROPPED_BEFORE,
        LOST_ACKNOWLEDGEMENT,
    )

    chance = random.Random(7)
    faults = [
        *[LOST_ACKNOWLEDGEMENT] * 20,
        *[DROPPED_AFTER] * 3,
        *[DROPPED_BEFORE] * 2,
        *[DETACHED] * 3,
    ]
    chance.shuffle(faults)
    return [msgspec.structs.replace(fault, skip=chance.randrange(2, 18)) for fault in faults]


def story() -> list[Record]:
    return [
        make_record(make_exposure(experiment_name=f"experiment-{at % EXPERIMENTS}"))
        for at in range(EVENTS)
    ]


@pytest.mark.filterwarnings(*LEAKS)
async def test_a_plane_in_a_storm(peer: ServiceBusPeer, entity: str) -> None:
    """Given a storm and duplicate detection, When all is flushed, Then each is once, in order."""
    from tests.peers.amqp.definitions import Settings

    peer.queue(entity, Settings(sessions=True, duplicate_seconds=600))
    records = story()
    options = DataPlaneOptions(
        backplane=BackplaneOptions(
            type="azureServiceBus",
            options=options_of(peer, entity, enable_sessions=True, send_timeout_ms=200),
        ),
        buffer=BufferOptions(max_events=2 * EVENTS),
        retry=RetryOptions(initial_delay_ms=1, max_delay_ms=10),
        breaker=BreakerOptions(open_ms=1, max_open_ms=10),
    )

    async with DataPlane(options) as plane:
        peer.inject(*storm())
        for record in records:
            await plane.publish(decode(record.body))
        flushed = await plane.flush(timeout=150)

    found = counted(
        [(record.experiment or "", record.event_id) for record in records],
        [(each.fields["session_id"], each.message_id) for each in peer.messages(entity)],
        f"{STORM} | yes",
    )
    assert (peer.state.faults, flushed.remaining) == (0, 0)
    assert found == Tally(EVENTS)


@pytest.mark.filterwarnings(*LEAKS)
async def test_without_duplicate_detection_nothing_is_lost(
    peer: ServiceBusPeer, queue: str
) -> None:
    """Given no duplicate detection, When the storm is over, Then all is there, at least once."""
    records = story()[: EVENTS if LONG else EVENTS // 5]
    faults = storm() if LONG else storm()[::4]

    async with plugin.open(options_of(peer, queue, send_timeout_ms=200), CONTEXT) as backplane:
        peer.inject(*(msgspec.structs.replace(fault, skip=1) for fault in faults))
        failed = [
            await deliver_all(backplane, records[at : at + 100])
            for at in range(0, len(records), 100)
        ]

    found = counted(
        [("", each) for each in ids(records)],
        [("", each) for each in stored(peer, queue)],
        f"{STORM} | no",
    )
    assert peer.state.faults == 0
    assert sum(failed) > 0
    assert found == Tally(len(records), twice=found.twice)
    assert found.twice > 0
