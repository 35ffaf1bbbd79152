"""One owner for each journal folder, in this process, in others, after kills and forks."""

from __future__ import annotations

import errno
import fcntl
import gc
import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from experimentframework_core._disk import folders, owner
from experimentframework_core._disk.owner import Claim, claim, claim_abandoned
from experimentframework_core.errors import JournalError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

CLAIMING = """
    import sys
    from pathlib import Path
    from experimentframework_core._disk import owner

    print("ready", flush=True)
    for line in sys.stdin:
        claimed = getattr(owner, line.strip())(Path(sys.argv[1]))
        print(claimed.folder.name if claimed else "none", flush=True)
"""
ENDINGS = {
    "os._exit": "os._exit(0)",
    "sys.exit": "sys.exit(0)",
    "exception": "raise RuntimeError('the child fails')",
}


class Other:
    """Another process, which claims when it is told to and holds what it got."""

    def __init__(self, root: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(CLAIMING), str(root)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def tell(self, what: str) -> None:
        assert self.process.stdin
        self.process.stdin.write(f"{what}\n")
        self.process.stdin.flush()

    def said(self) -> str:
        assert self.process.stdout
        return self.process.stdout.readline().strip()

    def asked(self, what: str) -> str:
        self.tell(what)
        return self.said()

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate(timeout=100)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "buffer" / "kafka"


@pytest.fixture(autouse=True)
def _release_all() -> Iterator[None]:
    """Let nothing that a test holds reach the next."""
    yield
    for held in list(owner._held):
        held.release()


@pytest.fixture
def start(root: Path) -> Iterator[Callable[[], Other]]:
    """Return a function that starts another process and gives it when it is ready."""
    started: list[Other] = []

    def start() -> Other:
        started.append(Other(root))
        return started[-1]

    yield start
    for other in started:
        other.kill()


def names(claims: list[Claim]) -> list[str]:
    return [each.folder.name for each in claims]


def leave_journal(folder: Path) -> Path:
    """Put into the folder what a dead process leaves; it is not opened here."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "journal.db").write_bytes(b"rows")
    return folder


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


def test_a_lock_file_that_is_never_the_same_is_an_error(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given a file system without steady inodes, When claimed, Then it ends with an error."""
    monkeypatch.setattr(Claim, "_is_in_place", lambda _: False)

    with pytest.raises(JournalError, match=r"owner\.lock is another file each time"):
        claim(root)

    assert not owner._held


def test_another_process_gets_the_next_folder(root: Path, start: Callable[[], Other]) -> None:
    """Given a process with a folder, When another claims, Then it gets the next."""
    first = claim(root)
    other = start()

    said = [other.said(), other.asked("claim"), other.asked("claim_abandoned")]

    assert first.folder.name == "0001"
    assert said == ["ready", "0002", "none"]


def test_a_killed_process_leaves_its_folder_free(root: Path, start: Callable[[], Other]) -> None:
    """Given a process with a journal, When it is killed, Then its folder is abandoned."""
    other = start()
    said = [other.said(), other.asked("claim")]
    leave_journal(root / "0001")
    before = claim_abandoned(root)

    other.kill()

    after = claim_abandoned(root)
    assert said == ["ready", "0001"]
    assert before is None
    assert after is not None
    assert after.folder == root / "0001"


def test_twenty_processes_at_once_get_twenty_folders(
    root: Path, start: Callable[[], Other]
) -> None:
    """Given twenty processes, When they claim at the same time, Then no two share a folder."""
    others = [start() for _ in range(20)]
    ready = {other.said() for other in others}

    for other in others:
        other.tell("claim")

    assert ready == {"ready"}
    assert len({other.said() for other in others}) == 20


def test_processes_at_once_share_out_what_was_left(root: Path, start: Callable[[], Other]) -> None:
    """Given ten journals left behind, When six processes adopt at once, Then none gets two's."""
    for number in range(1, 11):
        leave_journal(root / f"{number:04d}")
    others = [start() for _ in range(6)]
    ready = {other.said() for other in others}

    for other in others:
        other.tell("claim_abandoned")

    assert ready == {"ready"}
    assert len({other.said() for other in others} - {"none"}) == 6


def run(root: Path, script: str) -> list[str]:
    """Run the script in a process of its own and return the lines that it said."""
    beginning = """
        import os, signal, sys, time, warnings
        from pathlib import Path
        from experimentframework_core._disk import owner
        from experimentframework_core._disk.owner import claim, claim_abandoned

        warnings.simplefilter("ignore", DeprecationWarning)
        root = Path(sys.argv[1])
    """
    ran = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(beginning) + textwrap.dedent(script), str(root)],
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    assert ran.returncode in (0, -9), ran.stderr
    return ran.stdout.split()


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_forked_child_frees_and_removes_nothing(root: Path, ending: str) -> None:
    """Given a claim, When a forked child lets go of it and ends, Then the parent owns it."""
    said = run(
        root,
        f"""
        claimed = claim(root)
        (claimed.folder / "journal.db").touch()
        child = os.fork()
        if child == 0:
            claimed.release()
            claimed.remove()
            {ENDINGS[ending]}
        os.waitpid(child, 0)
        print(claim_abandoned(root), (claimed.folder / "journal.db").exists())
        print(claim(root).folder.name)
        """,
    )

    assert said == ["None", "True", "0002"]


def test_a_forked_child_does_not_keep_its_dead_parents_folder(root: Path) -> None:
    """Given a child that lives on, When its parent is killed, Then the folder is free."""
    said = run(
        root,
        """
        claimed = claim(root)
        (claimed.folder / "journal.db").touch()
        ended, alive = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(alive)
            os.read(ended, 1)
            # The kernel closes a dead process's files one after the other, in any order.
            tries = (claim_abandoned(root) or time.sleep(0.01) for _ in range(500))
            print(next(filter(None, tries)).folder.name, flush=True)
            os._exit(0)
        print("killed", flush=True)
        os.kill(os.getpid(), signal.SIGKILL)
        """,
    )

    assert said == ["killed", "0001"]


def test_a_forked_child_claims_its_own(root: Path) -> None:
    """Given a claim, When a forked child claims, Then it gets the next and leaves it behind."""
    said = run(
        root,
        """
        claim(root)
        child = os.fork()
        if child == 0:
            print(claim(root).folder.name, len(owner._held), flush=True)
            os._exit(0)
        os.waitpid(child, 0)
        print(claim(root).folder.name)
        """,
    )

    assert said == ["0002", "1", "0002"]
