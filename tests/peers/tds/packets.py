"""Messages and the packets that they travel in. [MS-TDS] 2.2.3.1."""

from __future__ import annotations

import struct
from enum import IntEnum
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Iterator

PACKET_BYTES: Final = 4096
"""The size of a packet before and after login: the server agrees to no other."""

_header: Final = struct.Struct(">BBHHBB")
_last: Final = 0x01


class Kind(IntEnum):
    """What a message is. [MS-TDS] 2.2.3.1.1."""

    BATCH = 0x01
    RPC = 0x03
    RESPONSE = 0x04
    ATTENTION = 0x06
    TRANSACTION = 0x0E
    LOGIN = 0x10
    PRELOGIN = 0x12


class Message(NamedTuple):
    """One message of the client, put together."""

    kind: Kind
    payload: bytes


async def read_message(reader: asyncio.StreamReader) -> Message:
    """Return the next message.

    Raises:
        ValueError: It is of a kind that nobody sends here.
        asyncio.IncompleteReadError: The client is gone.
    """
    payload = bytearray()
    while True:
        kind, status, size, *_ = _header.unpack(await reader.readexactly(_header.size))
        payload += await reader.readexactly(size - _header.size)
        if status & _last:
            return Message(Kind(kind), bytes(payload))


def packets_of(payload: bytes) -> Iterator[bytes]:
    """Yield the packets of a response."""
    room = PACKET_BYTES - _header.size
    for number, at in enumerate(range(0, max(len(payload), 1), room), start=1):
        piece = payload[at : at + room]
        status = _last if at + room >= len(payload) else 0
        size = _header.size + len(piece)
        yield _header.pack(Kind.RESPONSE, status, size, 0, number % 256, 0) + piece
