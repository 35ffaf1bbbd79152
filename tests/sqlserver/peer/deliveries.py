"""Delivers as a channel does, and sees what a database has then."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING

from experimentframework_core.errors import TransientError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from experimentframework_core.envelope import Record
    from experimentframework_core.plugin import Backplane
    from tests.peers.tds.peer import TdsPeer


async def deliver_all(backplane: Backplane, batch: Sequence[Record]) -> int:
    """Deliver until it is confirmed; return how often it failed."""
    failed = 0
    while True:
        try:
            await backplane.deliver(batch)
        except TransientError:
            failed += 1
        else:
            return failed


def stored(peer: TdsPeer, database: str, table: str = "dbo.ExperimentEvents") -> Counter[str]:
    """Return how often each event id is in a table."""
    rows = peer.rows(database, f"SELECT EventId, COUNT(*) FROM [{table}] GROUP BY EventId")  # noqa: S608
    return Counter({str(event_id): int(str(times)) for event_id, times in rows})


def once(records: Sequence[Record]) -> Counter[str]:
    """Return what a table has that has each record once."""
    return Counter({record.event_id: 1 for record in records})


async def until_it_hangs(peer: TdsPeer) -> None:
    """Return when a statement hangs at the peer."""
    while not peer.state.hanging:  # noqa: ASYNC110  it is another process
        await asyncio.sleep(0.01)
