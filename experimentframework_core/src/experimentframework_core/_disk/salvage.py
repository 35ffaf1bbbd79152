"""Damage to a journal: its files are copied aside, and what can be read goes into a new file.

The new file takes the place of the old one as a whole, in steps that the next opening takes up
wherever the last process ended: ``journal.db.new`` is being written and worth nothing,
``journal.db.salvaged`` is complete, and goes over the old file once that one's log is gone.
A log that is cut is kept as ``journal.db.log`` until then: SQLite deletes it after reading its
whole part.
"""

from __future__ import annotations

import errno
from contextlib import closing, suppress
from typing import TYPE_CHECKING

from experimentframework_core._disk import first_page, wal
from experimentframework_core._disk import journal_file as file
from experimentframework_core._disk import set_aside as files
from experimentframework_core._disk.journal_data import Lost, State
from experimentframework_core._disk.salvage_rows import (
    Marks,
    Raw,
    damage,
    raise_unless_damage,
    read_marks,
    read_rows,
)
from experimentframework_core._disk.settled import Settled
from experimentframework_core._failpoints import reach
from experimentframework_core._sqlite.database import busy_timeout, transaction
from experimentframework_core._syncing import sync
from experimentframework_core.errors import UnavailableError

if TYPE_CHECKING:
    import sqlite3
    from pathlib import Path

_no_room = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_quarantine = "INSERT INTO quarantine (sequence, accepted_at, slot, crc, body) VALUES (?,?,?,?,?)"


class Salvage:
    """What is to be done about damage. No connection to the file is open meanwhile.

    Attributes:
        due: Why a salvage is to be done before the file is used again, or nothing.
    """

    def __init__(self, path: Path) -> None:
        """Store the path of the journal's file."""
        self.due = ""
        self._path = path
        self._new = path.with_name(f"{path.name}.new")
        self._salvaged = path.with_name(f"{path.name}.salvaged")
        self._aside: Path | None = None
        self._kept_log = path.with_name(f"{path.name}.log")
        self._source = path
        self._log = b""

    def before_opening(self) -> bool:
        """End what a crash interrupted, and look at the log.

        Returns:
            Whether damage keeps SQLite from the end of the log. The files are then copied aside,
            and a salvage is due that reads the log page by page.

        Raises:
            UnavailableError: The file is none of ours; it is left alone.
        """
        if self._salvaged.exists():
            self._replace()
        elif moved := files.find_moved(self._path):
            self._aside, self._source = moved, moved / self._path.name
            self._log = files.read(self._kept_log)
            self.due = "an earlier salvage was interrupted"
            return False
        files.settle(self._path)
        # Beside a rollback journal nothing can be told: power was lost while the file was made.
        if not files.has_rollback_journal(self._path) and not first_page.is_ours(self._path):
            raise UnavailableError(
                f"cannot use {self._path}: it is no SQLite database; choose another path"
            )
        return self._look_at_log()

    def _look_at_log(self) -> bool:
        log = files.read_log(self._path)
        # SQLite would drop the log of an empty file; it is never empty while there is a log.
        emptied = bool(log) and not first_page.read(self._path)
        if emptied or wal.inspect(log, file.page_size).cut:
            files.keep(files.log_of(self._path), self._kept_log)
        elif not (log := files.read(self._kept_log)):
            return False
        self._set_aside()
        self._log = log
        self.due = "the log is damaged"
        return True

    def is_due(self) -> bool:
        """Return whether the file cannot be opened because its first page is damaged."""
        import sqlite3

        try:
            with closing(self._make_new()):
                sound = first_page.read(self._new)
            return first_page.is_broken(first_page.read(self._path), sound)
        except (OSError, sqlite3.Error):
            return False
        finally:
            self._remove_new()

    def run(self) -> Lost:
        """Copy the files aside, if that is not done yet, and put what can be read in their place.

        Raises:
            OSError: There is no room, or a disk fails. Nothing is lost; try again.
            sqlite3.Error: The same.
        """
        self._set_aside()
        try:
            ranges, quarantined = self._write_new()
            reach("journal.in_salvage")
        except BaseException:
            self._remove_new()
            raise
        sync(self._new)
        self._new.rename(self._salvaged)
        sync(self._path.parent)
        reach("journal.in_salvage")
        self._replace()
        copy = str(self._aside).removesuffix(".moved")
        self.due, self._aside, self._source, self._log = "", None, self._path, b""
        return Lost(ranges, quarantined, copy)

    def _set_aside(self) -> None:
        if self._aside is not None:
            return
        try:
            self._aside = files.copy_aside(self._path)
        except OSError as error:
            if error.errno not in _no_room:
                raise
            self._aside = files.move_aside(self._path)
            self._source = self._aside / self._path.name

    def _write_new(self) -> tuple[list[tuple[int, int]], int]:
        with closing(self._make_new()) as new:
            marks = _read_marks(self._source, first_page.read(self._new))
            log = self._log or files.read_log(self._source)
            return _carry_over(self._source, log, marks, new)

    def _make_new(self) -> sqlite3.Connection:
        self._remove_new()
        new = _connect(self._new)
        new.execute(f"PRAGMA page_size={file.page_size}")
        new.execute("PRAGMA journal_mode=OFF")
        new.execute("PRAGMA synchronous=OFF")
        file.schema.create(new, self._new)
        return new

    def _remove_new(self) -> None:
        for name in (self._new, files.log_of(self._new)):
            with suppress(OSError):
                name.unlink(missing_ok=True)

    def _replace(self) -> None:
        for log in (files.log_of(self._path), self._kept_log):
            log.unlink(missing_ok=True)
        sync(self._path.parent)
        self._salvaged.rename(self._path)
        sync(self._path.parent)
        files.settle(self._path)


def _connect(path: Path) -> sqlite3.Connection:
    import sqlite3

    return sqlite3.connect(path, timeout=busy_timeout, isolation_level=None)


def _read_marks(path: Path, sound: bytes) -> Marks:
    """Read the marks, with a sound first page if it must be; without them if that does not help."""
    for last_try in (False, True):
        with closing(_connect(path)) as connection:
            try:
                connection.execute("PRAGMA locking_mode=EXCLUSIVE")
                file.check_tables(connection)
                return read_marks(connection)
            except damage() as error:
                raise_unless_damage(error)
        if not last_try:
            first_page.mend(path, sound)
    rows = (row.sequence for good, _ in read_rows(path) for row in good)
    return Marks(State(0, max(min(rows, default=1), 1), 0), {}, [])


def _carry_over(
    path: Path, log: bytes, marks: Marks, new: sqlite3.Connection
) -> tuple[list[tuple[int, int]], int]:
    """Write what can be read into the new file; return what is lost, how many are quarantined."""
    last, below = marks.state.last, marks.state.below
    settled, known = Settled(below, marks.blocks), Settled(below, marks.blocks)
    kept, gone = Settled(below), Settled(below)
    length = 0
    rejected: list[Raw] = []
    with transaction(new):
        for good, bad in read_rows(path, log):
            rows = [row for row in good if known.add(row.sequence)]
            for row in rows:
                kept.add(row.sequence)
                length += len(row.body)
                last = max(last, row.sequence)
            file.insert_rows(new, rows)
            rejected += [raw for raw in bad if raw[0] not in settled]
        rejected = [raw for raw in rejected if raw[0] <= last and raw[0] not in kept]
        new.executemany(_quarantine, (*marks.quarantined, *rejected))
        for first, end in kept.missing(last):
            gone.add_range(first, end)
        file.write_marks(new, State(last, gone.below, length), gone.blocks())
    return list(known.missing(last)), len(rejected)
