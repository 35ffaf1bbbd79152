"""Types of T-SQL: how they are written, and how SQLite keeps their values.

A point in time is kept as text in UTC, with seven digits behind the second, so that it is compared
rightly as text. Its offset is lost; nothing here asks for it.
"""

from __future__ import annotations

import re
import uuid
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

from tests.peers.tds.errors import SqlError, unknown
from tests.peers.tds.lexer import Group, Token, is_name, written

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tests.peers.tds.lexer import Item

Stored: TypeAlias = str | int | float | bytes | None

_texts: Final = frozenset({"CHAR", "VARCHAR", "NCHAR", "NVARCHAR", "SYSNAME"})
_integers: Final = frozenset({"TINYINT", "SMALLINT", "INT", "BIGINT"})
_moments: Final = frozenset({"DATETIMEOFFSET", "DATETIME2"})
_names: Final = _texts | _integers | _moments | {"FLOAT", "BIT", "UNIQUEIDENTIFIER", "VARBINARY"}
_iso: Final = re.compile(
    r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(?:\.(\d{1,7}))? ?(Z|[-+]\d\d:\d\d)?"
)


class SqlType(NamedTuple):
    """A type; ``size`` is None where none is said, or where it is MAX."""

    name: str
    size: int | None = None

    @property
    def is_text(self) -> bool:
        """Whether its values are texts."""
        return self.name in _texts


def type_of(items: Sequence[Item]) -> tuple[SqlType, int]:
    """Return the type that items begin with, and how many of them say it."""
    first = items[0] if items else None
    if not isinstance(first, Token) or not is_name(first) or first.says.upper() not in _names:
        raise unknown("a type", written(items))
    name = first.says.upper()
    if len(items) > 1 and isinstance(items[1], Group):
        size = items[1].items[0]
        assert isinstance(size, Token)
        return SqlType(name, int(size.says) if size.kind == "number" else None), 2
    return SqlType(name), 1


def converted(value: Stored, to: SqlType) -> Stored:
    """Return a value as that type has it.

    Raises:
        SqlError: It cannot be that.
    """
    if value is None:
        return None
    try:
        return _converted(value, to)
    except ValueError as error:
        raise SqlError(
            241 if to.name in _moments else 8114,
            f"Conversion failed when converting {value!r:.60} to {to.name.lower()}.",
        ) from error


def _converted(value: str | float | bytes, to: SqlType) -> Stored:
    if to.is_text:
        text = value.decode("cp1252") if isinstance(value, bytes) else str(value)
        return text if to.size is None else text[: to.size]
    if to.name in _integers:
        return int(value)
    if to.name in _moments:
        return moment_text(str(value))
    return _others[to.name](value)


def _bit(value: str | float | bytes) -> int:
    return {"true": 1, "false": 0}.get(str(value).lower(), int(value != "0" and bool(value)))


_others: Final[dict[str, Callable[[str | float | bytes], Stored]]] = {
    "BIT": _bit,
    "FLOAT": float,
    "UNIQUEIDENTIFIER": lambda value: str(uuid.UUID(str(value))).upper(),
    "VARBINARY": lambda value: value,
}


def moment_text(text: str) -> str:
    """Return a point in time as it is kept; without an offset it is UTC.

    Raises:
        ValueError: It is none.
    """
    match = _iso.fullmatch(text)
    if match is None:
        raise ValueError(text)
    day, time, fraction, offset = match.groups()
    moment = datetime.fromisoformat(f"{day}T{time}{(offset or 'Z').replace('Z', '+00:00')}")
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%S}.{(fraction or '').ljust(7, '0')}Z"


def moment_of(kept: bytes) -> datetime:
    """Return a point in time from how it is kept; its last digit is lost."""
    text = moment_text(kept.decode())
    return datetime.fromisoformat(f"{text[:-2]}+00:00")
