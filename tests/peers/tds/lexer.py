"""Splits T-SQL into tokens, and puts those between parentheses together."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

from tests.peers.tds.errors import SqlError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_pattern: Final = re.compile(
    r"""
    (?P<space> \s+ | --[^\n]* | /\*.*?\*/ )
  | (?P<text> N?'(?:[^']|'')*' )
  | (?P<quoted> \[(?:[^\]]|\]\])*\] | "(?:[^"]|"")*" )
  | (?P<variable> @@?\w+ )
  | (?P<number> \d+(?:\.\d+)? )
  | (?P<word> [A-Za-z_\#][\w$\#]* )
  | (?P<sign> <> | <= | >= | != | \|\| | [-+*/%&|=<>.,;()] )
    """,
    re.VERBOSE | re.DOTALL,
)


class Token(NamedTuple):
    """A token: what it is, how it is written, and what it says; words in upper case."""

    kind: str
    written: str
    says: str


class Group(NamedTuple):
    """What stands between a pair of parentheses."""

    items: tuple[Item, ...]


Item: TypeAlias = "Token | Group"


def items_of(text: str) -> tuple[Item, ...]:
    """Return the tokens and groups of a text.

    Raises:
        SqlError: It cannot be split.
    """
    tokens = list(_tokens(text))
    items, end = _grouped(tokens, 0)
    if end != len(tokens):
        raise SqlError(102, "Incorrect syntax near ')'.", severity=15)
    return tuple(items)


def _tokens(text: str) -> Iterator[Token]:
    at = 0
    while at < len(text):
        match = _pattern.match(text, at)
        if match is None or match.lastgroup is None:
            raise SqlError(102, f"Incorrect syntax near '{text[at : at + 20]}'.", severity=15)
        at = match.end()
        if match.lastgroup != "space":
            yield Token(match.lastgroup, match[0], _meaning(match.lastgroup, match[0]))


def _meaning(kind: str, written: str) -> str:
    if kind == "text":
        return written[written.index("'") + 1 : -1].replace("''", "'")
    if kind == "quoted":
        return written[1:-1].replace(written[-1] * 2, written[-1])
    return written.upper() if kind in {"word", "variable"} else written


def _grouped(tokens: Sequence[Token], at: int) -> tuple[list[Item], int]:
    items: list[Item] = []
    while at < len(tokens) and tokens[at].written != ")":
        if tokens[at].written == "(":
            inner, at = _grouped(tokens, at + 1)
            if at == len(tokens):
                raise SqlError(102, "Incorrect syntax near '('.", severity=15)
            items.append(Group(tuple(inner)))
        else:
            items.append(tokens[at])
        at += 1
    return items, at


def is_word(item: Item | None, *words: str) -> bool:
    """Return whether it is one of these words, in any case."""
    return isinstance(item, Token) and item.kind == "word" and item.says in words


def is_sign(item: Item | None, *signs: str) -> bool:
    """Return whether it is one of these signs."""
    return isinstance(item, Token) and item.kind == "sign" and item.written in signs


def is_name(item: Item | None) -> bool:
    """Return whether it may be a name, or a part of one."""
    return isinstance(item, Token) and item.kind in {"word", "quoted"}


def written(items: Sequence[Item]) -> str:
    """Return the text of items again, for messages."""
    return " ".join(
        f"({written(item.items)})" if isinstance(item, Group) else item.written for item in items
    )


def split(items: Sequence[Item], sign: str = ",") -> list[list[Item]]:
    """Return the parts between a sign."""
    parts: list[list[Item]] = [[]]
    for item in items:
        if is_sign(item, sign):
            parts.append([])
        else:
            parts[-1].append(item)
    return parts if parts != [[]] else []
