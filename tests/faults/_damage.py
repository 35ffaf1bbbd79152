"""Journals to damage, and the ways in which bytes go wrong."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from experimentframework_core._disk import journal_file as file
from experimentframework_core._disk.journal import Commit, Row
from experimentframework_core._disk.settled import Settled

if TYPE_CHECKING:
    from pathlib import Path
    from random import Random

Files = dict[str, bytes]
"""The content of each file of a journal, by the file's name."""

names = ("journal.db", "journal.db-wal")
sector = 512
_frame = file.page_size + 24


class Layout(NamedTuple):
    """How a journal is filled.

    Attributes:
        commits: How many rows each commit has.
        body: How long a body is at most.
        checkpointed: After how many commits the log is moved into the file.
        settled: Ranges of settled numbers.
        trimmed: Those of them whose rows are gone.
    """

    commits: tuple[int, ...]
    body: int
    checkpointed: int = 0
    settled: tuple[tuple[int, int], ...] = ()
    trimmed: tuple[tuple[int, int], ...] = ()


layouts = (
    Layout((1,), 300),
    Layout((40, 40, 40), 300, checkpointed=3),
    Layout((40, 40, 40), 300),
    Layout((100, 100, 100, 100), 300, 2, ((1, 120), (200, 210)), ((1, 100),)),
    Layout((100, 200, 100), 60, 3, ((1, 200), (300, 310)), ((1, 50), (300, 310))),
    Layout((6, 6, 6), 9000, 1, ((2, 3),)),
    Layout((300, 300), 500, 1, ((1, 150),), ((1, 150),)),
    Layout((0, 0), 1, 1),
)


class Journal(NamedTuple):
    """A journal whose content is known: its files, its rows, what of them is settled."""

    files: Files
    rows: dict[int, Row]
    settled: Settled

    @property
    def due(self) -> set[int]:
        """The numbers that are to be delivered."""
        return {number for number in self.rows if number not in self.settled}


def make(folder: Path, layout: Layout, random: Random) -> Journal:
    """Fill a journal and return its files as a kill at that moment leaves them."""
    path = folder / names[0]
    rows: dict[int, Row] = {}
    settled = Settled()
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        file.prepare(path, connection)
        for number, count in enumerate(layout.commits, 1):
            new = [_row(len(rows) + 1 + n, layout.body, random) for n in range(count)]
            rows.update((row.sequence, row) for row in new)
            final = number == len(layout.commits)
            file.write(connection, _commit(new, len(rows), layout, settled, final=final))
            if number == layout.checkpointed:
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return Journal(read_files(folder), rows, settled)


def _row(sequence: int, longest: int, random: Random) -> Row:
    body = random.randbytes(random.randint(longest // 2, longest))
    return Row(sequence, 1_700_000_000_000 + sequence, random.getrandbits(32), body)


def _commit(rows: list[Row], last: int, layout: Layout, settled: Settled, *, final: bool) -> Commit:
    for settling in layout.settled if final else ():
        settled.add_range(*settling)
    trim = layout.trimmed if final else ()
    length = sum(len(row.body) for row in rows)
    return Commit(rows, last, length, settled.below, settled.changes(), trim)


def read_files(folder: Path) -> Files:
    """Return what the journal's files in a folder hold."""
    paths = [folder / name for name in names]
    return {
        path.name: content for path in paths if path.exists() and (content := path.read_bytes())
    }


def write_files(folder: Path, files: Files) -> None:
    """Write the files into a folder."""
    for name, content in files.items():
        (folder / name).write_bytes(content)


def damage(files: Files, random: Random) -> Files:
    """Return the files with one to three things wrong in them."""
    damaged = dict(files)
    for _ in range(random.choice((1, 1, 1, 2, 3))):
        filled = [name for name in names if damaged.get(name)]
        if not filled:
            break
        name = random.choice(filled)
        content = bytearray(damaged[name])
        random.choice(_ways)(content, random)
        damaged[name] = bytes(content)
    return damaged


def _flip(content: bytearray, random: Random) -> None:
    for _ in range(random.choice((1, 1, 1, 4, 16))):
        content[random.randrange(len(content))] ^= 1 << random.randrange(8)


def _flip_near_the_start(content: bytearray, random: Random) -> None:
    content[random.randrange(min(len(content), 128))] = random.randrange(256)


def _cut(content: bytearray, random: Random) -> None:
    del content[random.randrange(len(content)) :]


def _cut_sectors(content: bytearray, random: Random) -> None:
    del content[random.randrange(len(content)) // sector * sector :]


def _grow(content: bytearray, random: Random) -> None:
    content += random.randbytes(random.randrange(1, 10_000))


def _overwrite(content: bytearray, random: Random, *, size: int, blank: bool) -> None:
    start = random.randrange(len(content)) // size * size
    end = min(start + size, len(content))
    content[start:end] = bytes(end - start) if blank else random.randbytes(end - start)


def _swap(content: bytearray, random: Random, *, start: int, size: int) -> None:
    pages = (len(content) - start) // size
    if pages < 1:
        return
    first, second = (start + random.randrange(pages) * size for _ in range(2))
    kept = content[first : first + size]
    content[first : first + size] = content[second : second + size]
    content[second : second + size] = kept


def _repeat(content: bytearray, random: Random) -> None:
    size = file.page_size
    pages = max(len(content) // size, 1)
    first, second = (random.randrange(pages) * size for _ in range(2))
    content[first : first + size] = content[second : second + size]


_ways = (
    _flip,
    _flip,
    _flip,
    _flip_near_the_start,
    _cut,
    _cut_sectors,
    _grow,
    partial(_overwrite, size=sector, blank=True),
    partial(_overwrite, size=file.page_size, blank=True),
    partial(_overwrite, size=file.page_size, blank=False),
    partial(_swap, start=0, size=file.page_size),
    partial(_swap, start=32, size=_frame),
    _repeat,
)
