"""The tokens of a response, but for results. [MS-TDS] 2.2.7."""

from __future__ import annotations

import struct
from enum import IntEnum, IntFlag
from typing import TYPE_CHECKING, Final

from tests.peers.tds.packets import PACKET_BYTES
from tests.peers.tds.wire import COLLATION, b_varchar, us_varchar

if TYPE_CHECKING:
    from tests.peers.tds.errors import SqlError

NAME: Final = "experimentframework TDS peer"
"""What the server calls itself. It never says that it is another's product."""

VERSION: Final = bytes([16, 0, 0, 0])
"""Its version. The driver turns away from servers whose first number is below 9."""

_protocol: Final = bytes([0x74, 0x00, 0x00, 0x04])
_int_n: Final = 0x26


class End(IntEnum):
    """Which token ends a result. [MS-TDS] 2.2.7.6 to 2.2.7.8."""

    DONE = 0xFD
    DONE_PROC = 0xFE
    DONE_IN_PROC = 0xFF


class Status(IntFlag):
    """What such a token says. [MS-TDS] 2.2.7.6."""

    FINAL = 0x00
    MORE = 0x01
    ERROR = 0x02
    COUNT = 0x10
    ATTENTION = 0x20


def done(end: End = End.DONE, status: Status = Status.FINAL, count: int = 0) -> bytes:
    """Return the end of a result."""
    return struct.pack("<BHHQ", end, status, 0, count)


def error(of: SqlError) -> bytes:
    """Return an error. [MS-TDS] 2.2.7.10."""
    content = struct.pack("<IBB", of.number, of.state, of.severity)
    content += us_varchar(of.message) + b_varchar(NAME) + b_varchar("") + struct.pack("<I", 1)
    return b"\xaa" + struct.pack("<H", len(content)) + content


def return_status(value: int) -> bytes:
    """Return what a procedure returned. [MS-TDS] 2.2.7.18."""
    return struct.pack("<Bi", 0x79, value)


def return_handle(handle: int) -> bytes:
    """Return the first output parameter, a whole number. [MS-TDS] 2.2.7.19."""
    place = struct.pack("<BH", 0xAC, 0) + b_varchar("") + struct.pack("<BIH", 1, 0, 0)
    return place + bytes([_int_n, 4, 4]) + struct.pack("<i", handle)


def login_answer(database: str) -> bytes:
    """Return what a client hears that has signed in. [MS-TDS] 2.2.7.14, 2.2.7.9."""
    acknowledged = b"\x01" + _protocol + b_varchar(NAME) + VERSION
    size = str(PACKET_BYTES)
    return (
        _change(1, b_varchar(database), b_varchar(""))
        + _change(7, bytes([len(COLLATION)]) + COLLATION, b"\0")
        + b"\xad"
        + struct.pack("<H", len(acknowledged))
        + acknowledged
        + _change(4, b_varchar(size), b_varchar(size))
    )


def begun(transaction: int) -> bytes:
    """Return that a transaction has begun."""
    return _change(8, _descriptor(transaction), b"\0")


def committed(transaction: int) -> bytes:
    """Return that a transaction is committed."""
    return _change(9, b"\0", _descriptor(transaction))


def rolled_back(transaction: int) -> bytes:
    """Return that a transaction is rolled back."""
    return _change(10, b"\0", _descriptor(transaction))


def _descriptor(transaction: int) -> bytes:
    return b"\x08" + struct.pack("<Q", transaction)


def _change(kind: int, new: bytes, old: bytes) -> bytes:
    content = bytes([kind]) + new + old
    return b"\xe3" + struct.pack("<H", len(content)) + content
