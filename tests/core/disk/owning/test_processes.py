"""One owner for each journal folder among processes, after kills and forks."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from typing import TYPE_CHECKING

import pytest

from experimentframework_core._disk.owner import claim, claim_abandoned
from tests.core.disk.owning._owners import Other, leave_journal

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

ENDINGS = {
    "os._exit": "os._exit(0)",
    "sys.exit": "sys.exit(0)",
    "exception": "raise RuntimeError('the child fails')",
}


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
