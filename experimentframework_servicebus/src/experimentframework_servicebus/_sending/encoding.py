"""The bytes of a message, the same that the client writes, in a tenth of its time."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from experimentframework_servicebus._sending.message import Message

_HEADER: Final = b"\x00\x53\x70"
_PROPERTIES: Final = b"\x00\x53\x73"
_APPLICATION: Final = b"\x00\x53\x74"
_DATA: Final = b"\x00\x53\x75"
_NULL: Final = b"\x40"
_BINARY, _STRING, _SYMBOL, _LIST, _MAP = 0xA0, 0xA1, 0xA3, 0xC0, 0xC1
_LARGE: Final = 0x10
"""What the constructor of a long value has more than that of a short one."""

_TIMESTAMP, _LONG, _SMALL_LONG, _UINT = b"\x83", b"\x81", b"\x55", b"\x70"
_SHORT: Final = 255


def encoded(message: Message) -> bytes:
    """Return a message as it stands in a batch."""
    lives = message.lives
    subject, head = _of_type(message.event_type, message.schema_version)
    values, said = head + _long(message.milliseconds), 6
    if message.traceparent is not None:
        values, said = values + _TRACEPARENT + _text(message.traceparent), 8
    times = 2 * _NULL if lives is None else _times(lives)
    properties = (
        _variable(_STRING, message.message_id)
        + 2 * _NULL
        + subject
        + _NULL
        + (_NULL if message.correlation_id is None else _text(message.correlation_id))
        + _JSON
        + times
        + (_NULL if message.session is None else _text(message.session))
        + 2 * _NULL
    )
    return (
        (b"" if lives is None else _life(lives))
        + _PROPERTIES
        + _compound(_LIST, 13, properties)
        + _APPLICATION
        + _compound(_MAP, said, values)
        + _DATA
        + _variable(_BINARY, message.body)
    )


def _variable(constructor: int, value: bytes) -> bytes:
    size = len(value)
    if size <= _SHORT:
        return bytes((constructor, size)) + value
    return bytes((constructor + _LARGE,)) + size.to_bytes(4, "big") + value


def _compound(constructor: int, number: int, values: bytes) -> bytes:
    size = len(values)
    if size < _SHORT:
        return bytes((constructor, size + 1, number)) + values
    sizes = (size + 4).to_bytes(4, "big") + number.to_bytes(4, "big")
    return bytes((constructor + _LARGE,)) + sizes + values


def _text(value: str) -> bytes:
    return _variable(_STRING, value.encode())


def _long(value: int) -> bytes:
    if -128 <= value <= 127:  # noqa: PLR2004 - what a byte holds
        return _SMALL_LONG + value.to_bytes(1, "big", signed=True)
    return _LONG + value.to_bytes(8, "big", signed=True)


@lru_cache(maxsize=256)
def _of_type(event_type: str, schema_version: str) -> tuple[bytes, bytes]:
    """Return the subject, and the properties up to the time, which all events of a type share."""
    subject = _text(event_type)
    head = (_text("EventType"), subject, _text("SchemaVersion"), _text(schema_version))
    return subject, b"".join(head) + _text("Timestamp")


def _life(milliseconds: int) -> bytes:
    values = 2 * _NULL + _UINT + milliseconds.to_bytes(4, "big") + 2 * _NULL
    return _HEADER + _compound(_LIST, 5, values)


def _times(lives: int) -> bytes:
    """Return when a message expires and when it was made, by the client's reckoning."""
    made = int(time.mktime(datetime.now(UTC).timetuple())) * 1000
    return b"".join(_TIMESTAMP + each.to_bytes(8, "big") for each in (made + lives, made))


_TRACEPARENT: Final = _text("traceparent")
_JSON: Final = _variable(_SYMBOL, b"application/json") + _NULL
"""The content type, and no content encoding behind it."""
