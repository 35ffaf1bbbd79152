"""A source is copied into an output as a whole, or nothing is there."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from experimentframework_core import codec
from experimentframework_core._export import export as exporting
from experimentframework_core._export.export import Export
from experimentframework_core._export.outputs import FileOutput
from experimentframework_core.errors import ReplayError, TransientError
from experimentframework_core.plugin import Selection
from tests.core._sources import FakeSource, envelope

if TYPE_CHECKING:
    from pathlib import Path

    from experimentframework_core.envelope import Envelope


@pytest.fixture(autouse=True)
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Write two events at once."""
    monkeypatch.setattr(exporting, "AT_ONCE", 2)


def export(folder: Path, *held: object) -> Export:
    source = FakeSource(held).source()  # type: ignore[arg-type]
    output = FileOutput(folder / "events.ndjson", "ndjson")
    return Export(source, Selection(), output, folder / "unreadable.ndjson")


async def test_all_batches_are_written_in_their_order(tmp_path: Path) -> None:
    """Given events for two batches and a half, When exported, Then each is there, in order."""
    events = [envelope(f"e-{number}") for number in range(5)]
    run = export(tmp_path, *events)

    await run.run()

    lines = (tmp_path / "events.ndjson").read_bytes().splitlines()
    assert lines == [codec.encode(each) for each in events]
    assert (run.events, run.unreadable, run.lost) == (5, 0, 0)


async def test_a_batch_ends_behind_so_many_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given events that are large, When exported, Then fewer of them are written at once."""
    monkeypatch.setattr(exporting, "AT_ONCE", 1000)
    events = [envelope(f"e-{number}") for number in range(30)]
    monkeypatch.setattr(exporting, "BYTES_AT_ONCE", 10 * len(codec.encode(events[0])))
    run = export(tmp_path, *events)
    write, sizes = run.output.write, []

    def noted(batch: list[Envelope]) -> None:
        sizes.append(len(batch))
        write(batch)

    monkeypatch.setattr(run.output, "write", noted)

    await run.run()

    assert sizes == [14, 14, 2]
    assert run.events == 30


async def test_a_source_that_ends_while_it_is_read_leaves_nothing(tmp_path: Path) -> None:
    """Given a source that fails behind some events, When exported, Then no file is left."""
    broken = ReplayError("not JSON", record=b"{")
    events = [envelope(f"e-{number}") for number in range(5)]
    run = export(tmp_path, *events, broken, TransientError("the broker is gone"))

    with pytest.raises(TransientError, match="the broker is gone"):
        await run.run()

    assert list(tmp_path.iterdir()) == []


async def test_what_retention_took_away_is_counted_and_not_kept(tmp_path: Path) -> None:
    """Given a gap and what is no event, When exported, Then only the latter is kept."""
    gap = ReplayError("removed before they were read", lost=7)
    broken = ReplayError("not JSON", record=b"{")
    run = export(tmp_path, envelope("a"), gap, envelope("b"), broken, envelope("c"))

    await run.run()

    assert (run.events, run.unreadable, run.lost) == (3, 1, 7)
    (kept,) = map(json.loads, (tmp_path / "unreadable.ndjson").read_text().splitlines())
    assert kept["reason"] == "not JSON"


async def test_a_failure_to_write_is_raised_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given an output that takes only the first batch, When exported, Then nothing is left."""
    run = export(tmp_path, *(envelope(f"e-{number}") for number in range(9)))
    write = run.output.write
    left = [1]

    def full(batch: list[object]) -> None:
        if not left:
            raise OSError(28, "No space left on device")
        left.pop()
        write(batch)  # type: ignore[arg-type]

    monkeypatch.setattr(run.output, "write", full)

    with pytest.raises(OSError, match="No space left"):
        await run.run()

    assert list(tmp_path.iterdir()) == []
