"""OPENJSON with a WITH: what it makes columns of, for SQLite's ``json_each``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.peers.tds.errors import unknown
from tests.peers.tds.lexer import Token, is_word, split, written
from tests.peers.tds.names import group_behind, literal, name_parts, quoted
from tests.peers.tds.types import type_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.peers.tds.lexer import Item


def applied(items: Sequence[Item]) -> dict[str, dict[str, str]]:
    """Return the columns of each ``CROSS APPLY OPENJSON (…) WITH (…) AS alias``, by its alias.

    SQLite has no APPLY for a query, but for ``json_each``: the columns are written out where the
    query names them.
    """
    found: dict[str, dict[str, str]] = {}
    for at, item in enumerate(items):
        if is_word(item, "APPLY"):
            group, alias = group_behind(items, at + 3), items[at + 6 : at + 7]
            if not alias or not isinstance(alias[0], Token) or not is_word(items[at + 5], "AS"):
                raise unknown("such an APPLY", written(items[at:]))
            defined = columns(group, quoted(alias[0].says))
            found[alias[0].says.upper()] = {name.upper(): each for name, each in defined.items()}
    return found


def columns(group: Sequence[Item], table: str) -> dict[str, str]:
    """Return the columns that OPENJSON makes of each row of ``json_each``, by their names."""
    return dict(_column_of(each, table) for each in split(group))


def _column_of(items: Sequence[Item], table: str) -> tuple[str, str]:
    (name,), at = name_parts(items, 0)
    to, size = type_of(items[at:])
    rest = items[at + size :]
    path = rest[0] if rest else None
    given = isinstance(path, Token) and path.kind == "text"
    place = path.says if given and isinstance(path, Token) else f"$.{name}"
    function = "json_query" if is_word(rest[-1] if rest else None, "JSON") else "json_value"
    value = f"{function}({table}.value, {literal(place)})"
    if to.is_text and to.size is None:
        return name, value
    length = "NULL" if to.size is None else to.size
    return name, f"converted({value}, '{to.name}', {length})"
