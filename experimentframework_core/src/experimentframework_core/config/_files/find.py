"""Finds files: in a folder, by a pattern, and by the names that a configuration usually has."""

from __future__ import annotations

import fnmatch
import os
import stat
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

NAMES = ("experiments.yaml", "experiments.yml", "experiments.json")
FOLDER = "ExperimentDefinitions"
SUFFIXES = (".yaml", ".yml", ".json")

_MOST_ENTRIES = 100_000


class Found(NamedTuple):
    """What was found.

    Attributes:
        path: A file; or what cannot be looked into, and may hold some.
        unread: Why it cannot be looked into; None for a file.
    """

    path: Path
    unread: str | None = None


class TooManyError(Exception):
    """A folder or pattern leads to more entries than anyone has configurations."""

    def __init__(self) -> None:
        super().__init__(f"more than {_MOST_ENTRIES:,} files and folders to look through")


def is_configuration(path: Path) -> bool:
    """Tell whether the name ends in ``.yaml``, ``.yml`` or ``.json``."""
    return path.suffix.lower() in SUFFIXES


def discovered(folder: Path, looked_at: set[Path]) -> list[Found]:
    """Return the files of a folder that usually hold a configuration, in the order of loading.

    What has one of the names and is no file is returned too: reading it says what it is.

    Args:
        folder: The folder.
        looked_at: Takes every folder whose change may change the answer.

    Raises:
        TooManyError: There are too many entries to look through.
    """
    looked_at.add(folder)
    try:
        usual = [Found(folder / name) for name in NAMES if _is_there(folder / name)]
        below = folder / FOLDER
        return [*usual, *(in_folder(below, looked_at) if _is_there(below) else ())]
    except OSError as error:
        return [Found(folder, str(error.strerror))]


def in_folder(folder: Path, looked_at: set[Path]) -> list[Found]:
    """Return every configuration file in and below ``folder``, sorted; hidden ones are left out.

    ``looked_at`` takes every folder whose change may change the answer.

    Raises:
        TooManyError: There are too many entries to look through.
    """
    looked_at.add(folder)
    try:
        _names_in(folder)
    except OSError as error:
        return [Found(folder, str(error.strerror))]
    return matching(folder, "**/*", looked_at)


def matching(folder: Path, pattern: str, looked_at: set[Path]) -> list[Found]:
    """Return the configuration files that ``pattern`` matches, sorted.

    ``*`` stands for any characters of a name, ``?`` for one, ``[ab]`` for one of these, ``**``
    for any folders, also none. None of them matches the dot of a hidden name; ``**`` does not
    follow links.

    Args:
        folder: Where a relative pattern begins.
        pattern: The pattern.
        looked_at: Takes every file and folder whose change may change the answer, also those that
            are not there.

    Raises:
        TooManyError: There are too many entries to look through.
    """
    start = Path(pattern).anchor
    parts = Path(pattern).relative_to(start).parts if start else Path(pattern).parts
    once = [part for i, part in enumerate(parts) if part != "**" or parts[i - 1 : i] != ("**",)]
    search = _Search(looked_at)
    files = set(search.run(Path(start) if start else folder, once))
    found = [*map(Found, files - {*search.unread}), *map(Found._make, search.unread.items())]
    return sorted(found, key=lambda each: each.path.parts)


def named(folder: Path, text: str, looked_at: set[Path]) -> list[Found]:
    """Return what ``text`` names: the files of a folder, whatever else is there, or by a pattern.

    Args:
        folder: Where a relative path begins.
        text: The path or pattern.
        looked_at: As for `matching`.

    Raises:
        TooManyError: There are too many entries to look through.
    """
    path = folder / text
    looked_at.add(path)
    try:
        if path.is_dir():
            return in_folder(path, looked_at)
        if _is_there(path):
            return [Found(path)]
    except OSError:
        if not is_pattern(text):
            return [Found(path)]  # reading it says why that cannot be done
    return matching(folder, text, looked_at) if is_pattern(text) else []


def is_folder(path: Path) -> bool:
    """Tell whether there is a folder, or a link to one; not where a mode forbids to look."""
    return os.path.isdir(path)  # noqa: PTH112 - Path.is_dir raises there


def _names_in(folder: Path) -> list[str]:
    return [each.name for each in folder.iterdir()]


def _is_there(path: Path) -> bool:
    """Tell whether there is a file, a folder or a link of this name, also one to nothing.

    Raises:
        OSError: Nobody knows, as the folder around it cannot be used.
    """
    try:
        os.lstat(path)
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return False
    return True


def is_pattern(text: str) -> bool:
    """Tell whether ``text`` has a character that stands for others."""
    return any(character in text for character in "*?[")


class _Search:
    """Walks along a pattern, and stops where that takes too long.

    Attributes:
        unread: The folders that could not be looked into, each with the reason.
    """

    def __init__(self, looked_at: set[Path]) -> None:
        self.unread: dict[Path, str] = {}
        self._looked_at = looked_at
        self._entries = 0

    def run(self, folder: Path, parts: Sequence[str]) -> Iterator[Path]:
        """Yield the configuration files that ``parts`` match from ``folder`` on."""
        if not parts:
            self._looked_at.add(folder)
            return iter((folder,) if is_configuration(folder) and self._may_be_read(folder) else ())
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
            if not name.startswith(".") and stat.S_ISDIR(self._mode(below)):
                yield below

    def _may_be_read(self, path: Path) -> bool:
        """Tell whether ``path`` is there and no folder; a link to nothing is there."""
        mode = self._mode(path)
        return mode != 0 and not stat.S_ISDIR(mode) and not (stat.S_ISLNK(mode) and is_folder(path))

    def _mode(self, path: Path) -> int:
        """Return what ``path`` is, not what it leads to; 0 where nothing is."""
        try:
            return os.lstat(path).st_mode
        except (FileNotFoundError, NotADirectoryError, ValueError):
            return 0
        except OSError as error:
            # It is the folder's mode that forbids to look.
            denied = isinstance(error, PermissionError)
            self.unread[path.parent if denied else path] = str(error.strerror)
            return 0

    def _names(self, folder: Path) -> list[str]:
        self._looked_at.add(folder)
        try:
            names = _names_in(folder)
        except (FileNotFoundError, NotADirectoryError, ValueError):
            return []
        except OSError as error:
            self.unread[folder] = str(error.strerror)
            return []
        self._entries += len(names)
        if self._entries > _MOST_ENTRIES:
            raise TooManyError
        return names


def _matches(name: str, part: str) -> bool:
    if name.startswith(".") and not part.startswith("."):
        return False
    return fnmatch.fnmatchcase(name, part)
