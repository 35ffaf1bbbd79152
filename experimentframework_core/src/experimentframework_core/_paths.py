"""What no path in a configuration may be, found before anything is opened."""

from __future__ import annotations

from pathlib import Path


def why_no_path(path: str) -> str | None:
    """Return why ``path`` can name no file or folder here; None if it can."""
    if "\0" in path:
        return "holds a NUL character, which no file name may have"
    try:
        Path(path).expanduser()
    except RuntimeError:
        return f"begins with '{path.split('/', maxsplit=1)[0]}', and there is no such home folder"
    return None
