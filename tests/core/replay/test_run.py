"""A replay from the first event to the last, and what it remembers where it ends early."""

from __future__ import annotations

import asyncio
import json
from itertools import repeat
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from experimentframework_core import DeadLetterOptions, DeadLetterStoreOptions
from experimentframework_core._channel import borrowed
from experimentframework_core._plane.setup import resolve
from experimentframework_core._replay import checkpoint
from experimentframework_core._replay import run as run_module
from experimentframework_core._replay.run import Replay
from experimentframework_core.codec import encode
from experimentframework_core.deadletter import LetterFilter, SqliteDeadLetterStore
from experimentframework_core.errors import PermanentError, ReplayError, TransientError
from experimentframework_core.plugin import Selection
from experimentframework_core.testing import FaultyBackplane, fail, refuse, slow
from tests.core._planes import Backplanes, options, sunk
from tests.core._sources import FakeSource, envelope
from tests.core.replay._replays import FACTS, plan_to, run

if TYPE_CHECKING:
    from pathlib import Path

    from experimentframework_core.envelope import Envelope


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make every bound so small that some dozens of events cross them all."""
    monkeypatch.setattr(run_module, "PAGE", 5)
    monkeypatch.setattr(run_module, "SAVE_AFTER", 10)
    monkeypatch.setattr(borrowed, "ROOM", 20)


def events(number: int) -> list[Envelope]:
    return [envelope(f"e-{each}") for each in range(number)]


async def test_everything_arrives_once_in_order_with_its_bytes(tmp_path: Path) -> None:
    """Given events, When replayed, Then the target has them, and the checkpoint is at the end."""
    held, target = events(123), FaultyBackplane()
    plan = plan_to(tmp_path, FakeSource(held), backplanes={"to": target})

    summary = await run(plan)

    assert [record.body for record in sunk(target)] == [encode(each) for each in held]
    assert (summary.ok, summary.read, summary.taken, summary.delivered) == (True, 123, 123, 123)
    assert summary.position == checkpoint.load(tmp_path / "checkpoint.json", FACTS) == "123"


async def test_no_more_is_read_than_the_target_takes(tmp_path: Path) -> None:
    """Given a target that takes nothing, When replayed, Then the reading waits for room."""
    target = FaultyBackplane(afterwards=slow(60))
    plan = plan_to(tmp_path, FakeSource(events(200)), backplanes={"to": target}, patience=0.3)

    summary = await run(plan)

    assert summary.read == borrowed.ROOM
    assert not summary.ok


async def test_the_checkpoint_stays_before_what_is_not_confirmed(tmp_path: Path) -> None:
    """Given a target that dies after some, When it gives up, Then a second run brings the rest."""
    down = TransientError("down")
    held, dying = events(60), FaultyBackplane([fail(down, after=7)], afterwards=fail(down))
    source = FakeSource(held)
    settings = {"batch_size": 10}
    first = await run(
        plan_to(tmp_path, source, backplanes={"to": dying}, settings=settings, patience=0.3)
    )

    target = FaultyBackplane()
    second = await run(plan_to(tmp_path, source, backplanes={"to": target}))

    assert first.problem is not None
    assert "Nothing arrived for 0.3 s, so it gave up: to: " in first.problem
    assert "down" in first.problem
    assert first.position is None
    assert first.adds_up
    assert second.ok
    assert len(sunk(target)) == 60


async def test_a_source_that_dies_leaves_the_checkpoint_behind_what_arrived(
    tmp_path: Path,
) -> None:
    """Given a source that ends mid-read, When replayed, Then what came is there, and remembered."""
    target = FaultyBackplane()
    down = TransientError("cannot read on: it is gone")
    source = FakeSource([*events(42), down, envelope("last")], passing=[down])
    plan = plan_to(tmp_path, source, backplanes={"to": target})

    summary = await run(plan)

    saved = checkpoint.load(tmp_path / "checkpoint.json", FACTS)
    assert summary.problem == "cannot read on: it is gone"
    assert (summary.read, summary.delivered, summary.ok) == (42, 42, False)
    assert saved == "40"


async def test_what_was_remembered_is_not_read_again(tmp_path: Path) -> None:
    """Given a checkpoint, When replayed from it, Then only what is behind it comes."""
    target = FaultyBackplane()
    plan = plan_to(
        tmp_path,
        FakeSource(events(10)),
        backplanes={"to": target},
        selection=Selection(checkpoint="8"),
    )

    summary = await run(plan)

    assert [record.event_id for record in sunk(target)] == ["e-8", "e-9"]
    assert summary.resumed


async def test_refused_events_become_dead_letters_and_the_rest_goes_on(tmp_path: Path) -> None:
    """Given an event that the target refuses, When replayed, Then it is a dead letter."""
    target = FaultyBackplane(
        afterwards=refuse(lambda record: record.event_id == "e-7", PermanentError("no"))
    )
    letters = tmp_path / "letters.db"
    settings: dict[str, Any] = {
        "on_failure": "deadLetter",
        "dead_letter": DeadLetterOptions(
            type="sqlite", options=DeadLetterStoreOptions(path=str(letters))
        ),
    }
    plan = plan_to(tmp_path, FakeSource(events(20)), backplanes={"to": target}, settings=settings)

    summary = await run(plan)

    async with SqliteDeadLetterStore(letters) as store:
        kept = [stored.letter.event_id async for stored in store.select(LetterFilter())]
    assert kept == ["e-7"]
    assert (summary.delivered, summary.backplanes["to"].dead_lettered) == (19, 1)
    assert (summary.ok, summary.position) == (False, "20")
    assert "to: 1 event refused, and kept as dead letters." in list(summary.troubles())


async def test_what_is_no_event_is_kept_raw_and_counted(tmp_path: Path) -> None:
    """Given a broken record, When replayed, Then it is in the side file, and the rest arrives."""
    target = FaultyBackplane()
    broken = ReplayError("not JSON", record=b"\xff{")
    plan = plan_to(
        tmp_path, FakeSource([*events(3), broken, envelope("z")]), backplanes={"to": target}
    )

    summary = await run(plan)

    (line,) = (tmp_path / "rejected.ndjson").read_text().splitlines()
    assert json.loads(line) == {"position": "4", "reason": "not JSON", "record": "/3s="}
    assert (summary.read, summary.unreadable, summary.delivered, summary.ok) == (5, 1, 4, False)
    assert summary.adds_up


async def test_what_retention_took_is_told_and_counted(tmp_path: Path) -> None:
    """Given a gap behind the checkpoint, When replayed, Then its size is told, and it goes on."""
    target = FaultyBackplane()
    gone = ReplayError("cannot read 5 to 16: removed before", lost=12)
    plan = plan_to(tmp_path, FakeSource([gone, *events(3)]), backplanes={"to": target})

    summary = await run(plan)

    assert (summary.read, summary.lost, summary.delivered, summary.ok) == (3, 12, 3, False)
    assert "12 events were removed from the source before they were read." in list(
        summary.troubles()
    )
    assert not (tmp_path / "rejected.ndjson").exists()


async def test_a_side_file_that_cannot_be_written_ends_it_before_the_record(
    tmp_path: Path,
) -> None:
    """Given no place for what is no event, When replayed, Then the checkpoint is before it."""
    target = FaultyBackplane()
    broken = ReplayError("not JSON", record=b"{")
    plan = plan_to(
        tmp_path,
        FakeSource([*events(20), broken, *events(3)]),
        backplanes={"to": target},
        rejected=tmp_path,
    )

    summary = await run(plan)

    assert summary.problem == f"cannot write {tmp_path}: Is a directory"
    assert checkpoint.load(tmp_path / "checkpoint.json", FACTS) == "20"


async def test_a_transform_changes_and_leaves_out(tmp_path: Path) -> None:
    """Given a function that drops every second event, When replayed, Then they are counted."""
    target = FaultyBackplane()

    def odd(given: Envelope) -> Envelope | None:
        return given if int(given.event_id[2:]) % 2 else None

    plan = plan_to(tmp_path, FakeSource(events(11)), backplanes={"to": target}, transform=odd)

    summary = await run(plan)

    assert (summary.read, summary.left_out, summary.delivered, summary.ok) == (11, 6, 5, True)
    assert summary.position == "11"


async def test_a_transform_that_fails_ends_it_before_its_event(tmp_path: Path) -> None:
    """Given a function that fails at one event, When replayed, Then it can go on from there."""
    target = FaultyBackplane()

    def fragile(given: Envelope) -> Envelope | None:
        if given.event_id == "e-12":
            raise ValueError("what is this")
        return given

    plan = plan_to(tmp_path, FakeSource(events(20)), backplanes={"to": target}, transform=fragile)

    summary = await run(plan)

    assert "of event e-12 raised ValueError: what is this" in (summary.problem or "")
    assert (summary.read, summary.delivered) == (12, 12)
    assert checkpoint.load(tmp_path / "checkpoint.json", FACTS) == "10"


async def test_a_dry_run_only_counts(tmp_path: Path) -> None:
    """Given a dry run, When it ends, Then nothing was opened, delivered or remembered."""
    target = FaultyBackplane()
    broken = ReplayError("not JSON", record=b"{")
    plan = plan_to(
        tmp_path, FakeSource([*events(9), broken]), backplanes={"to": target}, dry_run=True
    )

    summary = await run(plan)

    assert (summary.read, summary.taken, summary.unreadable) == (10, 9, 1)
    assert (target.opened, sunk(target), list(tmp_path.iterdir())) == (0, [], [])


async def test_types_that_nobody_takes_are_counted(tmp_path: Path) -> None:
    """Given a target for outcomes only, When exposures are replayed, Then they are unrouted."""
    target = FaultyBackplane()
    named = Backplanes(to=target)
    node = named.node("to", events=("outcome",))
    _, destinations = resolve(options(backplane=node), named.plugin)
    plan = plan_to(
        tmp_path,
        FakeSource(events(4)),
        backplanes={"to": target},
        destinations=tuple(destinations),
    )

    summary = await run(plan)

    assert (summary.read, summary.unrouted, summary.taken, summary.ok) == (4, 4, 0, True)


async def test_every_backplane_must_have_it_before_it_is_remembered(tmp_path: Path) -> None:
    """Given two targets of which one takes nothing, When replayed, Then nothing is remembered."""
    one, other = FaultyBackplane(), FaultyBackplane(repeat(fail(TransientError("down"))))
    plan = plan_to(
        tmp_path, FakeSource(events(15)), backplanes={"one": one, "other": other}, patience=0.3
    )

    summary = await run(plan)

    assert summary.backplanes["one"].delivered == 15
    assert summary.backplanes["other"].delivered == 0
    assert (summary.position, summary.delivered, summary.adds_up) == (None, 0, True)


async def test_who_interrupts_it_gets_what_was_read_delivered(tmp_path: Path) -> None:
    """Given a rate of few events, When it is cancelled, Then what was read has arrived."""
    target = FaultyBackplane()
    some_read = asyncio.Event()

    def watch(given: Envelope) -> Envelope:
        if given.event_id == "e-12":
            some_read.set()
        return given

    plan = plan_to(
        tmp_path, FakeSource(events(500)), backplanes={"to": target}, rate=100, transform=watch
    )
    replay = Replay(plan, lambda _: None)

    async with replay:
        reading = asyncio.ensure_future(replay.read())
        await some_read.wait()
        reading.cancel()
        await asyncio.wait([reading])
        await replay.finish(soon=True)
    summary = replay.summary()

    assert (summary.interrupted, summary.ok) == (True, False)
    assert summary.delivered == summary.read == len(sunk(target)) < 500
    assert summary.position == str(summary.read // 10 * 10)


async def test_a_source_without_positions_can_be_replayed_but_not_resumed(tmp_path: Path) -> None:
    """Given a source without positions, When a checkpoint is asked for, Then it says it cannot."""
    held = events(3)

    async def plain(_options: object, _selection: object) -> Any:
        for each in held:
            yield each

    source = FakeSource([]).source()
    bare = msgspec.structs.replace(
        source, plugin=msgspec.structs.replace(source.plugin, read=plain)
    )
    target = FaultyBackplane()
    with_one = plan_to(tmp_path, bare, backplanes={"to": target})

    without = await run(msgspec.structs.replace(with_one, checkpoint=None))

    assert (without.ok, without.delivered, without.position) == (True, 3, None)
    with pytest.raises(ReplayError, match=r"fake tells no positions, so .* cannot be resumed"):
        Replay(with_one, lambda _: None)
