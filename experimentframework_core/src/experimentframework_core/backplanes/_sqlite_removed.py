"""What `retentionDays` has removed from an event database, for who comes back to read on."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import sqlite3

# Not a part of the schema: files without it are as good, and nothing was removed from them.
_create = """
CREATE TABLE IF NOT EXISTS removed (
    only     INTEGER PRIMARY KEY CHECK (only = 1),
    position INTEGER NOT NULL,  -- the highest one that was removed
    before   INTEGER NOT NULL   -- all events that were removed happened before
)
"""
_note = """
INSERT INTO removed (only, position, before) VALUES (1, ?, ?)
ON CONFLICT (only) DO UPDATE SET
    position = max(position, excluded.position), before = max(before, excluded.before)
"""
_is_there = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'removed'"


def note_removed(position: int, before: int, connection: sqlite3.Connection) -> None:
    """Note that rows up to a position are being removed, of events before a time."""
    connection.execute(_create)
    connection.execute(_note, (position, before))


def count_lost(
    position: int, first: int | None, since: int | None, connection: sqlite3.Connection
) -> int:
    """Return how many rows right behind a position may have been removed: none, or at most so many.

    A number without a row need not have had one: an event that came twice takes one too.

    Args:
        position: Where the reading stands.
        first: The first position behind it that has a row; None if there is none.
        since: The first time of what is read; None for all.
        connection: An open event database.
    """
    if first == position + 1 or connection.execute(_is_there).fetchone() is None:
        return 0
    through, before = connection.execute("SELECT position, before FROM removed").fetchone()
    if since is not None and since >= before:
        return 0
    end: int = through if first is None else min(through, first - 1)
    return max(0, end - position)
