"""A whole data plane with a disk buffer, whose server goes away and comes back."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from experimentframework_core import DataPlane
from experimentframework_core.config import (
    BackplaneOptions,
    BreakerOptions,
    BufferOptions,
    DataPlaneOptions,
    DeadLetterOptions,
    DeadLetterStoreOptions,
    RetryOptions,
)
from experimentframework_core.testing import make_envelope
from experimentframework_core.units import Secret
from experimentframework_sqlserver import SqlServerOptions, plugin
from tests.peers.tds.faults import Fault
from tests.sqlserver.peer.deliveries import stored

if TYPE_CHECKING:
    from pathlib import Path

    from tests.peers.tds.peer import TdsPeer

DATABASE = "shop"


@pytest.fixture
def settings(own_peer: TdsPeer, tmp_path: Path) -> DataPlaneOptions:
    """Return a plane that delivers to the peer, with a disk buffer and short waits."""
    own_peer.create(DATABASE)
    reached = own_peer.connection_string(DATABASE) + ";Connect Timeout=1"
    options = SqlServerOptions(connection_string=Secret(reached), auto_migrate=True)
    store = DeadLetterStoreOptions(path=str(tmp_path / "dead-letters.db"))
    return DataPlaneOptions(
        backplane=BackplaneOptions(type="sqlServer", options=options),
        buffer=BufferOptions(type="disk", path=str(tmp_path / "journal")),
        retry=RetryOptions(initial_delay_ms=10, max_delay_ms=100),
        breaker=BreakerOptions(open_ms=50, max_open_ms=200),
        dead_letter=DeadLetterOptions(options=store),
        flush_interval_ms=20,
    )


async def test_an_outage_loses_nothing(settings: DataPlaneOptions, own_peer: TdsPeer) -> None:
    """Given a server killed twice in the stream, When it is back, Then each event is there once."""
    published: list[str] = []

    async with DataPlane(settings, backplane=plugin) as plane:
        for _ in range(2):
            published += await publish(plane, 800)
            own_peer.kill()
            published += await publish(plane, 800)
            await until_one_fails(plane)
            await asyncio.to_thread(own_peer.start)
            own_peer.inject(Fault(what="cut", matching="INSERT INTO", after=True))
        flushed = await plane.flush(timeout=30)
        fates = plane.statistics().backplanes["sqlServer"]

    assert (flushed.remaining, flushed.timed_out) == (0, False)
    assert stored(own_peer, DATABASE) == dict.fromkeys(published, 1)
    assert fates.delivered == len(published) == 3200
    assert (fates.dead_lettered, fates.dropped, fates.expired) == (0, {}, 0)


async def publish(plane: DataPlane, number: int) -> list[str]:
    """Publish events, some of which wait until the disk has them; return their ids."""
    envelopes = [make_envelope() for _ in range(number)]
    for at, envelope in enumerate(envelopes):
        await plane.publish(envelope, ack="accepted" if at % 50 else "durable")
    return [envelope.event_id for envelope in envelopes]


async def until_one_fails(plane: DataPlane) -> None:
    """Return when a delivery has failed and is tried again."""
    before = plane.statistics().backplanes["sqlServer"].retried
    while plane.statistics().backplanes["sqlServer"].retried == before:  # noqa: ASYNC110
        await asyncio.sleep(0.01)


async def test_a_record_that_is_refused_alone_is_dead_lettered(
    settings: DataPlaneOptions, own_peer: TdsPeer
) -> None:
    """Given one record that is refused for ever, When all is flushed, Then all others are there."""
    envelopes = [make_envelope() for _ in range(200)]
    bad = envelopes[77].event_id
    refused = Fault(what="error", number=2628, message="too long", matching=bad, times=-1)

    async with DataPlane(settings, backplane=plugin) as plane:
        own_peer.inject(refused)
        for envelope in envelopes:
            await plane.publish(envelope)
        await plane.flush(timeout=30)
        fates = plane.statistics().backplanes["sqlServer"]

    assert (fates.delivered, fates.dead_lettered) == (199, 1)
    assert stored(own_peer, DATABASE) == {
        envelope.event_id: 1 for envelope in envelopes if envelope.event_id != bad
    }
