"""Which events a selection selects."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from experimentframework_core.envelope import Record
    from experimentframework_core.plugin import Selection


def selects(selection: Selection, record: Record) -> bool:
    """Return whether an event meets every criterion that is given."""
    return (
        _among(record.event_type, selection.types)
        and _among(record.experiment, selection.experiments)
        and _among(record.subject, selection.subjects)
        and selection.correlation_id in (None, record.correlation_id)
        and _in_time(selection, record)
    )


def _among(value: str | None, wanted: tuple[str, ...]) -> bool:
    return not wanted or value in wanted


def _in_time(selection: Selection, record: Record) -> bool:
    since, until = selection.since, selection.until
    if since is None and until is None:
        return True
    at = record.timestamp
    return (since is None or since <= at) and (until is None or at < until)
