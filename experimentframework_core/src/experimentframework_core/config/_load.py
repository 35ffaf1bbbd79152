"""Loads a configuration from files or from a text."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import msgspec

from experimentframework_core.config._check import check_part, check_tree
from experimentframework_core.config._files.excerpt import Excerpts
from experimentframework_core.config._files.merge import merged
from experimentframework_core.config._files.read import PATHS, read_files, read_text
from experimentframework_core.config._model.root import Configuration
from experimentframework_core.config._problems.problem import Problem
from experimentframework_core.config._problems.report import Report
from experimentframework_core.config._tree import UNKNOWN, Place, places, scalars
from experimentframework_core.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from experimentframework_core.config._files.read import Document
    from experimentframework_core.config._walk.backplanes import FindPlugin

PathLike: TypeAlias = str | os.PathLike[str]


class Loaded(msgspec.Struct, frozen=True, kw_only=True):
    """What reading a configuration has found, good or bad.

    Attributes:
        configuration: The configuration; None where a problem is an error.
        problems: Every problem in the order of the files: errors, warnings, and as information
            each value that one file says and a later one overrides.
        files: The files that were read, in the order in which they are merged.
        looked_at: Every file and folder whose change may change what is read: also those of
            ``${file:…}``, those in which files are looked for, and those that are not there.
        origins: Where each path of the configuration is said, as ``dataPlane.batchSize``; what
            is not there has its default.
        written: What stands there for each value that came for a ``${…}``, by its path.
        excerpts: The source lines of problems.
    """

    configuration: Configuration | None
    problems: tuple[Problem, ...]
    files: tuple[str, ...]
    looked_at: tuple[Path, ...]
    origins: dict[str, Place]
    written: dict[str, str]
    excerpts: Excerpts

    @property
    def files_of_data_plane(self) -> tuple[str, ...]:
        """The files that say something of ``dataPlane``, sorted."""
        places = [place for path, place in self.origins.items() if path.startswith("dataPlane.")]
        return tuple(sorted({place.file for place in places if place.file is not None}))

    def valid(self) -> Configuration:
        """Return the configuration.

        Raises:
            ConfigurationError: There are errors; with every problem.
        """
        if self.configuration is None:
            raise ConfigurationError(self.problems)
        return self.configuration


def read_configuration(paths: PathLike | Sequence[PathLike], find_plugin: FindPlugin) -> Loaded:
    """Return the configuration in files with every problem, as tools need it; opens nothing.

    Args:
        paths: Files and folders, the later ones winning, see `load_files`.
        find_plugin: Returns the plugin of a backplane type, or raises PluginError.
    """
    given = [paths] if isinstance(paths, str | os.PathLike) else paths
    report = Report()
    looked_at: set[Path] = set()
    documents = read_files([os.fspath(path) for path in given], report, looked_at)
    return _loaded(documents, report, find_plugin, looked_at)


def load_file(path: PathLike, find_plugin: FindPlugin) -> Configuration:
    """Return the configuration in a YAML or JSON file, or in a folder; nothing is opened.

    Args:
        path: The file; a name that ends in ``.json`` holds JSON. In a folder the files
            ``experiments.yaml``, ``experiments.yml``, ``experiments.json`` are read, and all that
            are below ``ExperimentDefinitions``.
        find_plugin: Returns the plugin of a backplane type, or raises PluginError.

    Raises:
        ConfigurationError: With every problem, or that a file cannot be read.
    """
    return read_configuration(path, find_plugin).valid()


def load_files(paths: Sequence[PathLike], find_plugin: FindPlugin) -> Configuration:
    """Return the configuration in several files, merged from the first to the last.

    Args:
        paths: Files and folders, each as in `load_file`; the later one wins.
        find_plugin: Returns the plugin of a backplane type, or raises PluginError.

    Raises:
        ConfigurationError: With every problem, or that a file cannot be read.
    """
    return read_configuration(paths, find_plugin).valid()


def load_text(text: str | bytes, *, name: str = "<text>", find_plugin: FindPlugin) -> Configuration:
    """Return the configuration in a YAML or JSON text; nothing is opened.

    What its ``configurationPaths`` name is not read: a text has no folder. A relative path in
    ``${file:…}`` begins at the process's working folder.

    Args:
        text: The document; as bytes it must be UTF-8.
        name: What problems call it; a name that ends in ``.json`` says that it is JSON.
        find_plugin: Returns the plugin of a backplane type, or raises PluginError.

    Raises:
        ConfigurationError: With every problem of the text.
    """
    report = Report()
    looked_at: set[Path] = set()
    document = read_text(text, name, report, looked_at=looked_at)
    for entry in document.sections.entries if document.sections else ():
        if entry.key == PATHS:
            message = "not followed, a text has no folder; load a file instead"
            report.add(PATHS, entry.place, message, severity="warning")
    return _loaded([document], report, find_plugin, looked_at).valid()


def _loaded(
    documents: list[Document], report: Report, find_plugin: FindPlugin, looked_at: set[Path]
) -> Loaded:
    files = tuple(document.name for document in documents)
    report.file = files[0] if files else None
    known = [document.sections for document in documents if document.sections is not None]
    sections = merged(known, report)
    written: dict[str, str] = {}
    for path, scalar in scalars(sections):
        if scalar.written is not None and scalar.value is not UNKNOWN:
            report.hide(path, str(scalar.value), scalar.written)
            written[path] = scalar.written
    configuration = None
    if len(known) == len(documents):
        configuration = check_tree(sections, report, find_plugin) if known else None
    else:
        check_part(sections, report, find_plugin)
    return Loaded(
        configuration=None if report.errors else configuration,
        problems=report.in_order(files),
        files=files,
        looked_at=tuple(sorted(looked_at)),
        origins=dict(places(sections)),
        written=written,
        excerpts=Excerpts(documents, report),
    )
