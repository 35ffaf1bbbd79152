"""How a client introduces itself. [MS-TDS] 2.2.6.4 and 2.2.6.5."""

from __future__ import annotations

import struct
from typing import Final, NamedTuple

from tests.peers.tds.tokens import VERSION
from tests.peers.tds.wire import Reader

_version, _encryption, _instance, _thread, _mars, _terminator = 0, 1, 2, 3, 4, 0xFF
_no_encryption: Final = b"\x02"
_pieces: Final = 36
"""Where the table of LOGIN7's pieces of variable length begins."""

_order: Final = ("host", "user", "password", "app", "server", "extension", "library", "language")


class Login(NamedTuple):
    """Who wants to come in, and to which database; ``""`` is the user's own."""

    user: str
    password: str
    database: str
    app: str


def prelogin_answer() -> bytes:
    """Return our half of the handshake: no encryption, no instance, no MARS."""
    options = (
        (_version, VERSION + bytes(2)),
        (_encryption, _no_encryption),
        (_instance, b"\0"),
        (_thread, b""),
        (_mars, b"\0"),
    )
    place = len(options) * 5 + 1
    table, content = b"", b""
    for option, value in options:
        table += struct.pack(">BHH", option, place + len(content), len(value))
        content += value
    return table + bytes([_terminator]) + content


def parse_login(payload: bytes) -> Login:
    """Return what the client says of itself."""
    table = Reader(payload[_pieces:])
    places = [(table.number(2), table.number(2)) for _ in (*_order, "database")]
    found = dict(zip((*_order, "database"), (_piece(payload, *at) for at in places), strict=True))
    return Login(
        user=_text(found["user"]),
        password=_text(_clear(found["password"])),
        database=_text(found["database"]),
        app=_text(found["app"]),
    )


def _piece(payload: bytes, at: int, characters: int) -> bytes:
    return payload[at : at + 2 * characters]


def _text(content: bytes) -> str:
    return content.decode("utf-16-le", "surrogatepass")


def _clear(password: bytes) -> bytes:
    """Undo what a password is veiled with: XOR with 0xA5, and its halves of bytes swapped."""
    return bytes(((each ^ 0xA5) << 4 | (each ^ 0xA5) >> 4) & 0xFF for each in password)
