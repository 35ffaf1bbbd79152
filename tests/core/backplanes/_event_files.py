"""What is in a file of events, and what befalls it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any

from experimentframework_core.backplanes.sqlite import SqliteOptions, read_sqlite
from experimentframework_core.plugin import Selection

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from experimentframework_core.envelope import Envelope


def query(path: Path, sql: str, *parameters: object) -> list[tuple[Any, ...]]:
    """Return what a query of the file finds."""
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(sql, parameters).fetchall()


def damage(path: Path) -> None:
    """Overwrite some pages."""
    data = bytearray(path.read_bytes())
    data[4096 : 4096 * 8] = b"\xff" * 4096 * 7
    path.write_bytes(data)


def remove(path: Path) -> None:
    """Delete the file under whoever uses it."""
    path.unlink()


async def read(path: Path, selection: Selection | None = None) -> list[Envelope]:
    """Return the events that a reader finds."""
    reader = read_sqlite(SqliteOptions(path=str(path)), selection or Selection())
    return [envelope async for envelope in reader]


def event_ids(batches: Sequence[Sequence[Any]]) -> list[str]:
    """Return the ids of all events of some batches."""
    return [record.event_id for batch in batches for record in batch]
