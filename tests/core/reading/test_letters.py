"""Dead letters are read as the events that were not taken, from files and from other backplanes."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from experimentframework_core._letters.backplane import as_record
from experimentframework_core._reading import letters as reading_letters
from experimentframework_core._reading.letters import (
    LettersOptions,
    LettersReader,
    letters_in,
    read_letters,
)
from experimentframework_core._reading.letters_elsewhere import letters_held_by
from experimentframework_core._reading.source import Source
from experimentframework_core.backplanes.memory import InMemoryBackplane, InMemoryOptions, plugin
from experimentframework_core.codec import encode
from experimentframework_core.errors import ReplayError, UnavailableError
from experimentframework_core.plugin import Selection
from experimentframework_core.testing import make_outcome, make_record
from tests.core.letters._letters import STORES, make_letter

if TYPE_CHECKING:
    from pathlib import Path

    from experimentframework_core.deadletter import DeadLetter
    from experimentframework_core.envelope import Envelope

ALL = Selection()


@pytest.fixture(params=STORES)
def kind(request: pytest.FixtureRequest) -> str:
    """Return each type of store that is a file."""
    return str(request.param)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return where the store will be."""
    return tmp_path / "letters"


async def keep(kind: str, path: Path, *letters: DeadLetter) -> None:
    async with STORES[kind](path) as store:
        await store.write(letters)


async def read(source: Source, selection: Selection = ALL) -> list[Envelope]:
    return [envelope async for envelope in source.read(selection)]


async def ids(source: Source, selection: Selection = ALL) -> list[str]:
    return [envelope.event_id for envelope in await read(source, selection)]


def reader_of(path: Path, selection: Selection = ALL) -> LettersReader[Envelope]:
    return read_letters(LettersOptions(path=str(path)), selection)


def outcome(event_id: str) -> DeadLetter:
    record = make_record(make_outcome(subject_id="me"), event_id=event_id)
    return make_letter(event_id, event_type="outcome", body=record.body, backplane="other")


async def test_the_events_come_as_they_were_published(kind: str, path: Path) -> None:
    """Given letters, When they are read, Then each is its event, with the same bytes, in order."""
    letters = [make_letter("a"), outcome("b"), make_letter("c")]
    await keep(kind, path, *letters)

    found = await read(letters_in(path, "letters"))

    assert [encode(envelope) for envelope in found] == [letter.body for letter in letters]


async def test_their_records_have_the_bytes_that_were_refused(kind: str, path: Path) -> None:
    """Given an event of an old version, When read as a record, Then it is as it was written."""
    body = make_letter("a").body.replace(b'"1.0.0"', b'"0.9.0"')
    await keep(kind, path, make_letter("a", body=body))

    records = [record async for record in letters_in(path, "letters").records(ALL)]

    assert [record.body for record in records] == [body]


@pytest.mark.parametrize(
    "selection",
    [
        Selection(types=("outcome",)),
        Selection(subjects=("me",)),
        Selection(since=make_record().timestamp, types=("outcome",)),
    ],
)
async def test_criteria_mean_the_event(kind: str, path: Path, selection: Selection) -> None:
    """Given letters, When some are selected, Then only those come whose event meets all."""
    late = outcome("b")
    await keep(kind, path, make_letter("a"), late)

    assert await ids(letters_in(path, "letters"), selection) == ["b"]


async def test_those_of_one_backplane_can_be_read(kind: str, path: Path) -> None:
    """Given a store of several backplanes, When one is named, Then only its letters come."""
    await keep(kind, path, make_letter("a"), outcome("b"))

    assert await ids(letters_in(path, "letters", "kafka")) == ["a"]


async def test_it_goes_on_from_every_checkpoint(kind: str, path: Path) -> None:
    """Given readings that stopped, When resumed later, Then nothing is lost or comes twice."""
    await keep(kind, path, *map(make_letter, "abc"))
    source, reader = letters_in(path, "letters"), reader_of(path)
    begun = [((await anext(reader)).event_id, reader.checkpoint) for _ in "abc"]
    rest = [envelope async for envelope in reader]
    await keep(kind, path, make_letter("d"))

    later = [await ids(source, Selection(checkpoint=at)) for _, at in begun]
    at_the_end = await ids(source, Selection(checkpoint=reader.checkpoint))

    assert rest == []
    assert later == [["b", "c", "d"], ["c", "d"], ["d"]]
    assert at_the_end == ["d"]


async def test_letters_that_were_removed_are_not_missed(kind: str, path: Path) -> None:
    """Given letters were requeued behind a checkpoint, When resumed, Then the rest comes."""
    await keep(kind, path, *map(make_letter, "abcd"))
    reader = reader_of(path)
    await anext(reader)
    await reader.aclose()
    async with STORES[kind](path) as store:
        found = [stored.position async for stored in store.select()]
        await store.remove(found[1:3])

    assert await ids(letters_in(path, "x"), Selection(checkpoint=reader.checkpoint)) == ["d"]


async def test_what_is_no_event_is_given_as_it_is_stored(kind: str, path: Path) -> None:
    """Given a letter without an event in it, When it is met, Then it is told; the rest comes."""
    await keep(kind, path, make_letter("a", body=b"\xff no event"), make_letter("b"))
    reader = reader_of(path)

    with pytest.raises(ReplayError, match="cannot read the event of dead letter 1 of") as told:
        await anext(reader)

    assert told.value.record == b"\xff no event"
    assert [envelope.event_id async for envelope in reader] == ["b"]


async def test_damaged_lines_are_told_once(path: Path) -> None:
    """Given a damaged line, When all is read, Then it is told, and not to who goes on behind."""
    await keep("file", path, make_letter("a"))
    path.write_bytes(path.read_bytes() + b"{damaged\n")
    reader = reader_of(path)
    first = (await anext(reader)).event_id

    with pytest.raises(ReplayError, match="cannot read 1 damaged lines") as told:
        await anext(reader)

    assert (first, told.value.lost) == ("a", 1)
    assert await ids(letters_in(path, "x"), Selection(checkpoint=reader.checkpoint)) == []
    await reader.aclose()


async def test_no_store_has_no_letters(path: Path) -> None:
    """Given no file, When it is read, Then nothing comes, and none is made."""
    found = await ids(letters_in(path, "letters"))

    assert found == []
    assert not path.exists()


async def test_it_follows_a_store_that_comes_later(
    kind: str, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given no file, When letters come, Then who follows gets them."""
    monkeypatch.setattr(reading_letters, "poll_interval", 0.01)
    reader = reader_of(path, Selection(follow=True))
    waiting = asyncio.ensure_future(anext(reader))
    await asyncio.sleep(0.02)

    await keep(kind, path, make_letter("a"))
    first = await waiting
    await keep(kind, path, make_letter("b"))
    second = await anext(reader)
    await reader.aclose()

    assert (first.event_id, second.event_id) == ("a", "b")


async def test_a_file_that_is_just_being_made_is_waited_for(
    kind: str, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given an empty file, which may become any store, When letters come, Then they are given."""
    monkeypatch.setattr(reading_letters, "poll_interval", 0.01)
    path.touch()
    reader = reader_of(path, Selection(follow=True))
    waiting = asyncio.ensure_future(anext(reader))
    await asyncio.sleep(0.02)

    await keep(kind, path, make_letter("a"))
    first = await waiting
    await reader.aclose()

    assert first.event_id == "a"


async def test_it_goes_on_after_a_cancelled_wait(
    kind: str, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given who follows and stopped waiting, When a letter comes, Then asking again gives it."""
    monkeypatch.setattr(reading_letters, "poll_interval", 0.01)
    await keep(kind, path, make_letter("a"))
    reader = reader_of(path, Selection(follow=True))
    first = await anext(reader)

    with pytest.raises(TimeoutError):
        await asyncio.wait_for(anext(reader), 0.05)
    await keep(kind, path, make_letter("b"))
    second = await anext(reader)
    await reader.aclose()

    assert (first.event_id, second.event_id) == ("a", "b")


async def test_a_checkpoint_of_another_file_is_refused(kind: str, path: Path) -> None:
    """Given a checkpoint behind the file's end, When resumed, Then nothing is passed over."""
    await keep(kind, path, make_letter("a"))
    reader = reader_of(path, Selection(checkpoint="99999"))

    with pytest.raises(ReplayError, match="the file was made anew"):
        await anext(reader)


async def test_a_checkpoint_without_a_file_is_refused(path: Path) -> None:
    """Given the file is gone, When resumed, Then that is said."""
    with pytest.raises(UnavailableError, match="No such file"):
        await ids(letters_in(path, "letters"), Selection(checkpoint="1"))


def test_what_is_no_checkpoint_is_refused(path: Path) -> None:
    """Given a foreign checkpoint, When a reading begins, Then it is told."""
    with pytest.raises(ReplayError, match="are positions as text"):
        letters_in(path, "letters").read(Selection(checkpoint='{"after":1}'))


async def test_letters_in_a_backplane_are_unwrapped() -> None:
    """Given letters in another backplane, When they are read, Then their events come."""
    options = InMemoryOptions(store=str(uuid4()))
    letters = [make_letter("a"), outcome("b"), make_letter("c", body=b"none")]
    await InMemoryBackplane.named(options.store).deliver([as_record(each) for each in letters])
    source = letters_held_by(Source("inMemory", plugin, options))
    reader = source.read(ALL)

    found = [encode(await anext(reader)) for _ in range(2)]
    with pytest.raises(ReplayError, match="the event of a dead letter in inMemory") as told:
        await anext(reader)
    rest = [envelope async for envelope in reader]
    outcomes = source.read(Selection(types=("outcome",), checkpoint="1"))

    assert (found, rest) == ([letter.body for letter in letters[:2]], [])
    assert told.value.record == b"none"
    assert (await anext(outcomes)).event_id == "b"
