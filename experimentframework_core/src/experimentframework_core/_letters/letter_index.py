"""Which lines of a file of dead letters count: an index on disk, kept up with the file."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from msgspec.structs import astuple, replace

from experimentframework_core._letters import letter_file as file
from experimentframework_core._letters import letter_rows as rows
from experimentframework_core._letters.letter_schema import schema
from experimentframework_core.errors import UnavailableError

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence
    from pathlib import Path

    from experimentframework_core._letters.letters import LetterFilter, StoredLetter

_insert = rows.upsert.replace("(event_id,", "(position, event_id,", 1).replace(
    "VALUES (?,", "VALUES (?, ?,", 1
)
_latest = f"{_insert.rstrip()}, position = excluded.position, stored_at = excluded.stored_at"
_remove = (
    "DELETE FROM dead_letters WHERE event_id = ? AND backplane = ? AND position <= ? AND origin = ?"
)


class LetterIndex:
    """The stories of the letters that count, without the events, in a temporary database.

    SQLite keeps it in a file of its own that ends with the connection, so memory is bounded. All
    of it is used by one thread. A letter's position is that of its line, from 1.

    Attributes:
        damaged: Lines that could not be read.
        damaged_until: Where the last of them ends.
    """

    def __init__(self, path: Path) -> None:
        """Index the file at ``path``; nothing is opened."""
        self.damaged = 0
        self.damaged_until = 0
        self._path = path
        self._end = 0
        self._good = 0
        self._made: sqlite3.Connection | None = None

    def refresh(self) -> int:
        """Read what was appended since the last time; return where the file ended.

        Raises:
            OSError: The file cannot be read.
            UnavailableError: It is no file of dead letters, or of a newer version.
        """
        if not self._path.exists():
            return self._end
        try:
            with self._path.open("rb") as lines, self._connection as index:
                for line in file.read(lines, self._path, self._end):
                    self._take(line, index)
                    self._end = line.end
        except BaseException:
            self.close()
            raise
        if self.damaged and not self._good:
            raise UnavailableError(
                f"cannot use {self._path}: it is no dead-letter file of experimentframework;"
                " choose another path"
            )
        return self._end

    def slice(self, chosen: LetterFilter, after: int, last: int) -> rows.Slice | None:
        """Return some chosen letters without their events; see `_letter_rows.read_slice`."""
        return rows.read_slice(rows.condition(chosen), after, last, self._connection)

    def count(self, chosen: LetterFilter) -> int:
        """Return how many letters are chosen."""
        return rows.count(rows.condition(chosen), self._connection)

    def origins(self, chosen: LetterFilter) -> dict[str, int]:
        """Return how many letters are chosen of each origin."""
        return rows.origins(rows.condition(chosen), self._connection)

    def complete(self, letters: Sequence[StoredLetter]) -> list[StoredLetter]:
        """Return letters of a slice with their events."""
        found = []
        with self._path.open("rb") as lines:
            for each in letters:
                line = next(file.read(lines, self._path, each.position - 1), None)
                if line is not None and line.letter is not None:
                    whole = replace(each.letter, body=line.letter.letter.body)
                    found.append(replace(each, letter=whole))
        return found

    def removals(self, positions: Sequence[int]) -> list[file.Removed]:
        """Return what to write so that the letters at these positions count no longer."""
        found = self._connection.execute(
            "SELECT event_id, backplane, position, origin FROM dead_letters"
            " WHERE position IN (SELECT value FROM json_each(?))",
            (json.dumps(list(positions)),),
        )
        return [file.Removed(*each) for each in found]

    def close(self) -> None:
        """Give the index up; the next use makes a new one."""
        made, self._made, self._end, self._good, self.damaged = self._made, None, 0, 0, 0
        self.damaged_until = 0
        if made is not None:
            made.close()

    def _take(self, line: file.Line, index: sqlite3.Connection) -> None:
        if line.damaged:
            self.damaged += 1
            self.damaged_until = line.end
            return
        self._good += 1
        if line.letter is not None:
            story = replace(line.letter.letter, body=b"")
            values = (line.letter.position, *rows.row(story, line.letter.stored_at))
            index.execute(_latest, values)
        index.executemany(_remove, [astuple(each) for each in line.removed])

    @property
    def _connection(self) -> sqlite3.Connection:
        if self._made is None:
            import sqlite3

            self._made = sqlite3.connect("")
            for statement in schema.statements:
                self._made.execute(statement)
        return self._made
