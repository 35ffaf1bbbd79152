"""The events of the fault tests: each says which process made it, its key, and its number."""

from __future__ import annotations

from zlib import crc32

import msgspec

from experimentframework_core import Exposure

padding = "-" * 64


class Name(msgspec.Struct, frozen=True, order=True):
    """What identifies an event across processes: it is the event's subject."""

    process: str
    key: str
    number: int

    def __str__(self) -> str:
        """Return the subject."""
        return f"{self.process}/{self.key}/{self.number}"

    @classmethod
    def parse(cls, subject: str) -> Name:
        """Return the name that a subject says."""
        process, key, number = subject.split("/")
        return cls(process, key, int(number))


def make(name: Name) -> Exposure:
    """Return the event of that name, about 330 bytes when encoded, with a checksum inside."""
    subject = str(name)
    return Exposure(
        experiment_name=name.key,
        variant_key="express",
        subject_id=subject,
        selection_reason="hash-assignment",
        attributes={"check": crc32(subject.encode()), "padding": padding},
    )


class _Attributes(msgspec.Struct):
    check: int
    padding: str


class _Payload(msgspec.Struct, rename="camel"):
    subject_id: str
    attributes: _Attributes


class _Body(msgspec.Struct, rename="camel"):
    event_id: str
    payload: _Payload


_decoder = msgspec.json.Decoder(_Body)


def read(body: bytes) -> tuple[str, str, int]:
    """Return the id, the subject and the checksum of an event.

    Raises:
        ValueError: It is not what `make` made.
    """
    event = _decoder.decode(body)
    subject, attributes = event.payload.subject_id, event.payload.attributes
    if attributes.check != crc32(subject.encode()) or attributes.padding != padding:
        raise ValueError(f"event {event.event_id} has another body than it was given")
    return event.event_id, subject, attributes.check


def is_poison(check: int, every: int) -> bool:
    """Tell whether a destination that refuses one in ``every`` refuses the event, for ever."""
    return every > 0 and check % every == 0
