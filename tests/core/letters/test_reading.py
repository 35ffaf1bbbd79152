"""What can be done with kept dead letters: chosen, counted, removed; the same in every file."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from experimentframework_core._letters import letter_rows
from experimentframework_core.deadletter import (
    FileDeadLetterStore,
    LetterFilter,
    ReadableLetters,
    SqliteDeadLetterStore,
    open_letters,
)
from experimentframework_core.errors import TransientError, UnavailableError
from tests.core.letters._letters import NOON, ids_in, make_letter

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

HOUR = timedelta(hours=1)
FILTERS = [
    (LetterFilter(), {"a", "b", "c", "d"}),
    (LetterFilter(types=("outcome",)), {"b"}),
    (LetterFilter(types=("outcome", "exposure")), {"a", "b", "c", "d"}),
    (LetterFilter(experiments=("search",)), {"c"}),
    (LetterFilter(backplanes=("store",)), {"d"}),
    (LetterFilter(reasons=("attempts", "plugin_error")), {"b", "c"}),
    (LetterFilter(ids=("a", "d", "zzz")), {"a", "d"}),
    (LetterFilter(since=NOON + HOUR), {"b", "c", "d"}),
    (LetterFilter(until=NOON + HOUR), {"a"}),
    (LetterFilter(since=NOON + HOUR, until=NOON + 2 * HOUR), {"b", "c"}),
    (LetterFilter(types=("exposure",), reasons=("attempts",)), set()),
]


@pytest.fixture(params=["sqlite", "file"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[ReadableLetters]:
    path = tmp_path / "letters"
    kinds = {"sqlite": SqliteDeadLetterStore, "file": FileDeadLetterStore}
    async with kinds[request.param](path) as store:
        yield store


async def fill(store: ReadableLetters) -> None:
    later = {"first_at": NOON, "last_at": NOON + HOUR}
    await store.write([make_letter("a")])
    await store.write(
        [
            make_letter("b", event_type="outcome", reason="attempts", **later),
            make_letter("c", experiment="search", reason="plugin_error", **later),
        ]
    )
    await store.write(
        [make_letter("d", experiment=None, backplane="store", last_at=NOON + 2 * HOUR)]
    )


async def test_a_letter_comes_back_whole(store: ReadableLetters) -> None:
    """Given letters with any bytes, When they are selected, Then every field is as it was."""
    letters = [
        make_letter("a", traceback="File …\n", attempts=7, last_at=NOON + HOUR),
        make_letter("b", body=bytes(range(256)), experiment=None),
        make_letter("c", body=b'{"eventId":"c", "x" : 1.50}'),
        make_letter("d", body=b'{"line":\n1}'),
        make_letter("e", body=b""),
    ]

    await store.write(letters)

    assert [each.letter async for each in store.select()] == letters


@pytest.mark.parametrize(("chosen", "expected"), FILTERS)
async def test_a_filter_takes_what_it_says(
    store: ReadableLetters, chosen: LetterFilter, expected: set[str]
) -> None:
    """Given different letters, When some are chosen, Then exactly those come, and are counted."""
    await fill(store)

    found = await ids_in(store, chosen)

    assert set(found) == expected
    assert await store.count(chosen) == len(found) == len(expected)


@pytest.mark.parametrize(("chosen", "expected"), FILTERS)
async def test_a_purge_takes_the_same(
    store: ReadableLetters, chosen: LetterFilter, expected: set[str]
) -> None:
    """Given different letters, When some are purged, Then exactly those are gone."""
    await fill(store)

    removed = await store.purge(chosen)

    assert removed == len(expected)
    assert set(await ids_in(store)) == {"a", "b", "c", "d"} - expected


async def test_letters_are_removed_by_position(store: ReadableLetters) -> None:
    """Given letters, When some positions are removed twice, Then they count once."""
    await fill(store)
    positions = [each.position async for each in store.select(LetterFilter(ids=("a", "c")))]

    removed = await store.remove(positions), await store.remove(positions)

    assert removed == (2, 0)
    assert await ids_in(store) == ["b", "d"]


async def test_what_is_removed_can_come_again(store: ReadableLetters) -> None:
    """Given a removed letter, When its event is refused once more, Then it is kept again."""
    await store.write([make_letter("a")])
    await store.purge()

    await store.write([make_letter("a", error="still too large")])

    assert [each.letter.error async for each in store.select()] == ["still too large"]


async def test_the_last_story_of_an_event_counts(store: ReadableLetters) -> None:
    """Given an event refused twice, When it is selected, Then once: first time, last reason."""
    await store.write([make_letter("a"), make_letter("b")])
    await store.write([make_letter("a", first_at=NOON + HOUR, last_at=NOON + HOUR, error="no")])

    letters = [each.letter async for each in store.select(LetterFilter(ids=("a",)))]

    assert [(each.error, each.first_at, each.last_at) for each in letters] == [
        ("no", NOON, NOON + HOUR)
    ]
    assert await store.count() == 2


async def test_each_origin_has_its_own_letter(store: ReadableLetters) -> None:
    """Given one event of two configurations, When one's letter goes, Then the other's stays."""
    await store.write([make_letter("a", origin="/b"), make_letter("a", origin="/a")])
    await store.write([make_letter("a", origin="/a", attempts=7), make_letter("z")])

    before = await store.origins(), await store.origins(LetterFilter(ids=("a",)))
    removed = await store.purge(LetterFilter(origins=("/a",)))

    left = [each.letter async for each in store.select()]
    assert before == ({"": 1, "/a": 1, "/b": 1}, {"/a": 1, "/b": 1})
    assert removed == 1
    assert {(each.event_id, each.origin, each.attempts) for each in left} == {
        ("a", "/b", 1),
        ("z", "", 1),
    }


async def test_many_letters_are_read_in_slices(
    store: ReadableLetters, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given more letters than fit a slice, When some go while they are read, Then none is twice."""
    monkeypatch.setattr(letter_rows, "_slice_rows", 7)
    monkeypatch.setattr(letter_rows, "_range", 16)
    await store.write([make_letter(f"e-{number}") for number in range(60)])
    found = []

    async for each in store.select():
        found.append(each.letter.event_id)
        await store.remove([each.position])

    assert found == [f"e-{number}" for number in range(60)]
    assert await store.count() == 0


async def test_what_comes_meanwhile_is_left_for_the_next_time(store: ReadableLetters) -> None:
    """Given a reading under way, When letters are written for ever, Then it ends all the same."""
    await store.write([make_letter("a"), make_letter("b")])
    found = []

    async for each in store.select():
        found.append(each.letter.event_id)
        await store.write([make_letter(f"new-{len(found)}")])

    assert found == ["a", "b"]
    assert await store.count() == 4


class TestOpenLetters:
    """A file says itself what it is."""

    @pytest.mark.parametrize("kind", [SqliteDeadLetterStore, FileDeadLetterStore])
    async def test_each_kind_is_known_again(
        self, kind: type[SqliteDeadLetterStore | FileDeadLetterStore], tmp_path: Path
    ) -> None:
        async with kind(tmp_path / "letters") as made:
            await made.write([make_letter("a")])

        async with open_letters(tmp_path / "letters") as store:
            found = await ids_in(store)

        assert type(store) is kind
        assert found == ["a"]

    def test_a_missing_file_is_not_made(self, tmp_path: Path) -> None:
        with pytest.raises(UnavailableError, match="No such file"):
            open_letters(tmp_path / "letters.db")

        assert not (tmp_path / "letters.db").exists()

    async def test_any_other_file_is_refused_and_left_as_it_is(self, tmp_path: Path) -> None:
        content = b"no database, but long enough to be one\n" * 9
        path = tmp_path / "letters.db"
        path.write_bytes(content)

        async with open_letters(path) as store:
            with pytest.raises(UnavailableError, match=r"letters\.db"):
                await store.count()

        assert path.read_bytes() == content

    async def test_an_empty_file_is_told_and_left_as_it_is(self, tmp_path: Path) -> None:
        """It stays empty: no store being made by another process, for which it is waited."""
        path = tmp_path / "letters.db"
        path.touch()

        async with open_letters(path) as store:
            with pytest.raises(TransientError, match=r"letters\.db: it is empty"):
                await store.count()

        assert path.read_bytes() == b""

    async def test_a_store_that_is_just_being_made_is_waited_for(self, tmp_path: Path) -> None:
        """Given a file whose tables are not there yet, When they come, Then it is read."""
        path = tmp_path / "letters.db"
        path.touch()

        async with open_letters(path) as store, SqliteDeadLetterStore(path) as other:
            counting = asyncio.ensure_future(store.count())
            await asyncio.sleep(0.01)
            await other.write([make_letter("a")])
            assert await counting == 1
