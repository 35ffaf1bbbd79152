"""A broker's dead letters as a person, or a program, reads them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from experimentframework_core._letters.letter_json import stays
from experimentframework_core.cli._dead_letter_text import pretty, short
from experimentframework_core.cli._output import table

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from rich.table import Table

    from experimentframework_core.cli._broker_letters import Found

NO_EVENT = "(no event)"
"""What stands in the place of an event's type where a letter holds none."""


def as_json_line(found: Found) -> bytes:
    """Return one JSON document on one line, with the event as it stands."""
    letter, record = found
    name = "body" if record is None else "event"
    body: msgspec.Raw | bytes = letter.body
    if stays(letter.body):
        body = msgspec.Raw(letter.body)
    else:
        name = f"{name}Base64"
    return msgspec.json.encode(
        {
            "place": letter.place,
            "number": letter.number,
            "key": letter.key,
            "messageId": letter.message_id,
            "eventId": found.event_id,
            "eventType": record and record.event_type,
            "experimentName": record and record.experiment,
            "reason": letter.reason,
            "description": letter.description,
            "source": letter.source,
            "deliveries": letter.deliveries,
            "enqueuedAt": letter.enqueued_at,
            "details": letter.details,
            name: body,
        }
    )


def row_of(found: Found) -> tuple[str, ...]:
    """Return a letter's row in the table."""
    letter, record = found
    return (
        found.event_id or letter.message_id or "-",
        letter.place,
        "-" if letter.number is None else str(letter.number),
        NO_EVENT if record is None else record.event_type,
        letter.reason or "-",
        f"{letter.deliveries:,}",
        "-" if letter.enqueued_at is None else f"{letter.enqueued_at:%Y-%m-%d %H:%M:%S}",
        short(letter.description or "-"),
    )


def as_table(rows: Iterable[tuple[str, ...]]) -> Table:
    """Return the table of these rows."""
    columns = ("Event", "Place", "#Number", "Type", "Reason", "#Deliveries", "Enqueued")
    return table(*columns, "Description", rows=rows)


def in_full(found: Found) -> Iterator[str]:
    """Yield the lines that tell everything about one letter."""
    letter, record = found
    yield from (
        f"event        {found.event_id or NO_EVENT}",
        f"type         {'-' if record is None else record.event_type}",
        f"experiment   {(record and record.experiment) or '-'}",
        f"message id   {letter.message_id or '-'}",
        f"place        {letter.place}",
        f"number       {'-' if letter.number is None else letter.number}",
        f"reason       {letter.reason or '-'}",
        f"description  {letter.description or '-'}",
        f"source       {letter.source or '-'}",
        f"deliveries   {letter.deliveries:,}",
        f"enqueued     {'-' if letter.enqueued_at is None else letter.enqueued_at.isoformat()}",
    )
    for name, value in letter.details.items():
        yield f"{name}: {value}"
    yield ""
    yield from pretty(letter.body)
