"""Splits an encoded message into its sections, without decoding more than their lengths.

AMQP 1.0, parts 1.2 and 3.2. A message goes through the broker in the bytes in which it came, so
that no type is lost on the way.
"""

from __future__ import annotations

from typing import Final, NamedTuple

HEADER: Final = 0x70
DELIVERY_ANNOTATIONS: Final = 0x71
ANNOTATIONS: Final = 0x72
PROPERTIES: Final = 0x73
APPLICATION_PROPERTIES: Final = 0x74
DATA: Final = 0x75
SEQUENCE: Final = 0x76
VALUE: Final = 0x77
FOOTER: Final = 0x78

_described: Final = 0x00
_small_descriptor: Final = 0x53
_fixed: Final = {0x4: 0, 0x5: 1, 0x6: 2, 0x7: 4, 0x8: 8, 0x9: 16}
_small_sizes: Final = (0xA, 0xC, 0xE)
_small_binary: Final = 0xA0
_large_binary: Final = 0xB0


class Section(NamedTuple):
    """One section.

    Attributes:
        code: Which one it is.
        encoded: All of it.
        value: What is behind its descriptor.
    """

    code: int
    encoded: bytes
    value: bytes


def sections(message: bytes) -> list[Section]:
    """Return the sections of a message.

    Raises:
        ValueError: It is no message.
    """
    found: list[Section] = []
    start = 0
    while start < len(message):
        if message[start : start + 2] != bytes((_described, _small_descriptor)):
            raise ValueError(f"no section at byte {start}")
        code = message[start + 2]
        end = _end(message, start + 3)
        if not HEADER <= code <= FOOTER or end > len(message):
            raise ValueError(f"no section of a message at byte {start}")
        found.append(Section(code, message[start:end], message[start + 3 : end]))
        start = end
    return found


def batched(message: bytes) -> list[bytes]:
    """Return the messages of a batch, or the one that it is.

    A batch has the message format 0x80013700, which proton does not show; so it is told by what it
    holds: sections of data only, each a whole message.
    """
    parts = [part for part in sections(message) if part.code >= DATA]
    try:
        inner = [_binary(part.value) for part in parts if part.code == DATA]
        whole = all(any(part.code >= DATA for part in sections(each)) for each in inner)
    except (ValueError, IndexError):
        return [message]
    return inner if inner and whole and len(inner) == len(parts) else [message]


def body_of(message: bytes) -> bytes:
    """Return the data of a message whose body is data."""
    return b"".join(_binary(part.value) for part in sections(message) if part.code == DATA)


def _binary(value: bytes) -> bytes:
    if value[0] == _small_binary:
        return value[2:]
    if value[0] == _large_binary:
        return value[5:]
    raise ValueError("not binary")


def _end(encoded: bytes, start: int) -> int:
    """Return where the value that begins at ``start`` ends."""
    constructor = encoded[start]
    if constructor == _described:
        return _end(encoded, _end(encoded, start + 1))
    width = constructor >> 4
    if width in _fixed:
        return start + 1 + _fixed[width]
    if width in _small_sizes:
        return start + 2 + encoded[start + 1]
    return start + 5 + int.from_bytes(encoded[start + 1 : start + 5], "big")
