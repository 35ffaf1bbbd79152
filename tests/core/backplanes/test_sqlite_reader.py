"""Reading an event database: slices, checkpoints, following, bad files and locks."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from experimentframework_core._sqlite import database as sqlite_database
from experimentframework_core.backplanes import _sqlite_reader
from experimentframework_core.backplanes._sqlite_reader import SqliteReader
from experimentframework_core.backplanes.sqlite import SqliteBackplane
from experimentframework_core.errors import ReplayError, TransientError, UnavailableError
from experimentframework_core.plugin import Selection
from experimentframework_core.testing import make_exposure, make_record, make_records

if TYPE_CHECKING:
    from pathlib import Path

    from experimentframework_core.envelope import Record


NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def small_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make every bound so small that some dozens of events cross them all."""
    monkeypatch.setattr(_sqlite_reader, "_range", 7)
    monkeypatch.setattr(_sqlite_reader, "_slice_rows", 5)


async def fill(path: Path, number: int) -> list[Record]:
    records = make_records(number)
    async with SqliteBackplane(path) as backplane:
        await backplane.deliver(records)
    return records


async def ids(reader: SqliteReader) -> list[str]:
    return [envelope.event_id async for envelope in reader]


def is_there(path: Path) -> bool:
    return path.exists()


def mark(path: Path) -> str:
    """Return the mark by which the file is known again."""
    with closing(sqlite3.connect(path)) as connection:
        return str(connection.execute("SELECT mark FROM file_mark").fetchone()[0])


def change(path: Path, sql: str) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute(sql)


@pytest.mark.usefixtures("small_slices")
async def test_slices_leave_nothing_out(path: Path) -> None:
    """Events arrive complete and in order over the bounds of slices and gaps of removed rows."""
    records = await fill(path, 60)
    change(path, "DELETE FROM events WHERE position BETWEEN 10 AND 40 OR position = 44")

    found = await ids(SqliteReader(path, Selection()))

    kept = [*records[:9], *records[40:43], *records[44:]]
    assert found == [record.event_id for record in kept]


@pytest.mark.usefixtures("small_slices")
async def test_a_rare_event_is_found_over_many_slices(path: Path) -> None:
    """Slices in which nothing is selected are passed over."""
    await fill(path, 40)
    async with SqliteBackplane(path) as backplane:
        await backplane.deliver([make_record(make_exposure(subject_id="rare"), event_id="rare")])
    await fill(path, 40)

    found = await ids(SqliteReader(path, Selection(subjects=("rare",))))

    assert found == ["rare"]


async def test_large_events_make_a_slice_small(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A slice ends when its bodies reach its bytes, so memory is bounded whatever is stored."""
    monkeypatch.setattr(_sqlite_reader, "_slice_bytes", 1000)
    slices: list[int] = []
    read_slice = _sqlite_reader._read_slice

    def counting(*args: object, **named: object) -> object:
        part = read_slice(*args, **named)  # type: ignore[arg-type]  # passed on as it came
        slices.append(len(part.rows))
        return part

    monkeypatch.setattr(_sqlite_reader, "_read_slice", counting)
    large = make_exposure(attributes={"text": "x" * 1000})
    async with SqliteBackplane(path) as backplane:
        await backplane.deliver([make_record(large) for _ in range(3)])

    await ids(SqliteReader(path, Selection()))

    assert slices == [1, 1, 1, 0]


async def test_many_subjects_can_be_selected(path: Path) -> None:
    """A selection may name more subjects than SQLite takes parameters."""
    await fill(path, 3)
    subjects = tuple(f"nobody-{number}" for number in range(50_000))

    found = await ids(SqliteReader(path, Selection(subjects=subjects)))

    assert found == []


async def test_the_checkpoint_moves_with_the_reading(path: Path) -> None:
    """The checkpoint stands behind the event that was given last, and goes on from there."""
    records = await fill(path, 3)
    reader = SqliteReader(path, Selection())

    assert reader.checkpoint is None
    await anext(reader)
    assert reader.checkpoint == f"1@{mark(path)}"
    await reader.aclose()

    rest = await ids(SqliteReader(path, Selection(checkpoint=reader.checkpoint)))
    assert rest == [record.event_id for record in records[1:]]


async def test_at_the_end_the_checkpoint_is_behind_what_was_not_selected(path: Path) -> None:
    """A later reading need not look again at rows that were read and not selected."""
    await fill(path, 3)
    reader = SqliteReader(path, Selection(types=("outcome",)))

    await ids(reader)

    assert reader.checkpoint == f"3@{mark(path)}"


@pytest.mark.parametrize("checkpoint", ["", "x", "-1", "1.5", "٣", "9" * 30, "1@", "1@x"])
def test_a_foreign_checkpoint_is_refused(path: Path, checkpoint: str) -> None:
    """A checkpoint of another reader is an error that shows it."""
    with pytest.raises(ReplayError, match="cannot read on from the checkpoint"):
        SqliteReader(path, Selection(checkpoint=checkpoint))


@pytest.mark.usefixtures("small_slices")
async def test_following_sees_what_comes_while_it_reads(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Events that are stored between two slices, or when all was read, are not passed over."""
    monkeypatch.setattr(_sqlite_reader, "poll_interval", 0.0)
    reader = SqliteReader(path, Selection(follow=True))
    expected: list[str] = []
    found: list[str] = []

    for number in (3, 1, 8, 2, 13):
        expected += [record.event_id for record in await fill(path, number)]
        found += [(await anext(reader)).event_id for _ in range(number)]
    await reader.aclose()

    assert found == expected


async def test_a_missing_file_is_an_error_and_is_not_made(path: Path) -> None:
    """Reading makes nothing; the error names the path."""
    with pytest.raises(UnavailableError, match=f"cannot read events from {path}: "):
        await ids(SqliteReader(path, Selection()))

    assert not is_there(path)


async def test_a_file_that_was_made_anew_is_not_read_on(path: Path) -> None:
    """A checkpoint behind the end of the file is of another file: nothing may be left out."""
    await fill(path, 3)

    with pytest.raises(ReplayError, match=r"checkpoint '4': .* ends at row 3; it was made anew"):
        await ids(SqliteReader(path, Selection(checkpoint="4")))


async def test_a_file_made_anew_with_as_many_rows_is_not_read_on(path: Path) -> None:
    """A checkpoint of another file is noticed however many rows the new one has."""
    await fill(path, 3)
    former = f"3@{mark(path)}"
    path.unlink()
    await fill(path, 5)

    with pytest.raises(ReplayError, match=rf"'{former}': .* is another file than .* made anew"):
        await ids(SqliteReader(path, Selection(checkpoint=former)))


async def test_a_file_made_anew_has_lost_nothing_before_its_first_row(path: Path) -> None:
    """A checkpoint at the very beginning passes over nothing, so it is good for any file."""
    await fill(path, 3)

    assert len(await ids(SqliteReader(path, Selection(checkpoint="0@00000000")))) == 3


async def test_removed_rows_do_not_make_a_file_another(path: Path) -> None:
    """A checkpoint is good where everything before it was removed since."""
    await fill(path, 3)
    change(path, "DELETE FROM events")

    found = await ids(SqliteReader(path, Selection(checkpoint=f"3@{mark(path)}")))

    assert found == []


async def test_a_file_without_a_mark_is_read_and_gets_one_when_it_is_written(path: Path) -> None:
    """Checkpoints of a file from before there were marks are row numbers, and stay good."""
    await fill(path, 3)
    change(path, "DROP TABLE file_mark")
    reader = SqliteReader(path, Selection())
    await ids(reader)
    before = reader.checkpoint

    await fill(path, 1)
    later = SqliteReader(path, Selection(checkpoint=before))

    assert (before, len(await ids(later)), later.checkpoint) == ("3", 1, f"4@{mark(path)}")


@pytest.mark.parametrize("replaced", [False, True])
async def test_following_notices_that_its_file_is_gone(
    path: Path, monkeypatch: pytest.MonkeyPatch, *, replaced: bool
) -> None:
    """A file that was removed, and may be another by now, ends the following with an error."""
    monkeypatch.setattr(_sqlite_reader, "poll_interval", 0.0)
    await fill(path, 1)
    reader = SqliteReader(path, Selection(follow=True))
    await anext(reader)

    path.rename(path.with_suffix(".old"))
    if replaced:
        await fill(path, 1)

    with pytest.raises(UnavailableError, match=r"removed or replaced|there is no such file"):
        await anext(reader)


async def test_a_row_that_is_no_event_is_named(path: Path) -> None:
    """A row that somebody changed by hand is named, with the checkpoint behind it."""
    records = await fill(path, 3)
    change(path, "UPDATE events SET body = 'x' WHERE position = 2")
    reader = SqliteReader(path, Selection())
    await anext(reader)

    with pytest.raises(ReplayError, match=rf"cannot read row 2 of {path}: .*checkpoint '2@") as it:
        await anext(reader)

    assert it.value.record == b"x"
    assert await ids(SqliteReader(path, Selection(checkpoint="2"))) == [records[2].event_id]


async def test_a_short_lock_is_waited_for(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that is locked for a moment is tried again; nothing is left out."""
    monkeypatch.setattr(_sqlite_reader, "_pause", 0.0)
    await fill(path, 2)
    reader = SqliteReader(path, Selection())
    run = reader._database.run
    locked = iter([TransientError("locked"), TransientError("locked")])

    async def run_later(*args: Any, **kwargs: Any) -> Any:
        for error in locked:
            raise error
        return await run(*args, **kwargs)

    monkeypatch.setattr(reader._database, "run", run_later)

    assert len(await ids(reader)) == 2


async def test_a_lock_that_stays_is_an_error(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that another program never gives free ends the reading with an error."""
    monkeypatch.setattr(sqlite_database, "busy_timeout", 0.0)
    monkeypatch.setattr(_sqlite_reader, "_pause", 0.0)
    await fill(path, 2)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")

        with pytest.raises(TransientError, match="another process is using it"):
            await ids(SqliteReader(path, Selection()))


async def test_a_reader_needs_no_right_to_write(path: Path) -> None:
    """The reading connection refuses to change the file."""
    await fill(path, 1)
    reader = SqliteReader(path, Selection())

    with pytest.raises(UnavailableError, match="SQLITE_READONLY"):
        await reader._database.run(
            lambda connection: connection.execute("DELETE FROM events"), doing="change"
        )
    await reader._database.aclose()


async def remove_before(path: Path, days: int) -> None:
    """Open the store as one that keeps events for so many days, so that it sweeps."""
    async with SqliteBackplane(path, retention_days=days, now=lambda: NOW):
        pass


async def fill_days(path: Path, ages: list[int]) -> list[Record]:
    """Store an event of each age in days."""
    records = [make_record(timestamp=NOW - timedelta(days=age)) for age in ages]
    async with SqliteBackplane(path, now=lambda: NOW) as backplane:
        await backplane.deliver(records)
    return records


async def test_rows_removed_by_retention_behind_a_checkpoint_are_told(path: Path) -> None:
    """A reading that resumes behind removed rows says how many, once, and goes on behind them."""
    records = await fill_days(path, [9, 8, 7, 6, 2, 1])
    await remove_before(path, 5)
    reader = SqliteReader(path, Selection(checkpoint="1"))

    with pytest.raises(ReplayError, match=r"the rows 2 to 4 of .*: .* at most 3 events") as told:
        await anext(reader)

    assert (told.value.lost, told.value.record, reader.checkpoint) == (3, None, f"4@{mark(path)}")
    assert await ids(reader) == [record.event_id for record in records[4:]]
    assert await ids(SqliteReader(path, Selection(checkpoint="4"))) == [
        record.event_id for record in records[4:]
    ]


async def test_where_everything_was_removed_that_is_told_too(path: Path) -> None:
    """A reading that resumes in an empty table says what is gone."""
    await fill_days(path, [9, 8, 7])
    await remove_before(path, 5)
    reader = SqliteReader(path, Selection(checkpoint="1"))

    with pytest.raises(ReplayError) as told:
        await anext(reader)

    assert (told.value.lost, await ids(reader), reader.checkpoint) == (
        2,
        [],
        f"3@{mark(path)}",
    )


@pytest.mark.parametrize("checkpoint", [None, "2", "4"])
async def test_what_was_read_before_is_no_loss(path: Path, checkpoint: str | None) -> None:
    """Nothing is told to who begins at the beginning, or had read what was removed."""
    records = await fill_days(path, [9, 8, 2, 1])
    await remove_before(path, 5)

    found = await ids(SqliteReader(path, Selection(checkpoint=checkpoint)))

    assert found == [record.event_id for record in records[4 if checkpoint == "4" else 2 :]]


async def test_what_is_not_asked_for_is_no_loss(path: Path) -> None:
    """Events that were removed because they are older than ``since`` are missed by nobody."""
    records = await fill_days(path, [9, 8, 7, 2])
    await remove_before(path, 5)

    since = NOW - timedelta(days=5)
    found = await ids(SqliteReader(path, Selection(checkpoint="1", since=since)))

    assert found == [records[3].event_id]


async def test_a_number_without_an_event_is_no_loss(path: Path) -> None:
    """An event that came twice takes a number and no row; where nothing was removed that is all."""
    records = await fill_days(path, [3])
    async with SqliteBackplane(path, now=lambda: NOW) as backplane:
        await backplane.deliver([records[0], records[0]])
    later = await fill_days(path, [2])

    found = await ids(SqliteReader(path, Selection(checkpoint="1")))

    assert found == [later[0].event_id]


@pytest.mark.usefixtures("small_slices")
async def test_what_is_removed_while_it_is_read_is_told(path: Path) -> None:
    """A slow reading that retention overtakes says so where it happens."""
    records = await fill_days(path, [*range(30, 0, -1)])
    reader = SqliteReader(path, Selection())
    first = [(await anext(reader)).event_id for _ in range(5)]

    await remove_before(path, 12)
    with pytest.raises(ReplayError) as told:
        await anext(reader)
    rest = await ids(reader)

    assert told.value.lost == 30 - 12 - 5
    assert first + rest == [record.event_id for record in [*records[:5], *records[18:]]]


@pytest.mark.parametrize(
    ("body", "stored"), [("'{broken'", b"{broken"), ("CAST(x'7bff' AS TEXT)", b"{\xff")]
)
async def test_the_reading_goes_on_behind_what_is_no_event(
    path: Path, body: str, stored: bytes
) -> None:
    """What is no event, or no UTF-8, is given as stored, and the same reader gives the rest."""
    records = await fill(path, 3)
    change(path, f"UPDATE events SET body = {body} WHERE position = 2")  # noqa: S608 - its own
    reader = SqliteReader(path, Selection())

    await anext(reader)
    with pytest.raises(ReplayError, match="cannot read row 2") as told:
        await anext(reader)

    assert told.value.record == stored
    assert await ids(reader) == [records[2].event_id]
