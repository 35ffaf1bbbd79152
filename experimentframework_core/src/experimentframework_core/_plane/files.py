"""The files that a plane was made of: read again, and looked at for changes."""

from __future__ import annotations

import re
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING

from experimentframework_core.config import data_plane_of, read_configuration
from experimentframework_core.plugins import find_plugin

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator, Sequence

    from experimentframework_core.config import DataPlaneOptions, Loaded, Problem

MOST_BYTES = 1024 * 1024
"""How much of each file is looked at: more is refused anyway."""

_inserted = re.compile(r"\$\{file:([^}]+)\}")


class Files:
    """Reads a configuration from the same paths again and again."""

    def __init__(self, paths: Sequence[str | os.PathLike[str]]) -> None:
        """Read files and folders, the later ones winning; None of them: the current folder."""
        self._paths = tuple(paths)
        self._looked_at: tuple[Path, ...] = ()

    def read(self) -> tuple[DataPlaneOptions, Sequence[Problem]]:
        """Return the options that stand there now, and what may surprise about them.

        Raises:
            ConfigurationError: A file is wrong; it holds every problem.
        """
        loaded = read_configuration(self._paths or ".", find_plugin)
        self._looked_at = tuple(dict.fromkeys(_paths_of(loaded)))
        configuration = loaded.valid()
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


def _paths_of(loaded: Loaded) -> Iterator[Path]:
    """Yield the files that a configuration was read from, and the folders that they are in."""
    for name in loaded.files:
        yield Path(name)
        # A file that comes into the folder may belong to it, too.
        yield Path(name).parent
    for path, text in loaded.written.items():
        place = loaded.origins.get(path)
        folder = Path(place.file).parent if place and place.file else Path()
        for name in _inserted.findall(text):
            yield folder / name


def _state_of(path: Path) -> str:
    try:
        if path.is_dir():
            return str(path.stat().st_mtime_ns)
        if not path.is_file():
            return "not a file"
        with path.open("rb") as file:
            return blake2b(file.read(MOST_BYTES + 1)).hexdigest()
    except OSError as error:
        return str(error)
