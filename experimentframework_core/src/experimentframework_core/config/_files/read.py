"""Reads the files of a configuration, and those that they name, each once and in their order."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from experimentframework_core.config._files import find
from experimentframework_core.config._files.content import content_of, reason
from experimentframework_core.config._files.interpolate import Interpolation
from experimentframework_core.config._files.sections import sections_of
from experimentframework_core.config._problems.report import one_line, shown
from experimentframework_core.config._text.source import MOST_BYTES, MOST_NODES, is_json, read
from experimentframework_core.config._tree import Items, Mapping, Scalar, below, size_of
from experimentframework_core.config._walk.leaf import is_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from experimentframework_core.config._problems.report import Report
    from experimentframework_core.config._tree import Node, Place

MOST_FILES = 1000
MOST_NODES_OF_ALL = 50_000
MOST_CHARACTERS_OF_ALL = 16 * 1024 * 1024
_CHARACTERS_OF_A_NODE = 8
PATHS = "configurationPaths"

_LOOKED_FOR = f"{', '.join(find.NAMES)} or files in {find.FOLDER}/"


class Document(NamedTuple):
    """One file that was read.

    Attributes:
        name: The file as problems call it.
        text: What stands in it.
        root: All of it; None where it is no document.
        sections: Its sections; None where it has none.
    """

    name: str
    text: str
    root: Node | None
    sections: Mapping | None


class _Named(NamedTuple):
    """A file that is to be read, or why what may hold some cannot be, and who names it."""

    file: Path
    unread: str | None = None
    path: str = ""
    place: Place | None = None


def read_text(
    source: str | bytes,
    name: str,
    report: Report,
    *,
    folder: Path | None = None,
    looked_at: set[Path] | None = None,
) -> Document:
    """Return the document in a text; values are put in for its ``${…}``.

    Args:
        source: The text.
        name: What problems call it.
        report: Takes the problems.
        folder: Where the paths in ``${file:…}`` begin; by default the process's working folder.
        looked_at: Takes the files that these name.
    """
    report.file = name
    root = read(source, report)
    sections = None
    if root is not None:
        fillings = Interpolation(
            os.environ, report, folder=folder, json=is_json(name), looked_at=looked_at
        )
        root = fillings.fill(root)
        sections = sections_of(root, report)
    text = source if isinstance(source, str) else source.decode(errors="replace")
    return Document(name, text.removeprefix("\ufeff"), root, sections)


def read_files(paths: list[str], report: Report, looked_at: set[Path]) -> list[Document]:
    """Return the documents at ``paths``, and those that they name, in the order of merging.

    Args:
        paths: Files, and folders in which the usual names are looked for.
        report: Takes the problems.
        looked_at: Takes every file and folder whose change may change what is read, also those
            that are not there.
    """
    documents: list[Document] = []
    waiting = [each for path in paths for each in _given(path, report, looked_at)][::-1]
    seen: set[str] = set()
    room = _Room()
    while waiting:
        named = waiting.pop()
        real = _identity(named.file)
        if real in seen:
            continue
        if len(seen) == MOST_FILES:
            report.file = one_line(str(named.file))
            message = f"too many files; expected at most {MOST_FILES:,}"
            report.add(named.path, named.place, message)
            break
        seen.add(real)
        looked_at.add(named.file)
        document = _read_file(named, report, looked_at)
        if too_large := room.why_not(document):
            report.file = document.name
            report.add("", None, too_large)
            documents.append(document._replace(root=None, sections=None))
            break
        documents.append(document)
        waiting += [*_named_by(document, named.file.parent, report, looked_at)][::-1]
    return documents


class _Room:
    """What all files together may have, so that no number of them takes long to read."""

    def __init__(self) -> None:
        self._nodes = MOST_NODES_OF_ALL
        self._characters = MOST_CHARACTERS_OF_ALL

    def why_not(self, document: Document) -> str | None:
        """Take room for one more; say why if there is none."""
        self._nodes -= _least(document) if document.root is None else size_of(document.root)
        self._characters -= len(document.text)
        if self._nodes >= 0 and self._characters >= 0:
            return None
        most, things = MOST_NODES_OF_ALL, "keys, values and list items"
        if self._nodes >= 0:
            most, things = MOST_CHARACTERS_OF_ALL, "characters"
        return f"too large with the files before it; expected at most {most:,} {things}"


def _least(document: Document) -> int:
    """Return about how many nodes were read of a document before it was refused."""
    return min(MOST_NODES, len(document.text) // _CHARACTERS_OF_A_NODE)


def _identity(file: Path) -> str:
    """Return what is the same for all names of one file."""
    try:
        return os.path.realpath(file)
    except ValueError:
        return str(file)


def _given(path: str, report: Report, looked_at: set[Path]) -> Iterator[_Named]:
    folder = Path(path)
    if not find.is_folder(folder):
        yield _Named(folder)
        return
    report.file = one_line(path)
    try:
        found = find.discovered(folder, looked_at)
    except find.TooManyError as error:
        report.add("", None, f"{error}; name the files")
        return
    if not found:
        report.add("", None, f"no configuration in this folder; expected {_LOOKED_FOR}")
    yield from (_Named(*each) for each in found)


def _read_file(named: _Named, report: Report, looked_at: set[Path]) -> Document:
    name = one_line(str(named.file))
    if named.unread:
        return _unread(named, name, f"cannot be read: {named.unread}", report)
    try:
        source = content_of(named.file, MOST_BYTES + 1)
    except (OSError, ValueError) as error:
        message = f"cannot be read: {reason(error)}; expected a YAML or JSON file"
        return _unread(named, name, message, report, what="the file ")
    return read_text(source, name, report, folder=named.file.parent, looked_at=looked_at)


def _unread(named: _Named, name: str, message: str, report: Report, *, what: str = "") -> Document:
    """Note why something cannot be read, and return a document of which nothing is known."""
    report.file = name
    if named.place:
        message = f"{what}{shown(name)} {message}"
    report.add(named.path, named.place, message)
    return Document(name, "", None, None)


def _named_by(
    document: Document, folder: Path, report: Report, looked_at: set[Path]
) -> Iterator[_Named]:
    """Yield the files that a document's ``configurationPaths`` name."""
    named = document.sections.get(PATHS) if document.sections else None
    for index, item in enumerate(named.items if isinstance(named, Items) else ()):
        if isinstance(item, Scalar) and isinstance(item.value, str) and _is_name(item):
            path = below(PATHS, index)
            shown_as = shown(item.value if item.written is None else item.written)
            try:
                found = find.named(folder, item.value, looked_at)
            except find.TooManyError as error:
                report.add(path, item.place, f"{shown_as}: {error}; name the files")
                continue
            if not found:
                message = f"{shown_as} matches no file; expected a file, a folder or a pattern"
                report.add(path, item.place, f"{message} as in teams/*.yaml")
            for each in found:
                yield _Named(*each, path, item.place)


def _is_name(item: Scalar) -> bool:
    """Tell whether ``item`` may be a path; an empty or other one is refused by its type."""
    return item.value != "" and is_text(item)
