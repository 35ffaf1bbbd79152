"""Types of T-SQL: how they are written, and how SQLite keeps their values."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

from tests.peers.tds import moments
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


def converted(value: Stored, to: SqlType, style: int | None = None) -> Stored:
    """Return a value as that type has it; a style says how a time is written.

    Raises:
        SqlError: It cannot be that.
    """
    if value is None:
        return None
    try:
        return _converted(value, to, style)
    except ValueError as error:
        raise SqlError(
            241 if to.name in _moments else 8114,
            f"Conversion failed when converting {value!r:.60} to {to.name.lower()}.",
        ) from error


def _converted(value: str | float | bytes, to: SqlType, style: int | None) -> Stored:
    if to.is_text:
        text = moments.shown(value, style) if moments.is_moment(value) else _text(value)
        return text if to.size is None else text[: to.size]
    if to.name in _integers:
        return int(value)
    if to.name in _moments:
        return moments.kept(str(value))
    return _others[to.name](value)


def _text(value: str | float | bytes) -> str:
    return value.decode("cp1252") if isinstance(value, bytes) else str(value)


def _bit(value: str | float | bytes) -> int:
    return {"true": 1, "false": 0}.get(str(value).lower(), int(value != "0" and bool(value)))


_others: Final[dict[str, Callable[[str | float | bytes], Stored]]] = {
    "BIT": _bit,
    "FLOAT": float,
    "UNIQUEIDENTIFIER": lambda value: str(uuid.UUID(str(value))).upper(),
    "VARBINARY": lambda value: value,
}
