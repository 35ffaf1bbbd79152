"""The functions of T-SQL that SQLite lacks, for its connections."""

from __future__ import annotations

import json
import re
from functools import lru_cache
from typing import TYPE_CHECKING, Final

import msgspec

from tests.peers.tds import moments
from tests.peers.tds.errors import SqlError
from tests.peers.tds.tokens import NAME
from tests.peers.tds.types import SqlType, Stored, converted
from tests.peers.tds.wire import utf16

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable

_step: Final = re.compile(r"\.(?:\"((?:[^\"\\]|\\.)*)\"|([A-Za-z_]\w*))|\[(\d+)\]")
_object: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_list: Final = msgspec.json.Decoder(list[msgspec.Raw])
_nothing: Final = msgspec.Raw(b"null")
_open: Final = (b"{", b"[")


class Refused:
    """Why a function refused; SQLite forgets what a function raises."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self.error: SqlError | None = None

    def kept(self, function: Callable[..., Stored]) -> Callable[..., Stored]:
        """Return the function, whose errors are kept here."""

        def call(*arguments: Stored) -> Stored:
            try:
                return function(*arguments)
            except SqlError as error:
                self.error = error
                raise

        return call


def add_functions(connection: sqlite3.Connection) -> Refused:
    """Give a connection the functions; return where their errors are kept."""
    refused = Refused()
    for name, function in _functions.items():
        connection.create_function(name, -1, refused.kept(function))
    connection.create_aggregate("COUNT_BIG", -1, _Count)
    return refused


class _Count:
    """COUNT_BIG(*), or of what is not NULL."""

    def __init__(self) -> None:
        self._count = 0

    def step(self, *arguments: Stored) -> None:
        self._count += None not in arguments

    def finalize(self) -> int:
        return self._count


def _converted(value: Stored, name: str, size: int | None, style: int | None = None) -> Stored:
    return converted(value, SqlType(name, size), style)


def _try_converted(value: Stored, name: str, size: int | None, style: int | None = None) -> Stored:
    try:
        return _converted(value, name, size, style)
    except SqlError:
        return None


def _json_value(text: Stored, path: str) -> Stored:
    """Return a value that is no object and no list, as text."""
    raw = bytes(_found(text, path))
    if raw[:1] in _open or raw == b"null":
        return None
    return msgspec.json.decode(raw, type=str) if raw[:1] == b'"' else raw.decode()


def _json_query(text: Stored, path: str) -> Stored:
    """Return an object or a list, as it is written in the text."""
    raw = bytes(_found(text, path))
    return raw.decode() if raw[:1] in _open else None


def _found(text: Stored, path: str) -> msgspec.Raw:
    """Return what stands at a path, as it is written; ``null`` where nothing does."""
    if not isinstance(text, str):
        return _nothing
    try:
        return _at(text.encode(), _steps(path))
    except msgspec.DecodeError as error:
        raise SqlError(13609, f"JSON text is not properly formatted: {error}") from error


@lru_cache
def _steps(path: str) -> tuple[str | int, ...]:
    """Return the names and places that lead to a path."""
    found = _step.findall(path.removeprefix("lax ").removeprefix("$"))
    return tuple(
        int(place) if place else word or json.loads(f'"{name}"') for name, word, place in found
    )


@lru_cache(maxsize=64)  # a row is asked for each of its columns
def _at(text: bytes, steps: tuple[str | int, ...]) -> msgspec.Raw:
    if not steps:
        return msgspec.Raw(text)
    inside = bytes(_at(text, steps[:-1]))
    step = steps[-1]
    if isinstance(step, int):
        elements = _list.decode(inside) if inside[:1] == b"[" else []
        return elements[step] if step < len(elements) else _nothing
    return _fields(inside).get(step, _nothing) if inside[:1] == b"{" else _nothing


@lru_cache(maxsize=64)
def _fields(text: bytes) -> dict[str, msgspec.Raw]:
    return _object.decode(text)


def _json_rows(text: Stored) -> Stored:
    """Return the list whose elements OPENJSON makes rows of: an object is one row."""
    return f"[{text}]" if isinstance(text, str) and text.lstrip()[:1] == "{" else text


def _is_json(text: Stored) -> int | None:
    if text is None:
        return None
    try:
        return int(isinstance(json.loads(str(text)), dict | list))
    except ValueError:
        return 0


def _date_add(part: str, number: int, moment: str | None) -> str | None:
    return None if moment is None else moments.later(moment, part, number)


_functions: Final[dict[str, Callable[..., Stored]]] = {
    "converted": _converted,
    "try_converted": _try_converted,
    "json_value": _json_value,
    "json_query": _json_query,
    "json_rows": _json_rows,
    "isjson": _is_json,
    "sysdatetimeoffset": moments.now,
    "sysutcdatetime": moments.now,
    "dateadd": _date_add,
    "isnull": lambda value, other: other if value is None else value,
    "units": lambda text: None if text is None else len(utf16(str(text))) // 2,
    "square": lambda number: None if number is None else float(number) ** 2,
    "len": lambda text: None if text is None else len(str(text).rstrip(" ")),
    "datalength": lambda text: None if text is None else len(utf16(str(text))),
    "switchoffset": lambda moment, _: moment,
    "concat": lambda *texts: "".join("" if each is None else str(each) for each in texts),
    "serverproperty": lambda _: NAME,
}
