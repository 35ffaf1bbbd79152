"""Journals for tests: rows, commits, and what a kill leaves behind."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import asynccontextmanager, closing
from typing import TYPE_CHECKING, Any

from experimentframework_core._disk.journal import Commit, Journal, Row, Want, file_name

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable
    from pathlib import Path

page_size = 4096


def row(sequence: int, body: bytes = b"", slot: int = 0) -> Row:
    return Row(sequence, 1_700_000_000_000 + sequence, slot, body or b"%d" % sequence * 50)


def rows(first: int, last: int) -> list[Row]:
    return [row(number, slot=number % 5) for number in range(first, last + 1)]


def commit(new: Iterable[Row] = (), last: int = 0, below: int = 1, **facts: Any) -> Commit:
    new = list(new)
    last = last or (new[-1].sequence if new else 0)
    length = sum(len(each.body) for each in new)
    return Commit(
        **{"blocks": {}, "trim": (), "bytes": length, **facts}, rows=new, last=last, below=below
    )


def want(after: int = 0, lane: int = 0, lanes: int = 1, most: int = 1000) -> Want:
    return Want(after, lane, lanes, most, 1 << 20)


@asynccontextmanager
async def opened(folder: Path) -> AsyncIterator[Journal]:
    journal = Journal(folder)
    await journal.open()
    try:
        yield journal
    finally:
        await journal.aclose()


async def filled(folder: Path, *commits: Commit) -> Path:
    """Make a journal with these commits, closed, and return its file."""
    async with opened(folder) as journal:
        for each in commits:
            turn = await journal.turn(each, ())
            assert turn.error is None
    return folder / file_name


async def killed(folder: Path, *commits: Commit) -> Path:
    """Make a journal as a kill after these commits leaves it, with a log; return its file."""
    async with opened(folder.with_name("alive")) as journal:
        for each in commits:
            await journal.turn(each, ())
        shutil.copytree(journal.path.parent, folder)
    return folder / file_name


async def content(folder: Path) -> list[Row]:
    """Return all rows of a journal, through its own interface."""
    async with opened(folder) as journal:
        turn = await journal.turn(None, [want(most=100_000)])
        assert turn.error is None
        return list(turn.pages[0].rows)


def execute(path: Path, *statements: str) -> list[Any]:
    """Use a closed journal's file by hand; return what the last statement gives."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        return [connection.execute(statement).fetchall() for statement in statements][-1]


def overwrite(path: Path, place: int, data: bytes) -> None:
    with path.open("r+b") as file:
        file.seek(place)
        file.write(data)


def root_page(path: Path, table: str) -> int:
    [(page,)] = execute(path, f"SELECT rootpage FROM sqlite_master WHERE name = '{table}'")  # noqa: S608 - a test's own table
    return (int(page) - 1) * page_size


def place_of(path: Path, data: bytes) -> int:
    place = path.read_bytes().find(data)
    assert place >= 0
    return place


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def damaged_folders(folder: Path) -> list[Path]:
    return sorted(folder.glob("damaged-*"))
