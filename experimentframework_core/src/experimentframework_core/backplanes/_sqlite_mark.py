"""The mark by which an event database is known again: a file made anew has another."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from experimentframework_core._sqlite.database import transaction

if TYPE_CHECKING:
    import sqlite3

# Not a part of the schema: files without it can be read, and get it when they are next written.
_create = """
CREATE TABLE IF NOT EXISTS file_mark (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    mark TEXT NOT NULL  -- random: no other file has it, but copies of this one
)
"""
_insert = "INSERT INTO file_mark (only, mark) VALUES (1, ?) ON CONFLICT (only) DO NOTHING"
_is_there = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'file_mark'"


def mark_file(connection: sqlite3.Connection) -> None:
    """Mark a file that has no mark."""
    if mark_of(connection) is None:
        with transaction(connection):
            connection.execute(_create)
            connection.execute(_insert, (secrets.token_hex(4),))


def mark_of(connection: sqlite3.Connection) -> str | None:
    """Return a file's mark; None where it has none."""
    if connection.execute(_is_there).fetchone() is None:
        return None
    found = connection.execute("SELECT mark FROM file_mark").fetchone()
    return None if found is None else str(found[0])
