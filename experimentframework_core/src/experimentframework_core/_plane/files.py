"""The files that a plane was made of: read again, and looked at for changes."""

from __future__ import annotations

import os
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING

from experimentframework_core._letters.origin import origin_of
from experimentframework_core.config import data_plane_of, read_configuration
from experimentframework_core.plugins import find_plugin

if TYPE_CHECKING:
    from collections.abc import Sequence

    from experimentframework_core.config import DataPlaneOptions, Problem

MOST_BYTES = 1024 * 1024
"""How much of each file is looked at: more is refused anyway."""


class Files:
    """Reads a configuration from the same paths again and again.

    Attributes:
        origin: Where what was read last comes from, for dead letters.
    """

    def __init__(self, paths: Sequence[str | os.PathLike[str]]) -> None:
        """Read files and folders, the later ones winning; None of them: the current folder.

        Relative ones are those of the folder that is current now, whatever comes later.

        Raises:
            TypeError: One is no path.
        """
        for path in paths:
            if not isinstance(path, str | os.PathLike):
                kind = type(path).__name__
                message = (
                    f"unexpected {kind}; expected the path of a file or folder, as text or Path"
                )
                raise TypeError(f"from_file: {message}")
        self._paths = tuple(paths) or (".",)
        self._folder = _current()
        self._looked_at: tuple[Path, ...] = ()
        self.origin = ""

    def read(self) -> tuple[DataPlaneOptions, Sequence[Problem]]:
        """Return the options that stand there now, and what may surprise about them.

        Raises:
            ConfigurationError: A file is wrong; it holds every problem.
        """
        # Problems name the files as they were given, as long as that names them.
        begin = Path() if _current() == self._folder else self._folder
        loaded = read_configuration([begin / path for path in self._paths], find_plugin)
        found = tuple(self._folder / path for path in loaded.looked_at)
        if loaded.configuration is None:
            # What was read before may be where it is mended.
            found = tuple(dict.fromkeys((*self._looked_at, *found)))
        self._looked_at = found
        configuration = loaded.valid()
        self.origin = origin_of(self._folder / file for file in loaded.files_of_data_plane)
        return data_plane_of(configuration, loaded.files[0]), loaded.problems

    def look(self) -> bytes:
        """Return a mark of what all that was read holds now: another one when it has changed.

        It is made of the contents and follows links, so it also notices a file that is written
        twice within one tick of the clock, and a folder that is put in another's place.
        """
        mark = blake2b()
        for path in self._looked_at:
            mark.update(f"{path}\0{_state_of(path)}\0".encode(errors="surrogateescape"))
        return mark.digest()


def _current() -> Path:
    """Return the current folder; where it has been removed, only relative paths lead anywhere."""
    try:
        return Path.cwd()
    except OSError:
        return Path()


def _state_of(path: Path) -> str:
    try:
        if path.is_dir():
            status = path.stat()
            # What may be looked into can change without its contents.
            return f"{status.st_mtime_ns} {status.st_ctime_ns}"
        if not path.is_file():
            return "not a file"
        with path.open("rb") as file:
            return blake2b(file.read(MOST_BYTES + 1)).hexdigest()
    except (OSError, ValueError) as error:
        return str(error)
