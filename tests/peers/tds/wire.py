"""Numbers and texts as TDS writes them, and a reader of what the client sent. [MS-TDS] 2.2.5."""

from __future__ import annotations

import struct
from typing import Final

UNKNOWN_LENGTH: Final = 0xFFFF_FFFF_FFFF_FFFE
NULL_LENGTH: Final = 0xFFFF_FFFF_FFFF_FFFF
NULL_SHORT: Final = 0xFFFF

COLLATION: Final = bytes.fromhex("0904d00034")
"""Latin1_General_CI_AS and code page 1252. [MS-TDS] 2.2.5.1.2."""


def utf16(text: str) -> bytes:
    """Return a text as it travels; half a surrogate pair travels as it is."""
    return text.encode("utf-16-le", "surrogatepass")


def b_varchar(text: str) -> bytes:
    """Return a text with its length, in characters of 16 bits, in one byte."""
    content = utf16(text)
    return bytes([len(content) // 2]) + content


def us_varchar(text: str) -> bytes:
    """Return a text with its length in two bytes."""
    content = utf16(text)
    return struct.pack("<H", len(content) // 2) + content


def in_parts(content: bytes | None) -> bytes:
    """Return a value of any length as "partially length-prefixed". [MS-TDS] 2.2.5.2.3."""
    if content is None:
        return struct.pack("<Q", NULL_LENGTH)
    part = struct.pack("<I", len(content)) + content if content else b""
    return struct.pack("<Q", len(content)) + part + struct.pack("<I", 0)


class Reader:
    """Reads one payload from its beginning."""

    def __init__(self, payload: bytes) -> None:
        """Store what is to be read."""
        self._payload = payload
        self._at = 0

    @property
    def at_end(self) -> bool:
        """Whether all is read."""
        return self._at >= len(self._payload)

    def peek(self) -> int:
        """Return the next byte, and do not pass it."""
        return self._payload[self._at]

    def take(self, size: int) -> bytes:
        """Return the next bytes.

        Raises:
            EOFError: There are not so many.
        """
        end = self._at + size
        if end > len(self._payload):
            raise EOFError(f"{size} bytes expected at {self._at} of {len(self._payload)}")
        taken, self._at = self._payload[self._at : end], end
        return taken

    def rest(self) -> bytes:
        """Return all that is left."""
        return self.take(len(self._payload) - self._at)

    def number(self, size: int, *, signed: bool = False) -> int:
        """Return a whole number."""
        return int.from_bytes(self.take(size), "little", signed=signed)

    def text(self, characters: int) -> str:
        """Return a text of so many characters of 16 bits."""
        return self.take(2 * characters).decode("utf-16-le", "surrogatepass")

    def parts(self) -> bytes | None:
        """Return a value that is written in parts; None for NULL."""
        if self.number(8) == NULL_LENGTH:
            return None
        content = bytearray()
        while size := self.number(4):
            content += self.take(size)
        return bytes(content)
