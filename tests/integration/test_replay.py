"""Events replayed from every readable backplane into every other one, and its like."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING

import pytest

from experimentframework_core._reading.source import source_from
from experimentframework_core.codec import encode_record
from experimentframework_core.envelope import Envelope
from experimentframework_core.plugin import OpenContext, Selection
from experimentframework_core.replay import replay
from experimentframework_core.testing import make_exposure, make_outcome
from tests.integration.conftest import KINDS
from tests.servicebus._wire import LEAKS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from experimentframework_core import DataPlaneOptions
    from experimentframework_core._reading.source import Source
    from experimentframework_core.envelope import Record
    from tests.integration.conftest import Place

pytestmark = pytest.mark.filterwarnings(*LEAKS)

EVENTS = 300


@cache
def records() -> list[Record]:
    """Return events of two types and some experiments, in which the encodings could slip."""
    begun = datetime(2026, 3, 1, 12, tzinfo=UTC)
    return [
        encode_record(
            Envelope(
                event_id=f"replayed-{number}",
                timestamp=begun + timedelta(microseconds=number * 1_000_001),
                event_type="outcome" if number % 5 == 0 else "exposure",
                schema_version="1.0.0",
                payload=(
                    make_outcome(experiment_name=f"e-{number % 7}", subject_id="ü")
                    if number % 5 == 0
                    else make_exposure(
                        experiment_name=f"e-{number % 7}",
                        subject_id=f"u-{number}",
                        attributes={"ключ": "🎉\\n\u0000", "n": 1e300, "list": [1, 2.5, None]},
                    )
                ),
                correlation_id=f"c-{number}" if number % 3 == 0 else None,
                metadata={"number": number} if number % 2 == 0 else None,
                traceparent=f"00-{number:032x}-{1:016x}-01" if number % 4 == 0 else None,
            )
        )
        for number in range(1, EVENTS + 1)
    ]


def source_of(options: DataPlaneOptions) -> Source:
    assert options.backplane is not None
    return source_from(options.backplane)


async def deliver(options: DataPlaneOptions, batch: Sequence[Record]) -> None:
    """Store events as a backplane does."""
    source = source_of(options)
    async with source.plugin.open(source.options, OpenContext(name="filling")) as backplane:
        for first in range(0, len(batch), 100):
            await backplane.deliver(batch[first : first + 100])


async def stored(options: DataPlaneOptions) -> list[Record]:
    """Return what a backplane holds, in its order."""
    return [record async for record in source_of(options).records(Selection())]


def by_experiment(found: Sequence[Record]) -> dict[str | None, list[bytes]]:
    groups: dict[str | None, list[bytes]] = {}
    for record in found:
        groups.setdefault(record.experiment, []).append(record.body)
    return groups


def is_ordered(*ends: DataPlaneOptions) -> bool:
    return all(source_of(each).plugin.features.ordered for each in ends)


@pytest.mark.parametrize("to", KINDS)
@pytest.mark.parametrize("source", KINDS)
async def test_every_pair_gives_the_same_bytes(source: str, to: str, place: Place) -> None:
    """Given a source of some events, When replayed, Then the target has their very bytes."""
    begin, end = place(source), place(to)
    await deliver(begin, records())

    summary = await replay(begin, end, give_up_after=20)

    found = await stored(end)
    assert (summary.ok, summary.read, summary.delivered) == (True, EVENTS, EVENTS), summary
    assert {record.event_id: record.body for record in found} == {
        record.event_id: record.body for record in records()
    }
    assert len(found) == EVENTS
    if is_ordered(begin, end):
        assert by_experiment(found) == by_experiment(records())


@pytest.mark.parametrize("source", KINDS)
async def test_what_is_replayed_can_be_chosen(source: str, place: Place) -> None:
    """Given a source, When some of it is replayed, Then only that is at the target."""
    begin, end = place(source), place("sqlite")
    await deliver(begin, records())
    noon = datetime(2026, 3, 1, 12, tzinfo=UTC)
    chosen = Selection(
        types=("exposure",),
        experiments=("e-1", "e-2"),
        since=noon + timedelta(seconds=50),
        until=noon + timedelta(seconds=150),
    )

    summary = await replay(begin, end, selection=chosen)

    wanted = [record for record in records() if chosen.selects(record)]
    assert summary.read == len(wanted) > 0
    assert {record.event_id for record in await stored(end)} == {r.event_id for r in wanted}


@pytest.mark.parametrize("source", KINDS)
async def test_a_later_run_goes_on_behind_what_has_arrived(
    source: str, place: Place, tmp_path: Path
) -> None:
    """Given a checkpoint of a first run, When more came, Then a second run reads only that."""
    begin, end = place(source), place("sqlite")
    first, later = records()[:200], records()[200:]
    await deliver(begin, first)
    before = await replay(begin, end, checkpoint=tmp_path / "checkpoint.json")

    await deliver(begin, later)
    after = await replay(begin, end, checkpoint=tmp_path / "checkpoint.json")

    assert (before.read, after.read, after.resumed) == (200, 100, True)
    assert len(await stored(end)) == EVENTS
