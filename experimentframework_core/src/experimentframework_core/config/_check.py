"""Checks a whole configuration, from a file or from Python, and says every problem at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from experimentframework_core.config._backplanes import PlaneWalk
from experimentframework_core.config._describe import actual
from experimentframework_core.config._model import DataPlaneOptions
from experimentframework_core.config._python import tree_of
from experimentframework_core.config._report import LATER, Report, unknown
from experimentframework_core.config._rules import check_rules
from experimentframework_core.config._tree import Mapping
from experimentframework_core.config._types import type_of
from experimentframework_core.config._walk import At

if TYPE_CHECKING:
    from experimentframework_core.config._backplanes import FindPlugin
    from experimentframework_core.config._problem import Problem
    from experimentframework_core.config._tree import Entry, Node, Place

_ROOT = "experimentFramework"
_SECTION = "dataPlane"
_LATER_SECTIONS = (
    "settings",
    "decorators",
    "configurationPaths",
    "trials",
    "experiments",
    "governance",
)


def check(options: DataPlaneOptions, find_plugin: FindPlugin) -> list[Problem]:
    """Return every problem of ``options`` that were built in Python, by the rules of files.

    Args:
        options: The data plane's options; a missing backplane is no problem here.
        find_plugin: Returns the plugin of a backplane type, or raises PluginError.
    """
    report = Report()
    _check_section(tree_of(options), At(_SECTION), PlaneWalk(report, find_plugin, in_python=True))
    return list(report.in_order())


def check_tree(root: Node, report: Report, find_plugin: FindPlugin) -> DataPlaneOptions | None:
    """Return the options in a file's tree; None when its problems leave none to return."""
    section = _section(root, report)
    if section is None:
        return None
    at = At(_SECTION, section.place)
    options = _check_section(section.value, at, PlaneWalk(report, find_plugin))
    missing = at.below("backplane", at.place)
    if options is not None and options.backplane is None and not report.concerns(missing.path):
        report.add(*missing, "missing; expected a mapping with type and options")
    return options


def _check_section(node: Node, at: At, walk: PlaneWalk) -> DataPlaneOptions | None:
    options = walk.convert(node, type_of(DataPlaneOptions), at)
    if not isinstance(options, DataPlaneOptions):
        return None
    check_rules(options, walk.found, walk.report)
    return options


def _section(root: Node, report: Report) -> Entry | None:
    """Return the entry ``dataPlane``, which may stand in ``experimentFramework``."""
    if isinstance(root, Mapping) and (outer := _entry(root, _ROOT)):
        _refuse_others(root, (_ROOT,), (), report)
        return _section_in(outer.value, outer.place, (_SECTION,), report)
    return _section_in(root, root.place, (_SECTION, _ROOT), report)


def _section_in(
    node: Node, place: Place | None, known: tuple[str, ...], report: Report
) -> Entry | None:
    if not isinstance(node, Mapping):
        given = actual(node, hidden=True)
        report.add("", place, f"unexpected {given}; expected a mapping with the key {_SECTION}")
        return None
    _refuse_others(node, known, _LATER_SECTIONS, report)
    section = _entry(node, _SECTION)
    if section is None:
        report.add(_SECTION, place, "missing; expected a mapping")
    return section


def _refuse_others(
    node: Mapping, known: tuple[str, ...], later: tuple[str, ...], report: Report
) -> None:
    for entry in node.entries:
        if entry.key in later:
            report.add(entry.key, entry.place, f"the section '{entry.key}' {LATER}")
        elif entry.key not in known:
            report.add(entry.key, entry.place, unknown("key", entry.key, known))


def _entry(node: Mapping, key: str) -> Entry | None:
    return next((entry for entry in node.entries if entry.key == key), None)
