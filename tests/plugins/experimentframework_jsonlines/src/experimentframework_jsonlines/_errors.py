"""What an error of the operating system means for a delivery."""

from __future__ import annotations

from typing import TYPE_CHECKING

from experimentframework_core.errors import TransientError, UnavailableError

if TYPE_CHECKING:
    from pathlib import Path

_refusals = (FileNotFoundError, IsADirectoryError, NotADirectoryError, PermissionError)


def delivery_error(error: OSError, path: Path) -> TransientError:
    """Return the error to raise instead of ``error``."""
    kind = UnavailableError if isinstance(error, _refusals) else TransientError
    return kind(f"cannot append to {path}: {error.strerror}")
