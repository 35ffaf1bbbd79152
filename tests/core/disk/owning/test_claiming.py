"""Which folder a process gets, and what keeps it from getting one."""

from __future__ import annotations

import errno
import gc
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from experimentframework_core._disk import folders, owner
from experimentframework_core._disk.owner import Claim, claim, claim_abandoned
from experimentframework_core.errors import JournalError
from tests.core.disk.owning._owners import leave_journal, names

if TYPE_CHECKING:
    from collections.abc import Callable


def test_the_first_claim_makes_the_first_folder(root: Path) -> None:
    """Given no folder at all, When one is claimed, Then it is the first, and says by whom."""
    claimed = claim(root)

    assert claimed.folder == root / "0001"
    assert str(os.getpid()) in (root / "0001" / "owner.lock").read_text()


def test_claims_of_one_process_are_different_folders(root: Path) -> None:
    """Given one process with several planes, When each claims, Then none gets another's."""
    claims = [claim(root) for _ in range(3)]

    assert names(claims) == ["0001", "0002", "0003"]


def test_a_released_folder_is_the_next_claim(root: Path) -> None:
    """Given three folders, When the second is released, Then it is claimed next."""
    claims = [claim(root) for _ in range(3)]

    claims[1].release()

    assert names([claim(root), claim(root)]) == ["0002", "0004"]


def test_releasing_twice_frees_nobody_else(root: Path) -> None:
    """Given a folder released and claimed again, When released once more, Then it stays owned."""
    first = claim(root)
    first.release()
    second = claim(root)

    first.release()

    assert second.folder.name == "0001"
    assert claim(root).folder.name == "0002"


def test_a_free_folder_comes_before_a_lower_missing_one(root: Path) -> None:
    """Given only a third folder, When two are claimed, Then it is first, and then a gap's."""
    leave_journal(root / "0003")

    claims = [claim(root), claim(root)]

    assert names(claims) == ["0003", "0001"]


def test_folders_are_ordered_by_number(root: Path) -> None:
    """Given more folders than four digits count, When listed, Then 10000 comes last."""
    for name in ("10000", "9999", "0002", "0000", "00003", "damaged", "12"):
        (root / name).mkdir(parents=True)

    found = [folder.name for folder in owner.folders(root)]

    assert found == ["0002", "9999", "10000"]


def test_a_forgotten_claim_stays_owned(root: Path) -> None:
    """Given a claim, When its last reference is dropped, Then its folder is not free."""
    claim(root)
    gc.collect()

    assert claim(root).folder.name == "0002"


def test_the_lock_is_not_inherited_by_programs(root: Path) -> None:
    """Given a claim, When its descriptor is looked at, Then other programs do not get it."""
    descriptor = claim(root)._descriptor

    assert descriptor is not None
    assert not os.get_inheritable(descriptor)


def test_the_parent_is_synced_also_for_a_folder_that_was_there(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given a folder that another process just made, When claimed, Then its parent is synced."""
    (root / "0001").mkdir(parents=True)
    synced: list[Path] = []
    monkeypatch.setattr(owner, "sync_folder", synced.append)

    claim(root)

    assert synced == [root]


def test_a_parent_that_cannot_be_synced_frees_the_folder(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given a disk that fails, When a folder is claimed, Then it is an error and stays free."""

    def fail(_: Path) -> None:
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as patched:
        patched.setattr(owner, "sync_folder", fail)
        with pytest.raises(JournalError, match=r"Input/output error.*check the path and its disk"):
            claim(root)

    assert claim(root).folder.name == "0001"


def test_a_full_disk_does_not_keep_a_folder_from_being_claimed(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given no room for the owner's name, When a folder is claimed, Then it is owned."""
    (root / "0001").mkdir(parents=True)

    def fail(*_: Any) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "write", fail)

    assert names([claim(root), claim(root)]) == ["0001", "0002"]


def test_a_file_in_the_way_is_an_error(root: Path) -> None:
    root.mkdir(parents=True)
    (root / "0001").touch()

    with pytest.raises(JournalError, match=r"0001.*move what is in the way"):
        claim(root)


def test_a_lock_file_that_is_a_link_is_not_followed(root: Path, tmp_path: Path) -> None:
    """Given a link as lock file, When its folder is claimed, Then its target stays as it was."""
    (root / "0001").mkdir(parents=True)
    (tmp_path / "precious").write_text("text")
    (root / "0001" / "owner.lock").symlink_to(tmp_path / "precious")

    with pytest.raises(JournalError, match="move what is in the way"):
        claim(root)

    assert (tmp_path / "precious").read_text() == "text"


def test_too_many_folders_are_an_error(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Given a folder that can hold no more, When one is made, Then the error says so."""
    root.mkdir(parents=True)

    def fail(*_: Any) -> None:
        raise OSError(errno.EMLINK, "Too many links")

    monkeypatch.setattr(Path, "mkdir", fail)

    with pytest.raises(JournalError, match=r"cannot claim a journal folder.*remove old ones"):
        claim(root)


@pytest.mark.parametrize("claiming", [claim, claim_abandoned])
def test_another_system_is_told_that_it_will_not_do(
    root: Path, monkeypatch: pytest.MonkeyPatch, claiming: Callable[[Path], object]
) -> None:
    monkeypatch.setattr(folders, "_posix", False)

    with pytest.raises(JournalError, match="disk buffers need a POSIX system"):
        claiming(root)


def test_a_lock_file_that_is_never_the_same_is_an_error(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given a file system without steady inodes, When claimed, Then it ends with an error."""
    monkeypatch.setattr(Claim, "_is_in_place", lambda _: False)

    with pytest.raises(JournalError, match=r"owner\.lock is another file each time"):
        claim(root)

    assert not owner._held
