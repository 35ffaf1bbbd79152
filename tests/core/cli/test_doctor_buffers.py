"""What the doctor says of disk buffers, without opening a journal."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from experimentframework_core._disk import folders
from experimentframework_core._disk.owner import claim
from experimentframework_core.cli import _doctor_buffers
from experimentframework_core.cli._doctor_buffers import Sighting, buffer_check, survey
from experimentframework_core.config import BackplaneOptions, BufferOptions, DataPlaneOptions
from tests.core._channels import configure

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Return the folder of the channel's journals."""
    return tmp_path / "faulty"


@pytest.fixture
def live(root: Path) -> Iterator[Path]:
    """Return a folder whose owner lives."""
    owner = claim(root)
    (owner.folder / "journal.db").write_bytes(bytes(4096))
    yield owner.folder
    owner.release()


def leave(folder: Path) -> Path:
    folder.mkdir(parents=True)
    (folder / "journal.db").write_bytes(bytes(1000))
    (folder / "journal.db-wal").write_bytes(bytes(234))
    return folder


def test_a_new_buffer_is_well_and_empty(tmp_path: Path, root: Path) -> None:
    """Given no folder, When the buffer is checked, Then it says where it will be."""
    check = buffer_check(configure(buffer={"type": "disk", "path": str(tmp_path)}))

    assert (check.name, check.ok) == ("buffer faulty", True)
    assert check.found == f"{root}: no journals"


def test_journals_in_use_and_left_are_told_apart(tmp_path: Path, root: Path, live: Path) -> None:
    """Given a live journal and one left behind, When checked, Then both are told with sizes."""
    leave(root / "0002")

    check = buffer_check(configure(buffer={"type": "disk", "path": str(tmp_path)}))

    assert check.ok
    assert check.found == (
        f"{root}: 1 journal (4,096 bytes) in use, 1 journal (1,234 bytes) left by ended processes"
        " (0002: 1,234 bytes); what may wait there is delivered by the next process that starts"
    )


def test_a_survey_leaves_no_trace(root: Path, live: Path) -> None:
    """Given folders without a lock file, When surveyed, Then they are as before."""
    left = leave(root / "0002")
    (root / "0003").mkdir()

    seen = survey(root)

    assert seen == [
        Sighting(live, in_use=True, bytes=4096),
        Sighting(left, in_use=False, bytes=1234),
    ]
    assert not (left / "owner.lock").exists()
    assert list((root / "0003").iterdir()) == []


def test_a_survey_frees_what_it_tried(root: Path) -> None:
    """Given a free folder, When it was surveyed, Then it can be claimed."""
    claim(root).release()

    survey(root)

    owner = claim(root)
    owner.release()
    assert owner.folder == root / "0001"


def test_a_folder_on_a_network_file_system_is_bad(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given a mount from another machine, When checked, Then the buffer is bad and says why."""
    table = "36 35 0:50 / / rw - nfs4 server:/export rw\n"
    monkeypatch.setattr(folders, "mount_table", lambda: table)

    check = buffer_check(configure(buffer={"type": "disk", "path": str(tmp_path)}))

    assert not check.ok
    assert "network file system (nfs4)" in check.found


def test_a_file_in_the_way_is_bad(tmp_path: Path, root: Path) -> None:
    """Given a file where a journal folder should be, When checked, Then the buffer is bad."""
    root.mkdir()
    (root / "0001").touch()

    check = buffer_check(configure(buffer={"type": "disk", "path": str(tmp_path)}))

    assert not check.ok
    assert "0001" in check.found
    assert "move what is in the way" in check.found


def test_a_disk_buffer_without_a_path_is_bad() -> None:
    check = buffer_check(configure(buffer={"type": "disk"}))

    assert not check.ok
    assert "set buffer.path" in check.found


@pytest.mark.parametrize(
    ("buffer", "names"),
    [
        ({"type": "memory"}, []),
        ({"type": "disk"}, ["buffer inMemory"]),
        ({"type": "memory", "when_full": "overflow"}, ["buffer inMemory"]),
    ],
)
def test_each_channel_that_writes_to_disk_is_checked(
    tmp_path: Path, buffer: dict[str, str], names: list[str]
) -> None:
    """Given a plane, When its buffers are checked, Then each that uses the disk is."""
    options = DataPlaneOptions(
        buffer=BufferOptions(**buffer, path=str(tmp_path)),  # type: ignore[arg-type]
        backplane=BackplaneOptions(type="inMemory"),
    )

    checks = list(_doctor_buffers.buffer_checks(options))

    assert [check.name for check in checks] == names
    assert all(check.ok for check in checks)


def test_something_else_in_a_journals_place_is_bad(tmp_path: Path, root: Path) -> None:
    """Given a text file where a journal would be, When checked, Then it is BAD."""
    (leave(root / "0001") / "journal.db").write_text("some notes\n" * 1000)
    (root / "0001" / "journal.db-wal").unlink()

    check = buffer_check(configure(buffer={"type": "disk", "path": str(tmp_path)}))

    assert not check.ok
    assert "0001/journal.db is no journal" in check.found
