"""Merges the sections of two files: the later one wins, nothing is lost in silence."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from experimentframework_core.config._tree import UNKNOWN, Entry, Items, Mapping, Scalar, below
from experimentframework_core.config._walk.describe import actual
from experimentframework_core.config._walk.scalars import meaning

if TYPE_CHECKING:
    from collections.abc import Iterable

    from experimentframework_core.config._problems.report import Report
    from experimentframework_core.config._tree import Node, Place

APPENDED = (
    "decorators",
    "configurationPaths",
    "trials",
    "governance.approvalGates",
    "governance.policies",
)
"""The lists to which a later file adds."""

NAMED = "experiments"
"""The list in which a later file's item takes the place of the earlier one of its name."""

TYPED = ("backplane", "deadLetter", "persistence")
"""The mappings whose other keys belong to their ``type``: with another one none of them is kept."""


def merged(files: Iterable[Mapping], report: Report) -> Mapping:
    """Return the sections of all files as one, from the first to the last.

    Args:
        files: The sections of each file, see `sections_of`.
        report: Takes what contradicts (an error), which experiments are replaced (a warning)
            and which values are overridden (information); each names both places.
    """
    whole: Mapping | None = None
    merge = _Merge(report)
    for sections in files:
        whole = sections if whole is None else merge.mappings(whole, sections, "")
    return whole or Mapping(())


_CONTRADICTED = Scalar(UNKNOWN)
"""Stands for a value of which is said already that another file contradicts it."""


class _Merge:
    def __init__(self, report: Report) -> None:
        self._report = report

    def mappings(self, first: Mapping, later: Mapping, path: str) -> Mapping:
        """Return the keys of both, those of ``first`` in front."""
        entries = {entry.key: entry for entry in first.entries}
        for entry in later.entries:
            known = entries.get(entry.key)
            if known is None:
                entries[entry.key] = entry
            elif known.value is not _CONTRADICTED:
                entries[entry.key] = self._entry(known, entry, below(path, entry.key))
        return Mapping(tuple(entries.values()), first.place, first.origin)

    def _entry(self, first: Entry, later: Entry, path: str) -> Entry:
        if isinstance(first.value, Mapping) and isinstance(later.value, Mapping):
            if first.key in TYPED and _have_other_types(first.value, later.value):
                because = "; its type is another, so nothing of it is kept"
                return self._overriding(first, later, path, because)
            value = self.mappings(first.value, later.value, path)
            return msgspec.structs.replace(first, value=value)
        if isinstance(first.value, Items) and isinstance(later.value, Items):
            if path in APPENDED:
                return _with_items(first, (*first.value.items, *later.value.items))
            if path == NAMED:
                return _with_items(first, self._named(first.value, later.value))
        elif not self._may_replace(first, later, path):
            return _contradicted(first)
        return self._overriding(first, later, path)

    def _may_replace(self, first: Entry, later: Entry, path: str) -> bool:
        """Tell whether one value may stand for the other; null may for everything."""
        kinds = {_kind(first.value, path), _kind(later.value, path)} - {"null"}
        if len(kinds) < 2:  # noqa: PLR2004 - both, or all that is not null
            return True
        given = actual(later.value, hidden=True)
        wanted = actual(first.value, hidden=True)
        message = f"a {given} here, a {wanted} at {first.place}; expected the same in both"
        self._report.add(path, later.place, message)
        return False

    def _overriding(self, first: Entry, later: Entry, path: str, because: str = "") -> Entry:
        if not _same(first.value, later.value):
            message = f"overrides {first.place}{because}"
            self._report.add(path, later.place, message, severity="information")
        return later

    def _named(self, first: Items, later: Items) -> tuple[Node, ...]:
        items = list(first.items)
        index_of: dict[str | None, int] = {
            name: index for index, item in reversed([*enumerate(items)]) if (name := _name(item))
        }
        for item in later.items:
            index = index_of.pop(_name(item), None)
            if index is None:
                items.append(item)
                continue
            message = f"replaces the experiment of the same name at {items[index].place}"
            self._report.add(f"{NAMED}[{index}]", item.place, message, severity="warning")
            items[index] = item
        return tuple(items)


def _contradicted(entry: Entry) -> Entry:
    """Return what is checked further: a mapping or list, but no value where one of them may be."""
    kept = isinstance(entry.value, Mapping | Items)
    return entry if kept else msgspec.structs.replace(entry, value=_CONTRADICTED)


def _with_items(entry: Entry, items: tuple[Node, ...]) -> Entry:
    place: Place | None = entry.value.place
    return msgspec.structs.replace(entry, value=Items(items, place))


def _have_other_types(first: Mapping, later: Mapping) -> bool:
    one, other = first.get("type"), later.get("type")
    return one is not None and other is not None and not _same(one, other)


def _kind(node: Node, path: str) -> str:
    """Return what must be the same in two files: a mapping, and a list where lists are joined."""
    if isinstance(node, Scalar) and (node.value is UNKNOWN or meaning(node) is None):
        return "null"
    joined = path == NAMED or path in APPENDED
    if isinstance(node, Mapping) or (joined and isinstance(node, Items)):
        return type(node).__name__
    return "value"


def _name(node: Node) -> str | None:
    """Return the name of an experiment, in small letters; None where it has none."""
    name = node.get("name") if isinstance(node, Mapping) else None
    text = name.value if isinstance(name, Scalar) else None
    return text.casefold() if isinstance(text, str) and text else None


def _same(one: Node, other: Node) -> bool:
    """Tell whether two nodes say the same, wherever they stand."""
    if isinstance(one, Scalar) and isinstance(other, Scalar):
        said = (meaning(one), meaning(other))
        return UNKNOWN in said or (said[0] == said[1] and type(said[0]) is type(said[1]))
    if isinstance(one, Items) and isinstance(other, Items):
        pairs = zip(one.items, other.items, strict=False)
        return len(one.items) == len(other.items) and all(_same(*pair) for pair in pairs)
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        keys = [{entry.key for entry in each.entries} for each in (one, other)]
        return keys[0] == keys[1] and all(
            _same(entry.value, found)
            for entry in one.entries
            if (found := other.get(entry.key)) is not None
        )
    return False
