"""The tree between a document and the types: plain nodes that know where they stand."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterator

UNKNOWN = object()
"""The value of a scalar whose problem is reported already: nothing more is said of it."""


class Place(NamedTuple):
    """Where something stands.

    Attributes:
        line: The line, from 1.
        column: The column in characters, from 1.
        file: The file as problems call it; None for what was not read from one.
    """

    line: int
    column: int
    file: str | None = None

    def __str__(self) -> str:
        """Return ``file:line:column``."""
        return ":".join(str(part) for part in (self.file, self.line, self.column) if part)


class Scalar(msgspec.Struct, frozen=True, gc=False):
    """One value: a document's text, or any object of Python.

    Attributes:
        value: The text as written in a document; from Python the object itself.
        place: Where it begins.
        plain: Whether it is unquoted, so that its text may mean a number, true, false or null.
        written: What stood in the document, where `value` was put in for a ``${…}``.
    """

    value: object
    place: Place | None = None
    plain: bool = False
    written: str | None = None


class Items(msgspec.Struct, frozen=True):
    """A list.

    Attributes:
        items: Its elements.
        place: Where it begins.
    """

    items: tuple[Node, ...]
    place: Place | None = None


class Mapping(msgspec.Struct, frozen=True):
    """Keys with values, in order; no key twice.

    Attributes:
        entries: Each key with its value.
        place: Where it begins.
        origin: The class of the object it was made from, in Python.
    """

    entries: tuple[Entry, ...]
    place: Place | None = None
    origin: type | None = None

    def get(self, key: str) -> Node | None:
        """Return the value of ``key``, or None."""
        return next((entry.value for entry in self.entries if entry.key == key), None)


class Entry(msgspec.Struct, frozen=True):
    """One key of a mapping.

    Attributes:
        key: The key's text.
        value: Its value.
        place: Where the key begins.
        doubt: What is said of the key instead of its text, where that may be part of a value.
    """

    key: str
    value: Node
    place: Place | None = None
    doubt: str | None = None


Node: TypeAlias = Scalar | Items | Mapping


def below(path: str, key: str | int) -> str:
    """Return the path of a key or index in what is at ``path``."""
    if isinstance(key, int):
        return f"{path}[{key}]"
    return f"{path}.{key}" if path else key


def size_of(node: Node) -> int:
    """Return how many keys, values and items there are in ``node``, repeated or not."""
    if isinstance(node, Mapping):
        return 1 + sum(1 + size_of(entry.value) for entry in node.entries)
    return 1 + sum(map(size_of, node.items)) if isinstance(node, Items) else 1


def is_whole(value: object) -> bool:
    """Tell whether ``value``, if it is text, has no half of a surrogate pair."""
    if not isinstance(value, str) or value.isascii():
        return True
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def scalars(node: Node, path: str = "") -> Iterator[tuple[str, Scalar]]:
    """Yield every scalar in ``node`` with its path."""
    if isinstance(node, Mapping):
        for entry in node.entries:
            yield from scalars(entry.value, below(path, entry.key))
    elif isinstance(node, Items):
        for index, item in enumerate(node.items):
            yield from scalars(item, below(path, index))
    else:
        yield path, node


def places(node: Node, path: str = "") -> Iterator[tuple[str, Place]]:
    """Yield every path in ``node`` with the place of its key or item."""
    if isinstance(node, Mapping):
        for entry in node.entries:
            where = below(path, entry.key)
            if entry.place:
                yield where, entry.place
            yield from places(entry.value, where)
    elif isinstance(node, Items):
        for index, item in enumerate(node.items):
            where = below(path, index)
            if item.place:
                yield where, item.place
            yield from places(item, where)
