"""Dead letters as rows of a SQLite table: written, chosen, read and removed in slices."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from experimentframework_core._letters.letters import DeadLetter, StoredLetter
from experimentframework_core._sqlite.database import microseconds, transaction

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

    from experimentframework_core._letters.letters import LetterFilter

upsert = """
INSERT INTO dead_letters (event_id, backplane, event_type, experiment, reason, error, error_class,
                          attempts, first_at, last_at, stored_at, traceback, body, origin)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (event_id, backplane, origin) DO UPDATE SET
    reason = excluded.reason, error = excluded.error, error_class = excluded.error_class,
    attempts = excluded.attempts,
    first_at = min(first_at, excluded.first_at), last_at = max(last_at, excluded.last_at),
    traceback = excluded.traceback, body = excluded.body
"""

_columns = (
    "position, stored_at, event_id, backplane, event_type, experiment, reason, error, error_class,"
    " attempts, first_at, last_at, traceback, body, origin"
)
_epoch = datetime(1970, 1, 1, tzinfo=UTC)
_range = 5000
_slice_rows = 500
_slice_bytes = 1024 * 1024


class Slice(NamedTuple):
    """Some letters, and the position up to which the table is read with them."""

    letters: list[StoredLetter]
    end: int


class Condition(NamedTuple):
    """A filter in SQL, to stand behind a condition on the position."""

    sql: str
    parameters: tuple[str | int, ...]


def condition(chosen: LetterFilter) -> Condition:
    """Return ``chosen`` in SQL."""
    criteria: list[tuple[str, str | int]] = [
        # A list as one parameter: no limit on its length.
        (f"{column} IN (SELECT value FROM json_each(?))", json.dumps(values))  # noqa: S608 - constants
        for column, values in (
            ("event_type", chosen.types),
            ("experiment", chosen.experiments),
            ("backplane", chosen.backplanes),
            ("reason", chosen.reasons),
            ("event_id", chosen.ids),
            ("origin", chosen.origins),
        )
        if values
    ]
    if chosen.since is not None:
        criteria.append(("last_at >= ?", microseconds(chosen.since)))
    if chosen.until is not None:
        criteria.append(("last_at < ?", microseconds(chosen.until)))
    if chosen.after:
        criteria.append(("position > ?", chosen.after))
    return Condition(
        "".join(f" AND +{each}" for each, _ in criteria),
        tuple(parameter for _, parameter in criteria),
    )


def row(letter: DeadLetter, stored_at: datetime) -> tuple[str | int | bytes | None, ...]:
    """Return the parameters of `upsert`."""
    return (
        letter.event_id,
        letter.backplane,
        letter.event_type,
        letter.experiment,
        letter.reason,
        letter.error,
        letter.error_class,
        letter.attempts,
        microseconds(letter.first_at),
        microseconds(letter.last_at),
        microseconds(stored_at),
        letter.traceback,
        letter.body,
        letter.origin,
    )


def last_position(connection: sqlite3.Connection) -> int:
    """Return the highest position there is; 0 where the table is empty."""
    (last,) = connection.execute("SELECT max(position) FROM dead_letters").fetchone()
    return int(last or 0)


def end(connection: sqlite3.Connection) -> int:
    """Return the highest position that there ever was; 0 where there was none."""
    found = connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'dead_letters'")
    (last,) = found.fetchone() or (0,)
    return int(last)


def read_slice(
    where: Condition, after: int, last: int, connection: sqlite3.Connection
) -> Slice | None:
    """Return the chosen letters behind ``after`` that fit one slice; None behind ``last``."""
    bounds = _next_range(after, last, connection)
    if bounds is None:
        return None
    sql = f"SELECT {_columns} FROM dead_letters WHERE position BETWEEN ? AND ?"  # noqa: S608 - constants
    cursor = connection.execute(f"{sql}{where.sql} ORDER BY position", (*bounds, *where.parameters))
    letters: list[StoredLetter] = []
    size = 0
    for found in cursor:
        letters.append(_letter(found))
        size += len(letters[-1].letter.body)
        if len(letters) == _slice_rows or size >= _slice_bytes:
            cursor.close()
            return Slice(letters, letters[-1].position)
    return Slice(letters, bounds[1])


def count(where: Condition, connection: sqlite3.Connection) -> int:
    """Return how many letters are chosen."""
    sql = f"SELECT count(*) FROM dead_letters WHERE position > 0{where.sql}"  # noqa: S608 - constants
    (number,) = connection.execute(sql, where.parameters).fetchone()
    return int(number)


def origins(where: Condition, connection: sqlite3.Connection) -> dict[str, int]:
    """Return how many of the chosen letters are of each origin, sorted."""
    sql = (
        f"SELECT origin, count(*) FROM dead_letters WHERE position > 0{where.sql}"  # noqa: S608 - constants
        " GROUP BY origin ORDER BY origin"
    )
    return dict(connection.execute(sql, where.parameters).fetchall())


def purge_slice(
    where: Condition, after: int, last: int, connection: sqlite3.Connection
) -> tuple[int, int] | None:
    """Remove the chosen letters of the next range; return its end and how many those were."""
    bounds = _next_range(after, last, connection)
    if bounds is None:
        return None
    sql = f"DELETE FROM dead_letters WHERE position BETWEEN ? AND ?{where.sql}"  # noqa: S608 - constants
    with transaction(connection):
        removed = connection.execute(sql, (*bounds, *where.parameters)).rowcount
    return bounds[1], removed


def remove(positions: Sequence[int], connection: sqlite3.Connection) -> int:
    """Remove the letters at these positions; return how many were there."""
    sql = "DELETE FROM dead_letters WHERE position IN (SELECT value FROM json_each(?))"
    with transaction(connection):
        return connection.execute(sql, (json.dumps(list(positions)),)).rowcount


def _next_range(after: int, last: int, connection: sqlite3.Connection) -> tuple[int, int] | None:
    (first,) = connection.execute(
        "SELECT min(position) FROM dead_letters WHERE position > ?", (after,)
    ).fetchone()
    if first is None or first > last:
        return None
    return first, min(first + _range - 1, last)


def _letter(found: tuple[Any, ...]) -> StoredLetter:
    (position, stored_at, event_id, backplane, event_type, experiment, *story) = found
    reason, error, error_class, attempts, first_at, last_at, traceback, body, origin = story
    return StoredLetter(
        position,
        _time(stored_at),
        DeadLetter(
            event_id=event_id,
            event_type=event_type,
            experiment=experiment,
            body=bytes(body),
            backplane=backplane,
            reason=reason,
            error=error,
            error_class=error_class,
            attempts=attempts,
            first_at=_time(first_at),
            last_at=_time(last_at),
            traceback=traceback,
            origin=origin,
        ),
    )


def _time(since_epoch: int) -> datetime:
    return _epoch + timedelta(microseconds=since_epoch)
