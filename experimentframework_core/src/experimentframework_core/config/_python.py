"""Makes the tree of an options object, so that Python and files are checked by the same rules."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING

import msgspec

from experimentframework_core.config._text.refusals import too_deep
from experimentframework_core.config._text.source import DEEPEST
from experimentframework_core.config._tree import UNKNOWN, Entry, Items, Mapping, Scalar, below

if TYPE_CHECKING:
    from collections.abc import Iterator

    from experimentframework_core.config._problems.report import Report
    from experimentframework_core.config._tree import Node


def tree_of(value: object, report: Report, path: str = "") -> Node:
    """Return the tree that a file with the same settings would have, without places.

    Args:
        value: The options.
        report: Takes what no file can hold: what is too deep, or holds itself, and odd keys.
        path: Where the options stand.
    """
    return _Maker(report).node(value, path, ())


class _Maker:
    def __init__(self, report: Report) -> None:
        self._report = report

    def node(self, value: object, path: str, around: tuple[object, ...]) -> Node:
        """Return the node of ``value``, which stands in all that is ``around`` it."""
        if not isinstance(value, msgspec.Struct | dict | list | tuple | set | frozenset):
            return Scalar(value.value if isinstance(value, Enum) else value)
        if any(value is each for each in around):
            return self._refused(path, "the object that holds it; nothing can hold itself")
        if len(around) >= DEEPEST:
            return self._refused(path, too_deep(DEEPEST))
        inside = (*around, value)
        if isinstance(value, msgspec.Struct):
            fields = msgspec.structs.fields(value)
            pairs = ((each.encode_name, getattr(value, each.name)) for each in fields)
            return Mapping(tuple(self._entries(pairs, path, inside)), origin=type(value))
        if isinstance(value, dict):
            return Mapping(tuple(self._entries(iter(value.items()), path, inside)))
        items = (self.node(each, below(path, i), inside) for i, each in enumerate(value))
        return Items(tuple(items))

    def _entries(
        self, pairs: Iterator[tuple[object, object]], path: str, inside: tuple[object, ...]
    ) -> Iterator[Entry]:
        for key, value in pairs:
            if isinstance(key, str):
                yield Entry(str(key), self.node(value, below(path, key), inside))
            else:
                self._refused(path, f"a key must be text, not {type(key).__name__}")

    def _refused(self, path: str, message: str) -> Node:
        self._report.add(path, None, message)
        return Scalar(UNKNOWN)
