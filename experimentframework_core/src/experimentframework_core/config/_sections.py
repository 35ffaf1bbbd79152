"""Finds the sections of a file, which may stand in ``experimentFramework`` or at its root."""

from __future__ import annotations

from typing import TYPE_CHECKING

from experimentframework_core.config._describe import actual
from experimentframework_core.config._report import LATER, unknown
from experimentframework_core.config._tree import Mapping

if TYPE_CHECKING:
    from experimentframework_core.config._report import Report
    from experimentframework_core.config._tree import Entry, Node, Place

ROOT = "experimentFramework"
SCHEMA_KEY = "$schema"
"""A key of the root that tells an editor where the JSON Schema is; nothing else reads it."""

SECTIONS = ("dataPlane",)
_LATER = (
    "settings",
    "decorators",
    "configurationPaths",
    "trials",
    "experiments",
    "governance",
)
_EXPECTED = "expected a mapping with the key dataPlane"


def sections_of(root: Node, report: Report) -> Mapping | None:
    """Return the mapping whose keys are the sections; None after a problem."""
    root = _without_schema(root)
    if isinstance(root, Mapping) and (outer := _entry(root, ROOT)):
        _refuse_others(root, (ROOT,), report)
        return _known(outer.value, outer.place, (), report)
    return _known(root, root.place, (ROOT,), report)


def _without_schema(root: Node) -> Node:
    if not isinstance(root, Mapping):
        return root
    entries = tuple(entry for entry in root.entries if entry.key != SCHEMA_KEY)
    return Mapping(entries, root.place, root.origin)


def _known(
    node: Node, place: Place | None, also: tuple[str, ...], report: Report
) -> Mapping | None:
    if not isinstance(node, Mapping):
        report.add("", place, f"unexpected {actual(node, hidden=True)}; {_EXPECTED}")
        return None
    _refuse_others(node, (*SECTIONS, *also), report)
    known = tuple(entry for entry in node.entries if entry.key in SECTIONS)
    return Mapping(known, place, node.origin)


def _refuse_others(node: Mapping, known: tuple[str, ...], report: Report) -> None:
    for entry in node.entries:
        if entry.key in _LATER:
            report.add(entry.key, entry.place, f"the section '{entry.key}' {LATER}")
        elif entry.key not in known:
            report.add(entry.key, entry.place, unknown("key", entry.key, known))


def _entry(node: Mapping, key: str) -> Entry | None:
    return next((entry for entry in node.entries if entry.key == key), None)
