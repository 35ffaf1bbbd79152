"""Ten thousand events, while much goes wrong at the same time: each is stored exactly once."""

from __future__ import annotations

import asyncio
import random
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

import msgspec
import pytest

from experimentframework_core.plugin import OpenContext
from experimentframework_core.testing import make_records
from experimentframework_sqlserver import SqlServerOptions, plugin
from tests.peers.tds.faults import Fault
from tests.sqlserver.peer.deliveries import deliver_all, once, stored

if TYPE_CHECKING:
    from collections.abc import Sequence

    from experimentframework_core.envelope import Record
    from experimentframework_core.plugin import Backplane
    from tests.peers.tds.peer import TdsPeer

CONTEXT = OpenContext(name="events")
EVENTS = 10_000
WRITERS = 6


def storm(seed: int, *, number: int) -> list[Fault]:
    """Return faults of every kind, in any order, with inserts between them that succeed."""
    kinds = (
        Fault(what="cut"),
        Fault(what="cut", after=True),
        Fault(what="error", number=1205, severity=13, dooms=True, message="deadlock"),
        Fault(what="error", number=2627, severity=14, message="duplicate"),
        Fault(what="error", number=40501, severity=20, message="busy"),
        Fault(what="error", number=40197, severity=20, after=True, message="moved"),
        Fault(what="slow", seconds=0.01),
    )
    chance = random.Random(seed)
    return [
        msgspec.structs.replace(
            chance.choice(kinds), matching="INSERT INTO", skip=chance.randrange(3)
        )
        for _ in range(number)
    ]


@pytest.mark.parametrize("looks", [True, False], ids=["always looks", "looks again"])
async def test_one_writer_in_a_storm(
    options: SqlServerOptions, peer: TdsPeer, database: str, *, looks: bool
) -> None:
    """Given cuts, lost answers and deadlocks, When all is delivered, Then it is there once."""
    records = make_records(EVENTS)
    steady = msgspec.structs.replace(options, enable_idempotency=looks)

    async with plugin.open(steady, CONTEXT) as backplane:
        peer.inject(*storm(1, number=60))
        failed = [
            await deliver_all(backplane, records[at : at + 100]) for at in range(0, EVENTS, 100)
        ]

    assert peer.state.faults == 0
    assert sum(failed) >= 20
    assert stored(peer, database) == once(records)


async def test_many_writers_of_the_same_events_in_a_storm(
    options: SqlServerOptions, peer: TdsPeer, database: str
) -> None:
    """Given six writers whose batches overlap, When all have done, Then each event is once."""
    records = make_records(EVENTS // 2)

    chance = random.Random(3)
    batches = [[chance.sample(records, 100) for _ in range(15)] for _ in range(WRITERS)]

    async with AsyncExitStack() as stack:
        writers = [await stack.enter_async_context(plugin.open(options, CONTEXT)) for _ in batches]
        peer.inject(*storm(2, number=60))
        await asyncio.gather(*map(write, writers, batches))

    drawn = {each.event_id: each for own in batches for batch in own for each in batch}
    assert peer.state.faults == 0
    assert stored(peer, database) == once(list(drawn.values()))


async def write(backplane: Backplane, batches: Sequence[Sequence[Record]]) -> None:
    """Deliver each batch until it is confirmed."""
    for batch in batches:
        await deliver_all(backplane, batch)
