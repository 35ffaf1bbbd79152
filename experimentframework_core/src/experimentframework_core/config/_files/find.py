"""Finds files: in a folder, by a pattern, and by the names that a configuration usually has."""

from __future__ import annotations

import fnmatch
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

NAMES = ("experiments.yaml", "experiments.yml", "experiments.json")
FOLDER = "ExperimentDefinitions"
SUFFIXES = (".yaml", ".yml", ".json")

_MOST_ENTRIES = 100_000


class TooManyError(Exception):
    """A folder or pattern leads to more entries than anyone has configurations."""

    def __init__(self) -> None:
        super().__init__(f"more than {_MOST_ENTRIES:,} files and folders to look through")


def is_configuration(path: Path) -> bool:
    """Tell whether the name ends in ``.yaml``, ``.yml`` or ``.json``."""
    return path.suffix.lower() in SUFFIXES


def discovered(folder: Path) -> list[Path]:
    """Return the files of a folder that usually hold a configuration, in the order of loading.

    Raises:
        TooManyError: There are too many entries to look through.
    """
    usual = [folder / name for name in NAMES if (folder / name).is_file()]
    return [*usual, *in_folder(folder / FOLDER)]


def in_folder(folder: Path) -> list[Path]:
    """Return every configuration file in and below ``folder``, sorted; hidden ones are left out.

    Raises:
        TooManyError: There are too many entries to look through.
    """
    return matching(folder, "**/*")


def matching(folder: Path, pattern: str) -> list[Path]:
    """Return the configuration files that ``pattern`` matches, sorted.

    ``*`` stands for any characters of a name, ``?`` for one, ``[ab]`` for one of these, ``**``
    for any folders, also none. None of them matches the dot of a hidden name; ``**`` does not
    follow links.

    Raises:
        TooManyError: There are too many entries to look through.
    """
    start = Path(pattern).anchor
    parts = Path(pattern).relative_to(start).parts if start else Path(pattern).parts
    once = [part for i, part in enumerate(parts) if part != "**" or parts[i - 1 : i] != ("**",)]
    found = _Search().run(Path(start) if start else folder, once)
    return sorted({path for path in found if is_configuration(path)}, key=lambda path: path.parts)


def is_pattern(text: str) -> bool:
    """Tell whether ``text`` has a character that stands for others."""
    return any(character in text for character in "*?[")


class _Search:
    """Walks along a pattern, and stops where that takes too long."""

    def __init__(self) -> None:
        self._entries = 0

    def run(self, folder: Path, parts: Sequence[str]) -> Iterator[Path]:
        """Yield the files that ``parts`` match from ``folder`` on."""
        if not parts:
            return iter((folder,) if folder.is_file() else ())
        part, rest = parts[0], parts[1:]
        if part == "**":
            deeper = (self.run(each, parts) for each in self._folders(folder))
            return chain(self.run(folder, rest or ["*"]), chain.from_iterable(deeper))
        if not is_pattern(part):
            return self.run(folder / part, rest)
        names = (name for name in self._names(folder) if _matches(name, part))
        return chain.from_iterable(self.run(folder / name, rest) for name in names)

    def _folders(self, folder: Path) -> Iterator[Path]:
        for name in self._names(folder):
            below = folder / name
            if not name.startswith(".") and below.is_dir() and not below.is_symlink():
                yield below

    def _names(self, folder: Path) -> list[str]:
        try:
            names = [each.name for each in folder.iterdir()]
        except (OSError, ValueError):
            return []
        self._entries += len(names)
        if self._entries > _MOST_ENTRIES:
            raise TooManyError
        return names


def _matches(name: str, part: str) -> bool:
    if name.startswith(".") and not part.startswith("."):
        return False
    return fnmatch.fnmatchcase(name, part)
