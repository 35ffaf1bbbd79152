"""Splits a connection string into keywords and values, and joins them again as ODBC reads them.

A value that begins with ``{``, ``"`` or ``'`` is quoted, in either spelling: ODBC's braces end at a
single ``}`` and ADO.NET's quotes at a single one of their kind; doubled, they are meant themselves.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_PART = re.compile(
    r"""
    (?P<keyword>[^=;]*+)
    (?: = \s*+
        (?: \{ (?P<brace> (?: [^}] | }} )*+ ) \} \s*+
          | " (?P<double> (?: [^"] | "" )*+ ) " \s*+
          | ' (?P<single> (?: [^'] | '' )*+ ) ' \s*+
          | (?P<plain> (?: [^;{"'] [^;]*+ )? )
        )
    )?
    (?: ; | \Z )
    """,
    re.VERBOSE,
)
_CLOSING = {"brace": "}", "double": '"', "single": "'"}
_SIMPLE = re.compile(r"[A-Za-z0-9_.,:/\\@+-]+(?: [A-Za-z0-9_.,:/\\@+-]+)*")


class Pair(NamedTuple):
    """One part of a connection string: its place in it, from 1, its keyword and its value."""

    number: int
    keyword: str
    value: str


class PairError(Exception):
    """A connection string has no form; the message says where, and never quotes it."""


def pairs_of(text: str) -> Iterator[Pair]:
    """Yield the parts of a connection string that say something.

    Raises:
        PairError: A part is no ``keyword=value``, or quotes its value badly.
    """
    position, number = 0, 0
    while position < len(text):
        number += 1
        match = _PART.match(text, position)
        if match is None:
            raise PairError(
                f"its part {number} begins its value with a brace or quote; expected the same at "
                "the end, doubled where it is meant itself"
            )
        position = match.end()
        keyword, value = match["keyword"].strip(), _value(match)
        if value is None and keyword:
            raise PairError(f"its part {number} has no '='; expected keyword=value")
        if value is not None and not keyword:
            raise PairError(f"its part {number} has no keyword before '='")
        if value is not None:
            yield Pair(number, keyword, value)


def _value(match: re.Match[str]) -> str | None:
    for name, closing in _CLOSING.items():
        if match[name] is not None:
            return match[name].replace(closing * 2, closing)
    return None if match["plain"] is None else match["plain"].strip()


def odbc_text(values: Iterable[tuple[str, str]]) -> str:
    """Return a connection string for the ODBC driver manager."""
    return ";".join(f"{keyword}={_quoted(value)}" for keyword, value in values)


def _quoted(value: str) -> str:
    return value if _SIMPLE.fullmatch(value) else f"{{{value.replace('}', '}}')}}}"
