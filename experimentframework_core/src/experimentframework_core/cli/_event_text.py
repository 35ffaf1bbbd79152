"""An event as a person reads it: one line, its columns below those of the events before."""

from __future__ import annotations

import sys
from functools import cache
from typing import TYPE_CHECKING, Any

import msgspec

from experimentframework_core import codec
from experimentframework_core.cli._output import console, printable
from experimentframework_core.errors import InvalidEventError
from experimentframework_core.events import event_type_named

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from rich.console import Console
    from rich.text import Text

    from experimentframework_core.envelope import Envelope

_WIDEST = 32
"""The most characters to which a column grows; what is longer stands out of it."""

_TYPE_COLOURS = {
    "exposure": "cyan",
    "assignment": "blue",
    "outcome": "green",
    "analysisSignal": "yellow",
    "error": "red",
    "governance": "magenta",
}
_OWN_COLUMNS = ("experimentName", "newVariantKey", "variantKey", "subjectId")


class EventLines:
    """Prints events to stdout: coloured and cut to the width on a terminal, else whole."""

    def __init__(self) -> None:
        """Begin with narrow columns; they widen with what is in them."""
        self._columns = Columns()
        self._terminal: Console | None = console() if sys.stdout.isatty() else None

    def expect(self, envelopes: Iterable[Envelope]) -> None:
        """Make the columns wide enough for ``envelopes``."""
        for envelope in envelopes:
            self._columns.widen(_cells(envelope))

    def show(self, envelope: Envelope) -> None:
        """Print one event."""
        cells = _cells(envelope)
        self._columns.widen(cells)
        aligned = self._columns.aligned(cells)
        if self._terminal is None:
            sys.stdout.write(f"{'  '.join(aligned)}\n")
        else:
            self._terminal.print(_coloured(aligned), no_wrap=True, overflow="ellipsis")


class Columns:
    """Pads cells, so that each is as wide as the widest of its column; the last one is left."""

    def __init__(self) -> None:
        """Begin with no width."""
        self._widths: list[int] = []

    def widen(self, cells: Sequence[str]) -> None:
        """Make room for ``cells``."""
        needed = [min(len(cell), _WIDEST) for cell in cells]
        before = self._widths or [0] * len(needed)
        self._widths = [max(pair) for pair in zip(before, needed, strict=True)]

    def aligned(self, cells: Sequence[str]) -> list[str]:
        """Return ``cells`` with blanks behind all but the last."""
        padded = [cell.ljust(width) for cell, width in zip(cells, self._widths, strict=True)]
        return [*padded[:-1], cells[-1]]


def _cells(envelope: Envelope) -> list[str]:
    return [printable(cell) for cell in cells_of(envelope)]


def cells_of(envelope: Envelope) -> tuple[str, ...]:
    """Return an event's time, type, experiment, variant and subject, and what else it says."""
    fields = _fields(envelope.payload)
    if fields.get("timestamp") == msgspec.to_builtins(envelope.timestamp):
        del fields["timestamp"]
    own = {name: _text(fields.pop(name)) for name in _OWN_COLUMNS if name in fields}
    rest = [f"{name}={_text(value)}" for name, value in fields.items()]
    if envelope.correlation_id is not None:
        rest.append(f"correlationId={_text(envelope.correlation_id)}")
    if not isinstance(envelope.payload, msgspec.Struct):
        rest.insert(0, f"(not decoded: {_why_not_decoded(envelope)})")
    return (
        _time_text(envelope.timestamp),
        envelope.event_type,
        own.get("experimentName", "-"),
        own.get("newVariantKey") or own.get("variantKey", "-"),
        own.get("subjectId", "-"),
        " ".join(rest),
    )


def _time_text(time: datetime) -> str:
    """Return the time in milliseconds; strftime has not four digits for every year."""
    return time.replace(tzinfo=None).isoformat(" ", "milliseconds")


def _why_not_decoded(envelope: Envelope) -> str:
    if event_type_named(envelope.event_type) is None:
        return "the type is not registered here"
    try:
        codec.decode(codec.encode(envelope, limits=False), strict=True)
    except InvalidEventError as error:
        return str(error)
    return f"version {envelope.schema_version}"


def _fields(payload: object) -> dict[str, Any]:
    """Return what a payload says by its names on the wire, without defaults and what is false."""
    if isinstance(payload, msgspec.Struct):
        return {
            field.encode_name: msgspec.to_builtins(value)
            for field in _known_fields(type(payload))
            if (value := getattr(payload, field.name)) != field.default and value is not False
        }
    return dict(payload) if isinstance(payload, dict) else {"payload": payload}


@cache
def _known_fields(payload: type[msgspec.Struct]) -> tuple[msgspec.structs.FieldInfo, ...]:
    return msgspec.structs.fields(payload)


def _text(value: object) -> str:
    """Return a text as it is where it is one word, everything else as JSON."""
    if isinstance(value, str) and value and not set(value) & set(' "='):
        return value
    return msgspec.json.encode(value).decode()


def _coloured(cells: Sequence[str]) -> Text:
    from rich.text import Text

    time, event_type, experiment, variant, subject, rest = cells
    parts = (
        Text(time, "dim"),
        Text(event_type, _TYPE_COLOURS.get(event_type.rstrip(), "")),
        Text(experiment, "bold"),
        Text(variant),
        Text(subject),
        Text(rest, "dim"),
    )
    return Text("  ").join(parts)
