"""The tree between a document and the types: plain nodes that know where they stand."""

from __future__ import annotations

from typing import TypeAlias

import msgspec

UNKNOWN = object()
"""The value of a scalar whose problem is reported already: nothing more is said of it."""

Place: TypeAlias = tuple[int, int]
"""A line and a column, both from 1."""


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
    """

    key: str
    value: Node
    place: Place | None = None


Node: TypeAlias = Scalar | Items | Mapping


def below(path: str, key: str | int) -> str:
    """Return the path of a key or index in what is at ``path``."""
    if isinstance(key, int):
        return f"{path}[{key}]"
    return f"{path}.{key}" if path else key


def too_many_nodes(most: int) -> str:
    """Word the refusal of a tree that is too large."""
    return f"too large; expected at most {most:,} keys, values and list items"
