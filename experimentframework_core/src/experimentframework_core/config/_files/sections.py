"""Finds the sections of a file, which may stand in ``experimentFramework`` or at its root."""

from __future__ import annotations

from typing import TYPE_CHECKING

from experimentframework_core.config._model.data_plane import DataPlaneOptions
from experimentframework_core.config._problems.report import shown, unknown
from experimentframework_core.config._text.refusals import SOME_SECTION
from experimentframework_core.config._tree import Mapping
from experimentframework_core.config._walk.describe import actual
from experimentframework_core.config._walk.field_types import keys_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from experimentframework_core.config._problems.report import Report
    from experimentframework_core.config._tree import Entry, Node, Place

ROOTS = ("experimentFramework", "ExperimentFramework")
"""The key around the sections, and how the .NET ExperimentFramework spells it in JSON."""

SCHEMA_KEY = "$schema"
"""A key of the root that tells an editor where the JSON Schema is; nothing else reads it."""

SECTIONS = (
    "settings",
    "decorators",
    "configurationPaths",
    "trials",
    "experiments",
    "dataPlane",
    "governance",
)


def sections_of(root: Node, report: Report) -> Mapping | None:
    """Return the mapping whose keys are the sections; None after a problem."""
    root = _without_schema(root)
    wrapped = [entry for entry in _entries(root) if entry.key in ROOTS]
    if not wrapped:
        return _known(root, root.place, (*SECTIONS, ROOTS[0]), report)
    outer, *others = wrapped
    for other in others:
        line = outer.place.line if outer.place else "?"
        message = f"says the same as {outer.key} at line {line}; leave one out"
        report.add(other.key, other.place, message)
    for entry in _entries(root):
        if entry.key in SECTIONS:
            message = f"the section {shown(entry.key)} stands beside {outer.key}; put it inside"
            report.add(entry.key, entry.place, message)
        elif entry.key not in ROOTS:
            _refuse(entry, [outer.key], report)
    return _known(outer.value, outer.place, SECTIONS, report)


def _without_schema(root: Node) -> Node:
    if not isinstance(root, Mapping):
        return root
    entries = tuple(entry for entry in root.entries if entry.key != SCHEMA_KEY)
    return Mapping(entries, root.place, root.origin)


def _known(
    node: Node, place: Place | None, known: tuple[str, ...], report: Report
) -> Mapping | None:
    if not isinstance(node, Mapping):
        report.add("", place, f"unexpected {actual(node, hidden=True)}; {SOME_SECTION}")
        return None
    for entry in node.entries:
        if entry.key not in known:
            _refuse(entry, known, report)
    sections = tuple(entry for entry in node.entries if entry.key in SECTIONS)
    return Mapping(sections, place, node.origin)


def _refuse(entry: Entry, known: Sequence[str], report: Report) -> None:
    if entry.doubt:
        report.add("", entry.place, entry.doubt)
    elif entry.key in keys_of(DataPlaneOptions):
        report.add(entry.key, entry.place, "a setting of dataPlane; say it there")
    else:
        report.add(entry.key, entry.place, unknown("key", entry.key, known))


def _entries(node: Node) -> tuple[Entry, ...]:
    return node.entries if isinstance(node, Mapping) else ()
