"""Checks a whole configuration, from a file or from Python, and says every problem at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from experimentframework_core.config._backplanes import PlaneWalk
from experimentframework_core.config._model import DataPlaneOptions
from experimentframework_core.config._python import tree_of
from experimentframework_core.config._report import LATER, Report
from experimentframework_core.config._root import Configuration
from experimentframework_core.config._rules import check_rules
from experimentframework_core.config._types import type_of
from experimentframework_core.config._walk import At

if TYPE_CHECKING:
    from experimentframework_core.config._backplanes import FindPlugin
    from experimentframework_core.config._problem import Problem
    from experimentframework_core.config._tree import Mapping, Node

_SECTION = "dataPlane"
PATHS = "configurationPaths"


def check(options: DataPlaneOptions, find_plugin: FindPlugin) -> list[Problem]:
    """Return every problem of ``options`` that were built in Python, by the rules of files.

    Args:
        options: The data plane's options; a missing backplane is no problem here.
        find_plugin: Returns the plugin of a backplane type, or raises PluginError.
    """
    report = Report()
    _check_section(tree_of(options), At(_SECTION), PlaneWalk(report, find_plugin, in_python=True))
    return list(report.in_order())


def check_tree(sections: Mapping, report: Report, find_plugin: FindPlugin) -> Configuration | None:
    """Return the configuration in a file's sections; None when its problems leave none to return.

    Args:
        sections: The mapping whose keys are the sections, see `sections_of`.
        report: Takes the problems.
        find_plugin: Returns the plugin of a backplane type, or raises PluginError.
    """
    for entry in sections.entries:
        if entry.key not in (_SECTION, PATHS):
            report.add(entry.key, entry.place, f"the section '{entry.key}' {LATER}")
    section = next((entry for entry in sections.entries if entry.key == _SECTION), None)
    if section is None:
        report.add(_SECTION, sections.place, "missing; expected a mapping")
        return None
    at = At(_SECTION, section.place)
    options = _check_section(section.value, at, PlaneWalk(report, find_plugin))
    missing = at.below("backplane", at.place)
    if options is not None and options.backplane is None and not report.concerns(missing.path):
        report.add(*missing, "missing; expected a mapping with type and options")
    return None if options is None else Configuration(data_plane=options)


def _check_section(node: Node, at: At, walk: PlaneWalk) -> DataPlaneOptions | None:
    options = walk.convert(node, type_of(DataPlaneOptions), at)
    if not isinstance(options, DataPlaneOptions):
        return None
    check_rules(options, walk.found, walk.report)
    return options
