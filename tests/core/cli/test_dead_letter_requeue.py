"""`dead-letter requeue`, from the outside: what arrives, what stays, and what a kill leaves."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import textwrap
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.core.cli.command import COMMAND, environment_with, run
from tests.core.letters._letters import keep, left_in, make_letter

if TYPE_CHECKING:
    from experimentframework_core.deadletter import DeadLetter

Configure = Callable[..., Path]


@pytest.fixture(params=["sqlite", "file"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def configure(tmp_path: Path, kind: str) -> Configure:
    """Return a function that writes a configuration with an embedded store named ``kafka``."""

    def write(**settings: object) -> Path:
        path = tmp_path / "experiments.json"
        events = {"path": str(tmp_path / "events.db")}
        plane = {
            "backplane": {"type": "sqlite", "name": "kafka", "options": events},
            "deadLetter": {"type": kind, "options": {"path": str(tmp_path / "letters")}},
            "flushIntervalMs": 10,
        }
        path.write_text(json.dumps({"dataPlane": plane | settings}))
        return path

    return write


def bodies_in(folder: Path) -> list[bytes]:
    """Return the events that arrived, by id; a row for each."""
    with closing(sqlite3.connect(folder / "events.db")) as events:
        rows = events.execute("SELECT body FROM events ORDER BY event_id").fetchall()
    return [row[0].encode() for row in rows]


def letters(number: int) -> list[DeadLetter]:
    return [make_letter(f"e-{each:06}") for each in range(number)]


def test_letters_arrive_with_their_bytes_and_are_gone(
    kind: str, configure: Configure, tmp_path: Path
) -> None:
    kept = letters(1200)
    keep(kind, tmp_path / "letters", kept)

    ran = run("dead-letter", "requeue", "--config", configure())

    assert (ran.code, ran.err) == (0, "")
    assert ran.out.splitlines()[0] == "1,200 dead letters chosen"
    assert ran.out.splitlines()[-1].split() == ["kafka", "1,200", "1,200", "0", "0"]
    assert bodies_in(tmp_path) == [letter.body for letter in kept]
    assert len(left_in(kind, tmp_path / "letters")) == 0


def test_only_the_chosen_ones_go(kind: str, configure: Configure, tmp_path: Path) -> None:
    """Given filters, and a letter of no backplane, Then the rest stays, and the counts add up."""
    kept = [make_letter("a"), make_letter("b"), make_letter("c", backplane="gone")]
    keep(kind, tmp_path / "letters", kept)

    ran = run("dead-letter", "requeue", "--config", configure(), "--id", "a", "--id", "c", "--json")

    document = ran.document()
    assert ran.code == 1
    assert document["chosen"] == 2
    assert document["backplanes"] == {
        "kafka": {"recovered": 1, "delivered": 1, "deadLetteredAgain": 0, "notDelivered": 0}
    }
    assert (document["unknown"], document["addsUp"]) == ({"gone": 1}, True)
    assert len(left_in(kind, tmp_path / "letters")) == 2


def test_a_letter_may_go_to_another_backplane(
    kind: str, configure: Configure, tmp_path: Path
) -> None:
    keep(kind, tmp_path / "letters", [make_letter("a", backplane="gone")])

    ran = run("dead-letter", "requeue", "--config", configure(), "--to", "kafka")

    assert ran.code == 0
    assert bodies_in(tmp_path) == [make_letter("a").body]


def test_an_unknown_backplane_is_wrong_usage(configure: Configure) -> None:
    ran = run("dead-letter", "requeue", "--config", configure(), "--to", "kafak")

    assert (ran.code, ran.err) == (2, "--to: there is no backplane 'kafak'; expected kafka\n")


def test_a_destination_that_is_down_leaves_the_letters(
    kind: str, configure: Configure, tmp_path: Path
) -> None:
    """Given a destination that cannot be opened, When the time is over, Then nothing is lost."""
    keep(kind, tmp_path / "letters", letters(3))
    down = {"type": "sqlite", "name": "kafka", "options": {"path": "/proc/nothing/events.db"}}

    ran = run(
        "dead-letter", "requeue", "--config", configure(backplane=down, shutdownTimeoutMs=300)
    )

    assert ran.code == 1
    assert ran.out.splitlines()[-1].split() == ["kafka", "3", "0", "0", "3"]
    assert "kafka: 3 letters not delivered, and left as they were." in ran.err
    assert "the destination refuses us" in ran.err
    assert "events_lost" not in ran.err
    assert len(left_in(kind, tmp_path / "letters")) == 3


KILLS = {
    "before the first removal": ("store.remove", 1),
    "before a later removal": ("store.remove", 3),
    "behind the first delivery": ("deliver", 1),
    "behind a later delivery": ("deliver", 4),
}


@pytest.mark.parametrize("point", KILLS.values(), ids=KILLS)
def test_a_kill_repeats_and_loses_nothing(
    point: tuple[str, int], kind: str, configure: Configure, tmp_path: Path
) -> None:
    """Given a requeuing that is killed in the middle, When it is begun again, Then all is there.

    The destination tells events by their ids, so each is there exactly once.
    """
    kept = letters(1200)
    keep(kind, tmp_path / "letters", kept)
    program = textwrap.dedent("""
        import os, signal, sys
        from experimentframework_core import deadletter
        from experimentframework_core._channel import borrowed
        from experimentframework_core._requeue import requeue as requeue_module
        from experimentframework_core.backplanes.sqlite import SqliteBackplane
        from experimentframework_core.cli import main

        borrowed.ROOM = 200
        requeue_module.REMOVE_AT_ONCE = 50
        point, left = sys.argv.pop(1), int(sys.argv.pop(1))
        store = deadletter.FileDeadLetterStore, deadletter.SqliteDeadLetterStore
        owners = (SqliteBackplane,) if point == "deliver" else store
        name = point.rpartition(".")[2]

        def dying(whole):
            async def part(self, batch):
                global left
                left -= 1
                if point == "deliver":
                    await whole(self, batch)
                if left == 0:
                    os.kill(os.getpid(), signal.SIGKILL)
                return await whole(self, batch)
            return part

        for owner in owners:
            setattr(owner, name, dying(getattr(owner, name)))
        main()
    """)
    arguments = ("dead-letter", "requeue", "--config", configure())

    killed = subprocess.run(
        [sys.executable, "-c", program, point[0], str(point[1]), *arguments],
        capture_output=True,
        check=False,
        timeout=250,
    )
    between = len(left_in(kind, tmp_path / "letters"))
    again = run(*arguments)

    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert len(kept) >= between > 0
    assert again.code == 0, again.err
    assert bodies_in(tmp_path) == [letter.body for letter in kept]
    assert len(left_in(kind, tmp_path / "letters")) == 0


def test_another_process_may_write_meanwhile(
    kind: str, configure: Configure, tmp_path: Path
) -> None:
    """Given a process that goes on writing letters, When they are requeued, Then none is lost."""
    keep(kind, tmp_path / "letters", letters(500))
    program = textwrap.dedent("""
        import asyncio, sys
        from tests.core.letters._letters import STORES, make_letter

        async def main():
            async with STORES[sys.argv[1]](sys.argv[2]) as store:
                for number in range(100):
                    await store.write([make_letter(f"w-{number:06}")])
                    print(number, flush=True)

        asyncio.run(main())
    """)
    path = os.pathsep.join(each for each in sys.path if each)
    with subprocess.Popen(
        [sys.executable, "-c", program, kind, tmp_path / "letters"],
        stdout=subprocess.PIPE,
        env=environment_with(PYTHONPATH=path),
    ) as writer:
        assert writer.stdout is not None
        writer.stdout.readline()
        during = run("dead-letter", "requeue", "--config", configure(), "--json")
        writer.stdout.read()

    after = run("dead-letter", "requeue", "--config", configure(), "--json")

    codes = writer.returncode, during.code, after.code
    assert codes == (0, 0, 0), (during.err, after.err)
    assert len(bodies_in(tmp_path)) == 600
    assert len(left_in(kind, tmp_path / "letters")) == 0


def test_a_signal_ends_it_cleanly(kind: str, configure: Configure, tmp_path: Path) -> None:
    """Given a requeuing that waits for its destination, When Ctrl-C comes, Then it says so."""
    keep(kind, tmp_path / "letters", letters(3))
    down = {"type": "sqlite", "name": "kafka", "options": {"path": "/proc/nothing/events.db"}}
    config = configure(backplane=down, shutdownTimeoutMs=3000)

    with subprocess.Popen(
        [COMMAND, "dead-letter", "requeue", "--config", config],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment_with(),
    ) as command:
        assert command.stderr is not None
        first = command.stderr.readline()
        command.send_signal(signal.SIGINT)
        out, said = command.communicate(timeout=100)

    assert "open_failed" in first
    assert "Delivering what was read; once more to end at once.\n" in said
    assert "Stopped by a signal; what was not delivered is still there." in said
    assert out.splitlines()[-1].split() == ["kafka", "3", "0", "0", "3"]
    assert command.returncode == 130
    assert len(left_in(kind, tmp_path / "letters")) == 3
