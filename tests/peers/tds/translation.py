"""Writes a query of T-SQL as SQLite has it.

Most of both dialects is the same. What differs stands in the tables at the end, by the word that
begins it: how a table is named, hints, TOP, OFFSET, conversions, OPENJSON. A function that nobody
made is refused by SQLite itself.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Final

from tests.peers.tds.errors import unknown
from tests.peers.tds.lexer import Group, Token, is_name, is_sign, is_word, split, written
from tests.peers.tds.names import (
    group_behind,
    literal,
    name_parts,
    quoted,
    table_name,
    variable,
)
from tests.peers.tds.open_json import applied, columns
from tests.peers.tds.types import type_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from tests.peers.tds.lexer import Item

_gives_text: Final = ("CONCAT", "LEFT", "LOWER", "SUBSTRING", "UPPER")
_hints: Final = frozenset(
    {"UPDLOCK", "HOLDLOCK", "READPAST", "ROWLOCK", "NOLOCK", "SERIALIZABLE", "READCOMMITTEDLOCK"}
)


def query(items: Sequence[Item]) -> str:
    """Return a SELECT, INSERT, UPDATE or DELETE, with or without WITH before it."""
    return _Writer(_defined_before(items), applied(items)).query(items)


def expression(items: Sequence[Item]) -> str:
    """Return an expression."""
    return _Writer(frozenset(), {}).written(items)


def _defined_before(items: Sequence[Item]) -> frozenset[str]:
    """Return the names of the common table expressions that a query begins with."""
    if not items or not is_word(items[0], "WITH"):
        return frozenset()
    return frozenset(
        item.says.upper()
        for item, following in pairwise(items)
        if isinstance(item, Token) and is_name(item) and is_word(following, "AS")
    )


class _Writer:
    """Writes items one after another; ``at`` is the place of the next."""

    def __init__(self, known: frozenset[str], applied: Mapping[str, Mapping[str, str]]) -> None:
        self._known = known
        self._applied = applied

    def query(self, items: Sequence[Item]) -> str:
        if is_word(items[0], "DELETE"):
            return self._delete(items)
        limit, rest = self._without_top(items)
        return f"{self.written(rest)}{f' LIMIT {limit}' if limit else ''}"

    def written(self, items: Sequence[Item]) -> str:
        out: list[str] = []
        at = 0
        while at < len(items):
            text, at = self._next(items, at)
            out.append(text)
        return " ".join(out)

    def _next(self, items: Sequence[Item], at: int) -> tuple[str, int]:
        item = items[at]
        if isinstance(item, Group):
            return self._group(item), at + 1
        if item.kind == "word" and (rule := _rules.get(item.says)) is not None:
            return rule(self, items, at)
        if (column := self._applied_column(items, at)) is not None:
            return column, at + 3
        if item.written == "+" and _joins_texts(items, at):
            return "||", at + 1
        return _as_it_is.get(item.kind, _same)(item), at + 1

    def _group(self, group: Group) -> str:
        if group.items and is_word(group.items[0], "SELECT", "WITH"):
            return f"({self.query(group.items)})"
        return f"({self.written(group.items)})"

    def _without_top(self, items: Sequence[Item]) -> tuple[str, Sequence[Item]]:
        for at, item in enumerate(items):
            if is_word(item, "TOP"):
                return self._count(items[at + 1]), (*items[:at], *items[at + 2 :])
        return "", items

    def _count(self, item: Item) -> str:
        return self.written(item.items if isinstance(item, Group) else [item])

    def _delete(self, items: Sequence[Item]) -> str:
        """Write DELETE [TOP (n)] [FROM] table [WITH (hints)] [WHERE condition]."""
        limit, rest = self._without_top(items)
        at = 2 if is_word(rest[1], "FROM") else 1
        table, at = self._table(rest, at)
        condition = self.written(rest[at:])
        if condition and not is_word(rest[at], "WHERE"):
            raise unknown("such a DELETE", written(items))
        if not limit:
            return f"DELETE FROM {table} {condition}"
        chosen = f"SELECT rowid FROM {table} {condition} LIMIT {limit}"
        return f"DELETE FROM {table} WHERE rowid IN ({chosen})"

    def _table(self, items: Sequence[Item], at: int) -> tuple[str, int]:
        """Write the name of a table; its hints go."""
        parts, behind = name_parts(items, at)
        if len(parts) == 1 and parts[0].upper() in self._known:
            return quoted(parts[0]), behind
        name, at = table_name(items, at)
        alias, hinted = _alias(items, at)
        return f"{name}{alias}", _behind_hints(items, hinted)

    # How what begins with a word is written.

    def source(self, items: Sequence[Item], at: int) -> tuple[str, int]:
        """FROM, JOIN, INTO and UPDATE: a table follows, or a query, or OPENJSON."""
        word = items[at]
        assert isinstance(word, Token)
        if at + 1 == len(items):
            raise unknown("a missing table", written(items))
        if isinstance(items[at + 1], Group) or is_word(items[at + 1], "OPENJSON"):
            return word.says, at + 1
        name, behind = self._table(items, at + 1)
        return f"{word.says} {name}", behind

    def insert(self, items: Sequence[Item], at: int) -> tuple[str, int]:
        """INSERT, whose INTO may be missing."""
        if is_word(items[at + 1], "INTO"):
            return "INSERT", at + 1
        name, behind = self._table(items, at + 1)
        return f"INSERT INTO {name}", behind

    def cast(self, items: Sequence[Item], at: int) -> tuple[str, int]:
        """CAST (value AS type), and TRY_CAST."""
        group = group_behind(items, at)
        places = [place for place, item in enumerate(group) if is_word(item, "AS")]
        value, kind = group[: places[-1]], group[places[-1] + 1 :]
        return self._converted(items[at], kind, value), at + 2

    def convert(self, items: Sequence[Item], at: int) -> tuple[str, int]:
        """CONVERT (type, value [, style]), and TRY_CONVERT."""
        kind, value, *style = split(group_behind(items, at))
        return self._converted(items[at], kind, value, *style), at + 2

    def _converted(
        self, word: Item, kind: Sequence[Item], value: Sequence[Item], *style: Sequence[Item]
    ) -> str:
        to, _ = type_of(kind)
        function = "try_converted" if is_word(word, "TRY_CAST", "TRY_CONVERT") else "converted"
        size = "NULL" if to.size is None else to.size
        rest = "".join(f", {self.written(each)}" for each in style)
        return f"{function}({self.written(value)}, '{to.name}', {size}{rest})"

    def error_number(self, _items: Sequence[Item], at: int) -> tuple[str, int]:
        """ERROR_NUMBER ()."""
        return "@server_error_number", at + 2

    def date_add(self, items: Sequence[Item], at: int) -> tuple[str, int]:
        """DATEADD (part, number, time): the part is no column."""
        part, *rest = split(group_behind(items, at))
        arguments = ", ".join(self.written(each) for each in rest)
        return f"dateadd({literal(written(part))}, {arguments})", at + 2

    def open_json(self, items: Sequence[Item], at: int) -> tuple[str, int]:
        """OPENJSON (value [, path]) [WITH (column type 'path' [AS JSON], …)]."""
        arguments = ", ".join(self.written(each) for each in split(group_behind(items, at)))
        if not is_word(items[at + 2] if at + 2 < len(items) else None, "WITH"):
            return f"(SELECT key, value, type FROM json_each({arguments}))", at + 2
        defined = columns(group_behind(items, at + 2), "json_each")
        selected = ", ".join(f"{value} AS {quoted(name)}" for name, value in defined.items())
        return f"(SELECT {selected} FROM json_each(json_rows({arguments})))", at + 4

    def apply(self, items: Sequence[Item], at: int) -> tuple[str, int]:
        """CROSS APPLY OPENJSON (value) WITH (…) AS alias: see `applied`."""
        if not is_word(items[at + 1], "APPLY"):
            return "CROSS", at + 1
        value = self.written(group_behind(items, at + 2))
        alias, behind = name_parts(items, at + 7)
        return f"JOIN json_each(json_rows({value})) AS {quoted(*alias)}", behind

    def _applied_column(self, items: Sequence[Item], at: int) -> str | None:
        if at + 2 >= len(items) or not is_sign(items[at + 1], "."):
            return None
        table, column = items[at], items[at + 2]
        if not isinstance(table, Token) or not isinstance(column, Token):
            return None
        return self._applied.get(table.says.upper(), {}).get(column.says.upper())

    def left(self, items: Sequence[Item], at: int) -> tuple[str, int]:
        """LEFT (text, number); before JOIN it is another word."""
        if not isinstance(items[at + 1], Group):
            return "LEFT", at + 1
        text, number = split(group_behind(items, at))
        return f"substr({self.written(text)}, 1, {self.written(number)})", at + 2

    def nothing(self, _items: Sequence[Item], at: int) -> tuple[str, int]:
        """Words about how an index is kept: SQLite has one way."""
        return "", at + 1

    def collate(self, items: Sequence[Item], at: int) -> tuple[str, int]:
        """COLLATE: a binary one, or one that takes upper and lower case for the same."""
        named = items[at + 1]
        assert isinstance(named, Token)
        binary = "_BIN" in named.says.upper()
        return f"COLLATE {'BINARY' if binary else 'NOCASE'}", at + 2

    def offset(self, items: Sequence[Item], at: int) -> tuple[str, int]:
        """OFFSET n ROWS [FETCH NEXT m ROWS ONLY]."""
        skipped = self._count(items[at + 1])
        fetch = at + 3
        if fetch < len(items) and is_word(items[fetch], "FETCH"):
            return f"LIMIT {self._count(items[fetch + 2])} OFFSET {skipped}", fetch + 5
        return f"LIMIT -1 OFFSET {skipped}", fetch


def _alias(items: Sequence[Item], at: int) -> tuple[str, int]:
    """Return the alias where hints stand behind it; else it is written as any other word."""
    start = at + 1 if at < len(items) and is_word(items[at], "AS") else at
    name = items[start] if start < len(items) else None
    if isinstance(name, Token) and is_name(name) and _hinted(items, start + 1):
        return f" AS {quoted(name.says if name.kind == 'quoted' else name.written)}", start + 1
    return "", at


def _hinted(items: Sequence[Item], at: int) -> bool:
    if at + 1 >= len(items) or not is_word(items[at], "WITH"):
        return False
    group = items[at + 1]
    return isinstance(group, Group) and all(
        is_word(each[0], *_hints) for each in split(group.items)
    )


def _behind_hints(items: Sequence[Item], at: int) -> int:
    return at + 2 if _hinted(items, at) else at


def _joins_texts(items: Sequence[Item], at: int) -> bool:
    """Return whether a ``+`` stands beside a text, or beside a function that gives one."""
    before, behind = items[:at], items[at + 1 :]
    if before and isinstance(before[-1], Group):
        before = before[:-1]
    beside = (before[-1] if before else None, behind[0] if behind else None)
    return any(
        is_word(each, *_gives_text) or (isinstance(each, Token) and each.kind == "text")
        for each in beside
    )


def _count_big(_writer: _Writer, _items: Sequence[Item], at: int) -> tuple[str, int]:
    return "count", at + 1


def _same(token: Token) -> str:
    return token.written


_as_it_is: Final[dict[str, Callable[[Token], str]]] = {
    "quoted": lambda token: quoted(token.says),
    "text": lambda token: literal(token.says),
    "variable": lambda token: f"@{variable(token.says)}",
}
_rules: Final[dict[str, Callable[[_Writer, Sequence[Item], int], tuple[str, int]]]] = {
    "CAST": _Writer.cast,
    "CLUSTERED": _Writer.nothing,
    "COLLATE": _Writer.collate,
    "CONVERT": _Writer.convert,
    "COUNT_BIG": _count_big,
    "CROSS": _Writer.apply,
    "DATEADD": _Writer.date_add,
    "ERROR_NUMBER": _Writer.error_number,
    "FROM": _Writer.source,
    "INSERT": _Writer.insert,
    "INTO": _Writer.source,
    "JOIN": _Writer.source,
    "LEFT": _Writer.left,
    "NONCLUSTERED": _Writer.nothing,
    "OFFSET": _Writer.offset,
    "OPENJSON": _Writer.open_json,
    "TRY_CAST": _Writer.cast,
    "TRY_CONVERT": _Writer.convert,
    "UPDATE": _Writer.source,
}
