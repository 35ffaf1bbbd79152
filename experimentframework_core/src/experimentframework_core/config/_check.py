"""Checks a whole configuration, from a file or from Python, and says every problem at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec import inspect

from experimentframework_core._entry_points import looked_up_once
from experimentframework_core.config._model.data_plane import DataPlaneOptions
from experimentframework_core.config._model.root import Configuration
from experimentframework_core.config._problems.report import MISSING, Report
from experimentframework_core.config._python import tree_of
from experimentframework_core.config._rules.data_plane import check_rules
from experimentframework_core.config._rules.parts import check_parts
from experimentframework_core.config._walk.backplanes import PlaneWalk
from experimentframework_core.config._walk.describe import alternatives
from experimentframework_core.config._walk.field_types import fields_of, type_of
from experimentframework_core.config._walk.parts import PartWalk
from experimentframework_core.config._walk.scalars import is_absent
from experimentframework_core.config._walk.walk import INVALID, At

if TYPE_CHECKING:
    from experimentframework_core.config._problems.problem import Problem
    from experimentframework_core.config._tree import Mapping, Node
    from experimentframework_core.config._walk.backplanes import FindPlugin

_PLANE = "dataPlane"


def check(options: DataPlaneOptions | Configuration, find_plugin: FindPlugin) -> list[Problem]:
    """Return every problem of ``options`` that were built in Python, by the rules of files.

    Args:
        options: The data plane's options or a whole configuration; a missing backplane is no
            problem here.
        find_plugin: Returns the plugin of a backplane type, or raises PluginError.
    """
    report = Report()
    with looked_up_once():
        if isinstance(options, Configuration):
            root = tree_of(options, report)
            _check_sections(root, report, find_plugin, in_python=True)
        else:
            root = tree_of(options, report, _PLANE)
            _check_plane(root, At(_PLANE), PlaneWalk(report, find_plugin, in_python=True))
    return list(report.in_order())


def check_tree(sections: Mapping, report: Report, find_plugin: FindPlugin) -> Configuration | None:
    """Return the configuration in a file's sections; None when its problems leave none to return.

    Args:
        sections: The mapping whose keys are the sections, see `sections_of`.
        report: Takes the problems.
        find_plugin: Returns the plugin of a backplane type, or raises PluginError.
    """
    with looked_up_once():
        values = _check_sections(sections, report, find_plugin)
    plane = values.get("data_plane")
    if isinstance(plane, DataPlaneOptions) and plane.backplane is None:
        missing = f"{_PLANE}.backplane"
        if not report.concerns(missing):
            report.add_at_path(missing, "missing; expected a mapping with type and options")
    return None if INVALID in values.values() else Configuration(**values)


def check_part(sections: Mapping, report: Report, find_plugin: FindPlugin) -> None:
    """Note what is wrong with sections of which a part could not be read.

    What is missing may be in that part, and rules between settings may hold with it.

    Args:
        sections: What could be read of the sections.
        report: Takes the problems.
        find_plugin: Returns the plugin of a backplane type, or raises PluginError.
    """
    alone = report.empty()
    with looked_up_once():
        _check_sections(sections, alone, find_plugin, whole=False)
    alone.problems = [each for each in alone.problems if not each.message.startswith(MISSING)]
    report.merge(alone)


def _check_sections(
    sections: Node,
    report: Report,
    find_plugin: FindPlugin,
    *,
    in_python: bool = False,
    whole: bool = True,
) -> dict[str, Any]:
    """Return the value of each section that is there, by its name in Python.

    Args:
        sections: The sections.
        report: Takes the problems.
        find_plugin: Returns the plugin of a backplane type, or raises PluginError.
        in_python: Whether they were made from objects, which must fit as they are.
        whole: Whether nothing is missing, so that rules between settings can be checked.
    """
    values: dict[str, Any] = {}
    parts = PartWalk(report, in_python=in_python)
    fields = {field.encode_name: field for field in fields_of(Configuration)}
    for entry in getattr(sections, "entries", ()):
        field, at = fields[entry.key], At(entry.key, entry.place)
        if in_python and field.default is None and is_absent(entry.value):
            continue
        if entry.key == _PLANE:
            walk = PlaneWalk(report, find_plugin, in_python=in_python)
            values[field.name] = _check_plane(entry.value, at, walk, whole=whole)
        else:
            values[field.name] = parts.convert(entry.value, _said(field.type), at)
    if whole:
        check_parts(parts)
    return values


def _said(kind: inspect.Type) -> inspect.Type:
    """Return the type of a section that is there: no null."""
    return alternatives(kind)[0] if isinstance(kind, inspect.UnionType) else kind


def _check_plane(node: Node, at: At, walk: PlaneWalk, *, whole: bool = True) -> object:
    options = walk.convert(node, type_of(DataPlaneOptions), at)
    if whole and isinstance(options, DataPlaneOptions):
        check_rules(options, walk.found, walk.report)
    return options
