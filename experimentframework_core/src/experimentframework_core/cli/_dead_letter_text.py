"""Dead letters as a person, or a program, reads them."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import msgspec

from experimentframework_core._letters.letter_json import story_of
from experimentframework_core.cli._dead_letter_origins import shown
from experimentframework_core.cli._output import printable, table

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.table import Table

    from experimentframework_core.deadletter import ReadableLetters, StoredLetter

_COLUMNS = ("Event", "Backplane", "Type", "Experiment", "Reason", "#Attempts", "Last", "Error")
_LONGEST_ERROR = 60


def as_json_line(store: ReadableLetters, found: StoredLetter) -> bytes:
    """Return one JSON document on one line, with the event as it stands."""
    place = msgspec.json.encode(
        {"store": store.location, "position": found.position, "storedAt": found.stored_at}
    )
    return place[:-1] + b"," + msgspec.json.encode(story_of(found.letter))[1:]


def row_of(found: StoredLetter) -> tuple[str, ...]:
    """Return a letter's row in the table; its origin is the last."""
    letter = found.letter
    return (
        letter.event_id,
        letter.backplane,
        letter.event_type,
        letter.experiment or "-",
        letter.reason,
        f"{letter.attempts:,}",
        f"{letter.last_at:%Y-%m-%d %H:%M:%S}",
        short(letter.error),
        shown(letter.origin),
    )


def as_table(rows: Sequence[tuple[str, ...]]) -> Table:
    """Return the table of these rows, with origins where they are several."""
    if len({row[-1] for row in rows}) > 1:
        return table(*_COLUMNS, "Origin", rows=rows)
    return table(*_COLUMNS, rows=[row[:-1] for row in rows])


def in_full(store: ReadableLetters, found: StoredLetter) -> Iterator[str]:
    """Yield the lines that tell everything about one letter."""
    letter = found.letter
    yield from (
        f"event       {letter.event_id}",
        f"type        {letter.event_type}",
        f"experiment  {letter.experiment or '-'}",
        f"backplane   {letter.backplane}",
        f"reason      {letter.reason}",
        f"error       {letter.error_class}: {letter.error}",
        f"attempts    {letter.attempts:,}",
        f"first       {letter.first_at.isoformat()}",
        f"last        {letter.last_at.isoformat()}",
        f"stored      {found.stored_at.isoformat()}",
        f"origin      {shown(letter.origin)}",
        f"store       {store.location}, position {found.position}",
        "",
    )
    yield from pretty(letter.body)
    if letter.traceback:
        yield from ("", *letter.traceback.rstrip().split("\n"))


def pretty(body: bytes) -> list[str]:
    """Return the lines of a body: JSON with its levels, or what else it is."""
    try:
        return msgspec.json.format(body, indent=2).decode().split("\n")
    except (msgspec.MsgspecError, ValueError):
        return [f"{len(body):,} bytes that are no JSON:", repr(body)]


def short(text: str) -> str:
    """Return ``text``, on a terminal cut to what leaves room for the other columns."""
    text = printable(text)
    whole = len(text) <= _LONGEST_ERROR or not sys.stdout.isatty()
    return text if whole else f"{text[: _LONGEST_ERROR - 1]}…"
