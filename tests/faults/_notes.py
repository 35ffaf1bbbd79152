"""What a child tells: lines appended to a file, which outlive the child however it ends."""

from __future__ import annotations

import os
from time import monotonic
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from pathlib import Path


class Note(msgspec.Struct, frozen=True, kw_only=True):
    """A fact that a child told.

    Attributes:
        what: Which fact: ``opened``, ``reopened``, ``empty``, ``closing``, ``closed``, ``health``,
            ``measured`` or ``error``.
        at: When, on the monotonic clock, which all processes of a machine share.
        facts: The figures.
    """

    what: str
    at: float
    facts: dict[str, Any]


class Notes:
    """The child's side. What `write` returned from is in the kernel: a kill cannot take it back."""

    def __init__(self, path: str) -> None:
        """Open the file for appending."""
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    def accepted(self, event_id: str) -> None:
        """Say that ``publish`` returned from this event, acknowledged as accepted."""
        os.write(self._file, f"A {event_id}\n".encode())

    def durable(self, event_id: str) -> None:
        """Say that ``publish`` returned from this event, acknowledged as durable."""
        os.write(self._file, f"D {event_id}\n".encode())

    def tell(self, what: str, **facts: object) -> None:
        """Write a note."""
        note = Note(what=what, at=monotonic(), facts=facts)
        os.write(self._file, b"N " + msgspec.json.encode(note) + b"\n")


class Report(msgspec.Struct):
    """The reader's side: all that one child told.

    Attributes:
        accepted: The ids acknowledged as accepted.
        durable: The ids acknowledged as durable.
        notes: The notes, in order.
    """

    accepted: set[str]
    durable: set[str]
    notes: list[Note]

    def last(self, what: str) -> Note | None:
        """Return the last note of that kind, or None."""
        return next((note for note in reversed(self.notes) if note.what == what), None)


def read_report(path: Path) -> Report:
    """Return what a child wrote; a line that was cut by its end is left out."""
    report = Report(set(), set(), [])
    content = path.read_bytes() if path.exists() else b""
    for text in content.split(b"\n")[:-1]:
        kind, rest = text[:1], text[2:]
        if kind == b"N":
            report.notes.append(msgspec.json.decode(rest, type=Note))
        elif kind == b"D":
            report.durable.add(rest.decode())
        elif kind == b"A":
            report.accepted.add(rest.decode())
    return report
