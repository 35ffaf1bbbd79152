"""What is synced is the file itself, or the folder that names it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from experimentframework_core import _syncing
from experimentframework_core._syncing import sync, sync_folder

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def synced(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """Return a list of what is synced: device and number of each file."""
    found: list[tuple[int, int]] = []

    def note(descriptor: int) -> None:
        facts = os.fstat(descriptor)
        found.append((facts.st_dev, facts.st_ino))

    monkeypatch.setattr(os, "fsync", note)
    return found


def identity(path: Path) -> tuple[int, int]:
    facts = path.stat()
    return facts.st_dev, facts.st_ino


def test_syncs_files_and_folders(tmp_path: Path, synced: list[tuple[int, int]]) -> None:
    """Given a file in a folder, when each is synced, then the system is asked for just these."""
    file = tmp_path / "file"
    file.touch()

    sync(file)
    sync_folder(tmp_path)

    assert synced == [identity(file), identity(tmp_path)]


def test_a_disk_that_fails_is_told_and_leaves_nothing_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given a disk that fails, when a folder is synced, it is an error and the folder is closed."""
    opened: list[int] = []

    def fail(descriptor: int) -> None:
        opened.append(descriptor)
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "fsync", fail)

    with pytest.raises(OSError, match="Input/output"):
        sync_folder(tmp_path)

    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(opened[0])


def test_a_system_that_syncs_no_folders_is_not_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, synced: list[tuple[int, int]]
) -> None:
    """Given a system on which no folder can be opened, when one is synced, nothing is done."""
    monkeypatch.setattr(_syncing, "is_posix", False)

    sync_folder(tmp_path)

    assert synced == []
