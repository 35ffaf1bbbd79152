"""Several writers at the same table."""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING

import pytest

from experimentframework_core.plugin import OpenContext
from experimentframework_core.testing import make_records
from experimentframework_sqlserver import plugin
from tests.sqlserver.engine.database import rows

if TYPE_CHECKING:
    from collections.abc import Sequence

    from experimentframework_core.envelope import Record
    from experimentframework_sqlserver import SqlServerOptions
    from tests.sqlserver.engine.database import Engine

CONTEXT = OpenContext(name="events", delivery_timeout=50)
WRITERS = 6


async def _write(options: SqlServerOptions, batches: Sequence[Sequence[Record]]) -> None:
    async with plugin.open(options, CONTEXT) as backplane:
        for batch in batches:
            await backplane.deliver(batch)


@pytest.mark.parametrize("enable_idempotency", [True, False])
async def test_overlapping_batches_give_exactly_one_row_for_each_event(
    enable_idempotency: bool,  # noqa: FBT001
    engine: Engine,
    table: str,
) -> None:
    """Given six writers whose batches overlap, When all are done, Then no row is twice."""
    options = engine.options(table, auto_migrate=True, enable_idempotency=enable_idempotency)
    chance = random.Random(6)
    records = make_records(2_000)
    drawn = [[chance.sample(records, 100) for _ in range(20)] for _ in range(WRITERS)]

    await asyncio.gather(*(_write(options, batches) for batches in drawn))

    expected = {each.event_id for batches in drawn for batch in batches for each in batch}
    found = rows(options, "SELECT EventId FROM [$(Schema)].[$(Table)]")
    assert len(found) == len(expected)
    assert {event_id for (event_id,) in found} == expected


async def test_the_same_batches_in_opposite_order_end(options: SqlServerOptions) -> None:
    """Given writers that meet in opposite order, When both are done, Then each event is there."""
    batches = [make_records(50) for _ in range(20)]
    mirrored = [list(reversed(batch)) for batch in reversed(batches)]

    await asyncio.gather(_write(options, batches), _write(options, mirrored))

    ((stored,),) = rows(options, "SELECT COUNT(*) FROM [$(Schema)].[$(Table)]")
    assert stored == 20 * 50
