"""The parameters of a call. [MS-TDS] 2.2.6.6 and, for the types, 2.2.5.4 and 2.2.5.5."""

from __future__ import annotations

import struct
import uuid
from datetime import UTC, date, datetime, timedelta, timezone
from datetime import time as time_of_day
from decimal import Decimal
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

from tests.peers.tds.errors import unknown
from tests.peers.tds.wire import NULL_SHORT, Reader

if TYPE_CHECKING:
    from collections.abc import Callable

Value: TypeAlias = (
    bool | int | float | str | bytes | Decimal | uuid.UUID | date | datetime | time_of_day | None
)

_first_day: Final = datetime(1, 1, 1)  # noqa: DTZ001  a datetime2 has no zone
_bytes_of_time: Final = (3, 3, 3, 4, 4, 5, 5, 5)
"""By the number of digits behind the second."""


class Parameter(NamedTuple):
    """One parameter; its name is empty where it goes by its place."""

    name: str
    value: Value


def read_parameter(reader: Reader) -> Parameter:
    """Return the next parameter of a call."""
    name = reader.text(reader.number(1))
    reader.take(1)
    kind = reader.number(1)
    read = _readers.get(kind)
    if read is None:
        raise unknown(f"parameters of type 0x{kind:02x}", name)
    return Parameter(name, read(reader))


def _sized(reader: Reader) -> bytes:
    """Return a value whose type says a size, and which says its own in one byte."""
    reader.take(1)
    return reader.take(reader.number(1))


def _integer(reader: Reader) -> int | None:
    content = _sized(reader)
    return int.from_bytes(content, "little", signed=len(content) > 1) if content else None


def _bit(reader: Reader) -> bool | None:
    content = _sized(reader)
    return bool(content[0]) if content else None


def _float(reader: Reader) -> float | None:
    content = _sized(reader)
    if not content:
        return None
    (value,) = struct.unpack("<d" if len(content) == 8 else "<f", content)
    return float(value)


def _guid(reader: Reader) -> uuid.UUID | None:
    content = _sized(reader)
    return uuid.UUID(bytes_le=content) if content else None


def _decimal(reader: Reader) -> Decimal | None:
    reader.take(2)
    scale = reader.number(1)
    content = reader.take(reader.number(1))
    if not content:
        return None
    size = int.from_bytes(content[1:], "little")
    return Decimal(size if content[0] else -size).scaleb(-scale)


def _date(reader: Reader) -> date | None:
    content = reader.take(reader.number(1))
    return _day(content).date() if content else None


def _time(reader: Reader) -> time_of_day | None:
    digits = reader.number(1)
    content = reader.take(reader.number(1))
    return (_first_day + _since_midnight(content, digits)).time() if content else None


def _datetime2(reader: Reader) -> datetime | None:
    digits = reader.number(1)
    content = reader.take(reader.number(1))
    return _moment(content, digits) if content else None


def _datetimeoffset(reader: Reader) -> datetime | None:
    digits = reader.number(1)
    content = reader.take(reader.number(1))
    if not content:
        return None
    (minutes,) = struct.unpack("<h", content[-2:])
    zone = timezone(timedelta(minutes=minutes))
    return _moment(content[:-2], digits).replace(tzinfo=UTC).astimezone(zone)


def _moment(content: bytes, digits: int) -> datetime:
    size = _bytes_of_time[digits]
    return _day(content[size:]) + _since_midnight(content[:size], digits)


def _day(content: bytes) -> datetime:
    return _first_day + timedelta(days=int.from_bytes(content[:3], "little"))


def _since_midnight(content: bytes, digits: int) -> timedelta:
    size = _bytes_of_time[digits]
    ticks = int.from_bytes(content[:size], "little") * 10 ** (7 - digits)
    return timedelta(microseconds=ticks // 10)


def _text(reader: Reader) -> str | None:
    size = reader.number(2)
    reader.take(5)
    content = _long(reader, size)
    return None if content is None else content.decode("utf-16-le", "surrogatepass")


def _narrow_text(reader: Reader) -> str | None:
    size = reader.number(2)
    reader.take(5)
    content = _long(reader, size)
    return None if content is None else content.decode("cp1252")


def _binary(reader: Reader) -> bytes | None:
    return _long(reader, reader.number(2))


def _long(reader: Reader, most: int) -> bytes | None:
    if most == NULL_SHORT:
        return reader.parts()
    size = reader.number(2)
    return None if size == NULL_SHORT else reader.take(size)


_readers: Final[dict[int, Callable[[Reader], Value]]] = {
    0x1F: lambda _: None,
    0x24: _guid,
    0x26: _integer,
    0x28: _date,
    0x29: _time,
    0x2A: _datetime2,
    0x2B: _datetimeoffset,
    0x68: _bit,
    0x6A: _decimal,
    0x6C: _decimal,
    0x6D: _float,
    0xA5: _binary,
    0xA7: _narrow_text,
    0xAD: _binary,
    0xAF: _narrow_text,
    0xE7: _text,
    0xEF: _text,
}
