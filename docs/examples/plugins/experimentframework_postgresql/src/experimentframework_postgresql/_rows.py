"""Turns records into the parameters of the insert statement: an array for each column."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from experimentframework_core.envelope import Record

COLUMNS = {
    "event_id": "text",
    "timestamp": "timestamptz",
    "event_type": "text",
    "schema_version": "text",
    "experiment": "text",
    "variant": "text",
    "subject": "text",
    "tenant": "text",
    "correlation_id": "text",
    "body": "text",
}
"""The columns that are written, in the order of the parameters, and their types."""

_LONGEST = 256
"""Characters of a text to find an event by: longer ones would not fit into an index."""


def columns_of(batch: Sequence[Record]) -> list[list[object]]:
    """Return the values of each of `COLUMNS`, for each record in order."""
    return [
        [record.event_id for record in batch],
        [record.timestamp for record in batch],
        [findable(record.event_type) for record in batch],
        [findable(record.schema_version) for record in batch],
        [findable(record.experiment) for record in batch],
        [findable(record.variant) for record in batch],
        [findable(record.subject) for record in batch],
        [findable(record.tenant) for record in batch],
        [findable(record.correlation_id) for record in batch],
        [record.body.decode() for record in batch],
    ]


def findable(text: str | None) -> str | None:
    """Return a text as the columns have it: PostgreSQL has no NUL in a text.

    In a body there is none: JSON writes it as six other characters.
    """
    return None if text is None else text[:_LONGEST].replace("\0", "\N{SYMBOL FOR NULL}")
