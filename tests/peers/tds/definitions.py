"""Writes CREATE, ALTER and DROP as SQLite has them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from tests.peers.tds.errors import SqlError, unknown
from tests.peers.tds.lexer import Group, Token, is_name, is_word, split, written
from tests.peers.tds.names import name_parts, quoted, table_name
from tests.peers.tds.translation import expression, query
from tests.peers.tds.types import type_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from tests.peers.tds.lexer import Item

_silent = frozenset({"CLUSTERED", "NONCLUSTERED"})


class NewSchema(NamedTuple):
    """CREATE SCHEMA: SQLite has none, the store keeps their names."""

    name: str


def definition(items: Sequence[Item]) -> str | NewSchema:
    """Return a definition for SQLite.

    Raises:
        SqlError: It is one that this server does not know.
    """
    plain = [item for item in items if not is_word(item, *_silent)]
    unique = [item for item in plain if not is_word(item, "UNIQUE")]
    words = tuple(item.says for item in unique[:2] if isinstance(item, Token))
    if (rule := _rules.get(words)) is None:
        raise unknown("such a definition", written(items))
    return rule(plain)


def _schema(items: Sequence[Item]) -> NewSchema:
    return NewSchema(name_parts(items, 2)[0][0])


def _table(items: Sequence[Item]) -> str:
    name, at = table_name(items, 2)
    group = items[at]
    assert isinstance(group, Group)
    return f"CREATE TABLE {name} ({', '.join(map(_part, split(group.items)))})"


def _part(items: Sequence[Item]) -> str:
    """Write a column or a constraint of a table."""
    if is_word(items[0], "CONSTRAINT", "PRIMARY", "UNIQUE", "CHECK", "FOREIGN"):
        return expression(items)
    (name,), at = name_parts(items, 0)
    kind, size = type_of(items[at:])
    rest = items[at + size :]
    if is_word(rest[0] if rest else None, "IDENTITY"):
        return f"{quoted(name)} INTEGER {_identity(rest)}"
    limit = ""
    if kind.is_text and kind.size is not None:
        limit = f" CONSTRAINT {quoted('too long')} CHECK (units({quoted(name)}) <= {kind.size})"
    return f"{quoted(name)} {kind.name} {_attributes(rest)}{limit}"


def _identity(items: Sequence[Item]) -> str:
    """Write what follows IDENTITY (1, 1): SQLite numbers a primary key."""
    rest = items[2:] if len(items) > 1 and isinstance(items[1], Group) else items[1:]
    text = expression(rest)
    if "PRIMARY KEY" not in text:
        raise unknown("IDENTITY that is no primary key", written(items))
    return f"{text} AUTOINCREMENT"


def _attributes(items: Sequence[Item]) -> str:
    """Write NULL, NOT NULL, DEFAULT and the like; a default with a function needs parentheses."""
    at = next((at for at, item in enumerate(items) if is_word(item, "DEFAULT")), None)
    if at is None:
        return expression(items)
    called = at + 2 < len(items) and isinstance(items[at + 2], Group)
    behind = at + (3 if called else 2)
    value = expression(items[at + 1 : behind])
    return f"{expression(items[:at])} DEFAULT ({value}) {expression(items[behind:])}"


def _index(items: Sequence[Item]) -> str:
    """Write an index; its name is the table's own, as SQL Server has it; INCLUDE goes."""
    kind, at = ("UNIQUE INDEX", 3) if is_word(items[1], "UNIQUE") else ("INDEX", 2)
    (name,), at = name_parts(items, at)
    table, behind = table_name(items, at + 1)
    columns = items[behind]
    assert isinstance(columns, Group)
    rest = list(_without_include(items[behind + 1 :]))
    full = quoted(f"{table[1:-1]}.{name}")
    return f"CREATE {kind} {full} ON {table} ({expression(columns.items)}) {expression(rest)}"


def _without_include(items: Sequence[Item]) -> Iterator[Item]:
    skipping = False
    for item in items:
        if is_word(item, "INCLUDE"):
            skipping = True
        elif skipping:
            skipping = False
        else:
            yield item


def _view(items: Sequence[Item]) -> str:
    name, at = table_name(items, 2)
    if not is_word(items[at], "AS"):
        raise unknown("such a view", written(items))
    return f"CREATE VIEW {name} AS {query(items[at + 1 :])}"


def _alteration(items: Sequence[Item]) -> str:
    """Write ALTER TABLE … ADD column."""
    name, at = table_name(items, 2)
    if not is_word(items[at], "ADD") or not is_name(items[at + 1]):
        raise unknown("such an ALTER TABLE", written(items))
    columns = split(items[at + 1 :])
    if len(columns) != 1:
        raise SqlError(102, "the TDS peer of these tests adds one column at a time", severity=15)
    return f"ALTER TABLE {name} ADD COLUMN {_part(columns[0])}"


def _removal(items: Sequence[Item]) -> str:
    return f"{written(items[:2])} {table_name(items, 2)[0]}"


_rules: Final[dict[tuple[str, ...], Callable[[Sequence[Item]], str | NewSchema]]] = {
    ("ALTER", "TABLE"): _alteration,
    ("CREATE", "INDEX"): _index,
    ("CREATE", "SCHEMA"): _schema,
    ("CREATE", "TABLE"): _table,
    ("CREATE", "VIEW"): _view,
    ("DROP", "TABLE"): _removal,
    ("DROP", "VIEW"): _removal,
}
