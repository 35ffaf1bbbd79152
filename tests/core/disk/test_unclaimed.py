"""Journals that belong to no backplane of the configuration are told, never taken."""

from __future__ import annotations

from typing import TYPE_CHECKING

from experimentframework_core import DataPlane, DataPlaneOptions
from experimentframework_core._disk.settings import root_of, unclaimed
from experimentframework_core.config import BackplaneOptions, BufferOptions
from experimentframework_core.testing import FaultyBackplane
from tests.core._channels import configure

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def leave(path: Path, name: str) -> Path:
    """Make what a process of the backplane ``name`` leaves behind."""
    folder = path / name / "0001"
    folder.mkdir(parents=True)
    (folder / "journal.db").touch()
    return folder.parent


def test_only_journals_of_others_are_found(tmp_path: Path) -> None:
    """Given journals of ours and of another, and other folders, Then only the other's are found."""
    config = configure(buffer={"type": "disk", "path": str(tmp_path)})
    leave(tmp_path, root_of(config).name)
    other = leave(tmp_path, "renamed")
    (tmp_path / "notes").mkdir()

    assert unclaimed([config]) == [other]


def test_memory_has_no_journals(tmp_path: Path) -> None:
    leave(tmp_path, "renamed")

    assert unclaimed([configure()]) == []


async def test_a_plane_warns_of_them(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Given a journal under an old name, When a plane opens, Then the log says where it is."""
    old = leave(tmp_path, "old")
    buffer = BufferOptions(type="disk", path=str(tmp_path))

    async with DataPlane(DataPlaneOptions(buffer=buffer), backplane=FaultyBackplane()):
        pass

    assert [record for record in caplog.records if "journals_unclaimed" in record.getMessage()]
    assert str(old) in caplog.text


def test_a_name_finds_the_old_journal(tmp_path: Path) -> None:
    """Given the old name on the node, Then its journals are claimed."""
    node = BackplaneOptions(type="faulty", name="old")
    config = configure(buffer={"type": "disk", "path": str(tmp_path)}, node=node)
    leave(tmp_path, "old")

    assert unclaimed([config]) == []
