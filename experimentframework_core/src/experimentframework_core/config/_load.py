"""Loads a configuration from a file or a text."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from experimentframework_core.config._check import check_tree
from experimentframework_core.config._interpolate import Interpolation
from experimentframework_core.config._report import Report
from experimentframework_core.config._sections import sections_of
from experimentframework_core.config._source import MOST_BYTES, read
from experimentframework_core.errors import ConfigurationError

if TYPE_CHECKING:
    from experimentframework_core.config._backplanes import FindPlugin
    from experimentframework_core.config._root import Configuration


def load_file(path: str | os.PathLike[str], find_plugin: FindPlugin) -> Configuration:
    """Return the configuration in a YAML or JSON file; nothing is opened.

    Args:
        path: The file; a name that ends in ``.json`` holds JSON.
        find_plugin: Returns the plugin of a backplane type, or raises PluginError.

    Raises:
        ConfigurationError: With every problem of the file, or that it cannot be read.
    """
    name = os.fspath(path)
    report = Report(name)
    try:
        with Path(path).open("rb") as file:
            source = file.read(MOST_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
        report.add("", None, f"cannot be read: {reason}; expected a YAML or JSON file")
        raise ConfigurationError(report.in_order()) from error
    return _load(source, report, find_plugin)


def load_text(text: str | bytes, *, name: str = "<text>", find_plugin: FindPlugin) -> Configuration:
    """Return the configuration in a YAML or JSON text; nothing is opened.

    Args:
        text: The document; as bytes it must be UTF-8.
        name: What problems call it; a name that ends in ``.json`` says that it is JSON.
        find_plugin: Returns the plugin of a backplane type, or raises PluginError.

    Raises:
        ConfigurationError: With every problem of the text.
    """
    return _load(text, Report(name), find_plugin)


def _load(source: str | bytes, report: Report, find_plugin: FindPlugin) -> Configuration:
    root = read(source, report)
    sections = None
    if root is not None:
        is_json = (report.file or "").endswith(".json")
        root = Interpolation(os.environ, report, json=is_json).fill(root)
        sections = sections_of(root, report)
    configuration = None
    if sections is not None:
        configuration = check_tree(sections, report, find_plugin)
    if configuration is None or report.problems:
        raise ConfigurationError(report.in_order())
    return configuration
