"""Waits until the disk has what was written, so that a loss of power does not take it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

is_posix = os.name == "posix"


def sync(path: Path) -> None:
    """Wait until the file, or what a folder lists, is on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_folder(folder: Path) -> None:
    """Keep the names in the folder through a loss of power, where the system lets one ask."""
    if is_posix:
        sync(folder)
