"""What is wrong with a path: found before anything is done, and told with its name."""

from __future__ import annotations

import os
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


def why_no_path(path: str) -> str | None:
    """Return why ``path`` can name no file or folder here; None if it can."""
    if "\0" in path:
        return "holds a NUL character, which no file name may have"
    try:
        Path(path).expanduser()
    except RuntimeError:
        return f"begins with '{path.split('/', maxsplit=1)[0]}', and there is no such home folder"
    return None


def try_to_append(path: Path) -> None:
    """Open a file as who appends to it does; what was not there is not there afterwards.

    Raises:
        OSError: It cannot be written.
    """
    was_there = os.path.lexists(path)
    # Nobody may be reading a pipe: that is an error here, and no wait without end.
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_NONBLOCK", 0)
    os.close(os.open(path, flags, 0o666))
    if not was_there:
        path.unlink()


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Have an error of the system that names no file name this one."""
    try:
        yield
    except OSError as error:
        if error.filename is None:
            error.filename = str(path)
        raise


def what_failed(error: OSError) -> str:
    """Return which file cannot be written and why, as a sentence without its end."""
    name = "a file" if error.filename is None else error.filename
    return f"cannot write {name}: {error.strerror or error}"
