"""The event in a dead letter, as an envelope or as a record."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from experimentframework_core.codec import decode, decode_record
from experimentframework_core.envelope import Envelope, Record
from experimentframework_core.errors import InvalidEventError, ReplayError

if TYPE_CHECKING:
    from experimentframework_core.deadletter import DeadLetter
    from experimentframework_core.plugin import Selection

Event = TypeVar("Event", bound=Envelope | Record)
Form = Callable[[Record], Event]
"""Returns what is given of an event."""


def event_in(
    letter: DeadLetter, selection: Selection, form: Form[Event], place: str
) -> Event | ReplayError | None:
    """Return the event of a dead letter; None if it is not selected, or why it is none."""
    try:
        record = decode_record(letter.body)
        return form(record) if selection.selects(record) else None
    except InvalidEventError as error:
        told = ReplayError(f"cannot read the event of {place}: {error}", record=letter.body)
        told.__cause__ = error
        return told


def as_envelope(record: Record) -> Envelope:
    """Return an event, decoded."""
    return decode(record.body)


def as_record(record: Record) -> Record:
    """Return an event as it was to be delivered."""
    return record
