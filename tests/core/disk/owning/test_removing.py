"""The removal of drained folders, also while others claim them."""

from __future__ import annotations

import fcntl
from pathlib import Path

import pytest

from experimentframework_core._disk import owner
from experimentframework_core._disk.owner import Claim, claim, claim_abandoned
from experimentframework_core.errors import JournalError
from tests.core.disk.owning._owners import leave_journal, names


def test_a_drained_folder_is_removed(root: Path) -> None:
    """Given a drained journal, When it is removed, Then nothing is left, and that is all."""
    claimed = claim(root)
    for name in owner.JOURNAL_FILES:
        (claimed.folder / name).touch()

    claimed.remove()
    claimed.remove()

    assert list(root.iterdir()) == []


@pytest.mark.parametrize("name", ["damaged-20260301", "notes.txt"])
def test_a_folder_with_anything_else_is_kept_free_of_its_journal(root: Path, name: str) -> None:
    """Given a damaged copy beside the journal, When removed, Then only the journal goes."""
    claimed = claim(root)
    leave_journal(claimed.folder)
    (claimed.folder / name).mkdir()

    claimed.remove()

    assert sorted(each.name for each in claimed.folder.iterdir()) == [name, "owner.lock"]
    assert claim_abandoned(root) is None
    assert claim(root).folder == claimed.folder


def test_a_folder_that_is_another_by_now_is_left_alone(root: Path) -> None:
    """Given an owner whose lock file was replaced, When it removes, Then nothing is deleted."""
    first = claim(root)
    (first.folder / "owner.lock").unlink()
    second = claim(root)
    leave_journal(second.folder)

    first.remove()

    assert second.folder == first.folder
    assert (second.folder / "journal.db").exists()


def test_what_cannot_be_deleted_is_an_error_and_released(root: Path) -> None:
    """Given a journal that is a folder, When removed, Then it says so and lets others have it."""
    claimed = claim(root)
    (claimed.folder / "journal.db").mkdir()

    with pytest.raises(JournalError, match=r"cannot remove the drained journal in .*0001"):
        claimed.remove()

    assert claim(root).folder == claimed.folder


def test_a_folder_removed_between_opening_and_locking_is_made_again(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given an owner that removes its folder just then, When claimed, Then the lock counts."""
    owner = claim(root)
    lock = fcntl.flock

    def after_removal(descriptor: int, how: int) -> None:
        monkeypatch.setattr(fcntl, "flock", lock)
        owner.remove()
        lock(descriptor, how)

    monkeypatch.setattr(fcntl, "flock", after_removal)

    claimed = claim(root)

    assert claimed.folder == owner.folder
    assert claimed._is_in_place()
    assert claim(root).folder.name == "0002"


def test_a_folder_removed_between_making_and_opening_is_made_again(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given a folder removed just then, When claimed, Then it is made again."""
    opening = owner._open

    def after_removal(folder: Path) -> Claim:
        monkeypatch.setattr(owner, "_open", opening)
        folder.rmdir()
        return opening(folder)

    monkeypatch.setattr(owner, "_open", after_removal)

    assert claim(root).folder.is_dir()


def test_a_folder_removed_while_it_is_made_is_made_again(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given a folder removed before it is looked at, When claimed, Then it is made again."""
    making = Path.mkdir

    def and_remove(folder: Path) -> None:
        making(folder)
        if folder.name == "0001":
            monkeypatch.setattr(Path, "mkdir", making)
            folder.rmdir()

    monkeypatch.setattr(Path, "mkdir", and_remove)

    assert claim(root).folder == root / "0001"


def test_a_folder_claimed_while_it_is_removed_stays(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given a claim between the last two steps of a removal, When it goes on, Then it stays."""
    owner = claim(root)
    removing = Path.rmdir
    claims: list[Claim] = []

    def after_claim(folder: Path) -> None:
        claims.append(claim(root))
        removing(folder)

    monkeypatch.setattr(Path, "rmdir", after_claim)

    owner.remove()

    assert names(claims) == ["0001"]
    assert claims[0]._is_in_place()
