"""Journals that dead processes have left: who gets them, and when there is none."""

from __future__ import annotations

import fcntl
from typing import TYPE_CHECKING

import pytest

from experimentframework_core._disk import owner
from experimentframework_core._disk.owner import Claim, claim, claim_abandoned
from experimentframework_core.errors import JournalError
from tests.core.disk.owning._owners import leave_journal

if TYPE_CHECKING:
    from pathlib import Path


def test_abandoned_folders_come_lowest_first(root: Path) -> None:
    """Given journals left behind, When they are claimed, Then in order, and then there is none."""
    for name in ("0004", "0002"):
        leave_journal(root / name)
    (root / "0001").mkdir()

    claims = [claim_abandoned(root) for _ in range(3)]

    assert [each and each.folder.name for each in claims] == ["0002", "0004", None]


def test_without_a_folder_nothing_is_abandoned(root: Path) -> None:
    assert claim_abandoned(root) is None
    assert not root.exists()


def test_an_owned_journal_is_not_abandoned(root: Path) -> None:
    """Given a journal whose owner lives, When looked for, Then there is none."""
    leave_journal(claim(root).folder)

    assert claim_abandoned(root) is None


def test_a_journal_that_was_drained_meanwhile_is_not_abandoned(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given a journal deleted before the lock is had, When claimed, Then the folder is free."""
    folder = leave_journal(root / "0001")
    lock = fcntl.flock

    def drained(descriptor: int, how: int) -> None:
        (folder / "journal.db").unlink(missing_ok=True)
        lock(descriptor, how)

    monkeypatch.setattr(fcntl, "flock", drained)

    assert claim_abandoned(root) is None
    assert claim(root).folder == folder


def test_one_bad_folder_does_not_hide_the_others(root: Path) -> None:
    """Given a folder whose lock cannot be opened, When asked for all, Then the error is last."""
    leave_journal(root / "0001")
    (root / "0001" / "owner.lock").mkdir()
    leave_journal(root / "0002")

    found = claim_abandoned(root)

    assert found is not None
    assert found.folder.name == "0002"
    with pytest.raises(JournalError, match=r"cannot claim the journal folder .*0001"):
        claim_abandoned(root)


def test_an_abandoned_folder_removed_before_its_lock_is_opened_is_none(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given another process that drained it, When it is claimed, Then there is none."""
    folder = leave_journal(root / "0001")
    opening = owner._open

    def after_removal(_: Path) -> Claim:
        (folder / "journal.db").unlink()
        folder.rmdir()
        return opening(folder)

    monkeypatch.setattr(owner, "_open", after_removal)

    assert claim_abandoned(root) is None
