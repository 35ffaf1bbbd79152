"""Names and groups of T-SQL, and how SQLite has them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tests.peers.tds.errors import unknown
from tests.peers.tds.lexer import Group, Token, is_name, is_sign, written

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.peers.tds.lexer import Item

default_schema: Final = "dbo"


def table_name(items: Sequence[Item], at: int) -> tuple[str, int]:
    """Return the quoted name of the table that stands at a place, and the place behind it."""
    parts, at = name_parts(items, at)
    return quoted(".".join(parts if len(parts) > 1 else [default_schema, *parts])), at


def name_parts(items: Sequence[Item], at: int) -> tuple[list[str], int]:
    """Return the parts of a name with dots, and the place behind it."""
    parts: list[str] = []
    while at < len(items) and is_name(item := items[at]):
        assert isinstance(item, Token)
        parts.append(item.written if item.kind == "word" else item.says)
        at += 1
        if at >= len(items) or not is_sign(items[at], "."):
            break
        at += 1
    if not parts:
        raise unknown("a name", written(items[at - 1 :]))
    return parts, at


def quoted(name: str) -> str:
    """Return a name for SQLite; never in double quotes, which it may take for a text."""
    if "]" in name:
        raise unknown("a name with a bracket", name)
    return f"[{name}]"


def literal(text: str) -> str:
    """Return a text for SQLite."""
    return "'" + text.replace("'", "''") + "'"


def variable(name: str) -> str:
    """Return how SQLite knows ``@P1``, as ``p1``, and ``@@SPID``, as ``server_spid``."""
    return f"server_{name[2:].lower()}" if name.startswith("@@") else name[1:].lower()


def group_behind(items: Sequence[Item], at: int) -> Sequence[Item]:
    """Return what stands in the parentheses behind a place."""
    group = items[at + 1] if at + 1 < len(items) else None
    if not isinstance(group, Group):
        raise unknown("this without parentheses", written(items[at:]))
    return group.items
