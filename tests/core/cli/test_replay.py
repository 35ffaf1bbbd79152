"""`replay`: one configuration's events into another's, and on after any end."""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import sqlite3
import subprocess
import time
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from experimentframework_core._replay.run import Replay
from experimentframework_core.backplanes.sqlite import SqliteBackplane
from experimentframework_core.testing import make_records
from tests.core.cli.command import COMMAND, environment_with, run, run_here

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from experimentframework_core.envelope import Record


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the current folder, with two configurations: ``a.yaml`` and ``b.yaml``."""
    monkeypatch.chdir(tmp_path)
    for name in "ab":
        configure(tmp_path / f"{name}.yaml", f"{{type: sqlite, options: {{path: {name}.db}}}}")
    return tmp_path


def configure(path: Path, backplane: str, more: str = "") -> None:
    path.write_text(f"dataPlane:\n  backplane: {backplane}\n{more}")


def fill(path: Path, number: int) -> list[Record]:
    """Store so many events, and return them."""
    records = make_records(number)

    async def store() -> None:
        async with SqliteBackplane(path) as backplane:
            await backplane.deliver(records)

    asyncio.run(store())
    return records


def bodies(path: Path) -> list[str]:
    """Return what a store holds, in its order."""
    with closing(sqlite3.connect(path)) as connection:
        return [body for (body,) in connection.execute("SELECT body FROM events ORDER BY position")]


def row_of(checkpoint: str) -> int:
    return int(checkpoint.partition("@")[0])


def texts(records: Sequence[Record]) -> list[str]:
    return [record.body.decode() for record in records]


REPLAY = ("replay", "--from", "a.yaml", "--to", "b.yaml")


def test_events_are_copied_and_counted(folder: Path) -> None:
    """Given a store, When it is replayed, Then the other has the same bytes, and it adds up."""
    records = fill(folder / "a.db", 30)

    done = run_here(*REPLAY)

    assert (done.code, done.err) == (0, "")
    assert done.out.splitlines()[0] == "30 events read: 30 handed to the target"
    assert done.out.splitlines()[2].split() == ["sqlite", "30", "30", "0", "0", "0"]
    assert bodies(folder / "b.db") == texts(records)


def test_toggles_sampling_and_redaction_are_left_out(folder: Path) -> None:
    """Given a target that would publish nothing as it is, When replayed, Then the bytes stay."""
    records = fill(folder / "a.db", 5)
    configure(
        folder / "b.yaml",
        "{type: sqlite, options: {path: b.db}}",
        "  enableExposureEvents: false\n  samplingRate: 0\n"
        "  piiRedaction: {redactSubjectIds: true}\n"
        "  buffer: {type: disk, path: journal}\n",
    )

    done = run_here(*REPLAY)

    assert (done.code, bodies(folder / "b.db")) == (0, texts(records))
    assert not (folder / "journal").exists()


def test_a_second_run_goes_on_behind_the_first(folder: Path) -> None:
    """Given a checkpoint, When more came and it is run again, Then only that is read."""
    fill(folder / "a.db", 10)
    arguments = (*REPLAY, "--checkpoint", "place.json", "--json")
    first = run_here(*arguments).document()
    fill(folder / "a.db", 4)

    second = run_here(*arguments).document()

    assert (first["read"], first["resumed"], row_of(first["position"])) == (10, False, 10)
    assert (second["read"], second["resumed"], row_of(second["position"])) == (4, True, 14)
    assert second["backplanes"]["sqlite"] == {
        "taken": 4,
        "delivered": 4,
        "deadLettered": 0,
        "dropped": 0,
        "notDelivered": 0,
    }
    assert len(bodies(folder / "b.db")) == 14


@pytest.mark.parametrize("more", [0, 5])
def test_a_source_that_was_made_anew_is_noticed(folder: Path, more: int) -> None:
    """Given a checkpoint, When its store is another with as many rows, Then that is told."""
    fill(folder / "a.db", 10)
    arguments = (*REPLAY, "--checkpoint", "place.json")
    run_here(*arguments)
    (folder / "a.db").unlink()
    fill(folder / "a.db", 10 + more)

    again = run_here(*arguments)

    assert again.code == 1
    assert "is another file than the one it is of; it was made anew" in again.err
    assert len(bodies(folder / "b.db")) == 10


@pytest.mark.parametrize(
    ("option", "path", "expected"),
    [
        ("--checkpoint", f"{'x' * 253}", "cannot write the checkpoint xx"),
        ("--rejected", "missing/rejected", "cannot write what is no event to missing/rejected: No"),
        ("--rejected", "inner", "cannot write what is no event to inner: Is a directory; name"),
    ],
)
def test_a_file_that_cannot_be_written_is_told_before_anything_is_delivered(
    folder: Path, option: str, path: str, expected: str
) -> None:
    """Given such a file, When replayed, Then exit 2, and the target was not even made."""
    fill(folder / "a.db", 3)
    (folder / "inner").mkdir()
    before = set(folder.iterdir())

    done = run_here(*REPLAY, option, path)

    assert (done.code, expected in done.err) == (2, True), done.err
    assert set(folder.iterdir()) == before


def test_looking_whether_a_file_can_be_written_leaves_it_as_it_was(folder: Path) -> None:
    """Given what an earlier run has kept, When replayed, Then it is there, and nothing else."""
    fill(folder / "a.db", 3)
    (folder / "kept").write_text("before")

    done = run_here(*REPLAY, "--rejected", "kept")

    assert (done.code, (folder / "kept").read_text()) == (0, "before")


def test_what_is_no_event_is_kept_and_the_rest_goes_on(folder: Path) -> None:
    """Given a broken row, When replayed, Then it is in the side file, and the exit code is 1."""
    fill(folder / "a.db", 3)
    with closing(sqlite3.connect(folder / "a.db", isolation_level=None)) as connection:
        connection.execute("UPDATE events SET body = '{broken' WHERE position = 2")

    done = run_here(*REPLAY)

    line = json.loads((folder / "replay-rejected.ndjson").read_text())
    assert (done.code, len(bodies(folder / "b.db"))) == (1, 2)
    assert "3 events read: 2 handed to the target, 1 that are no events" in done.out
    assert "Left out: cannot read row 2 of" in done.err
    assert "1 record is no event; kept raw in replay-rejected.ndjson." in done.err
    assert (row_of(line["position"]), line["record"]) == (2, "e2Jyb2tlbg==")


def test_a_transform_of_the_current_folder_is_used(folder: Path) -> None:
    """Given a function in a module, When it is named, Then events pass through it."""
    fill(folder / "a.db", 3)
    (folder / "changes_of_a_test.py").write_text(
        "import msgspec\n"
        "def rename(envelope):\n"
        "    return msgspec.structs.replace(envelope, correlation_id='replayed')\n"
    )

    done = run(*REPLAY, "--transform", "changes_of_a_test:rename")

    found = [json.loads(body)["correlationId"] for body in bodies(folder / "b.db")]
    assert (done.code, found) == (0, ["replayed"] * 3)


def test_a_dry_run_says_how_many(folder: Path) -> None:
    """Given a store, When it is only counted, Then nothing is made."""
    fill(folder / "a.db", 7)

    done = run_here(*REPLAY, "--dry-run", "--checkpoint", "place.json")

    assert (done.code, done.out) == (0, "7 events read: 7 would be handed to the target\n")
    assert not any((folder / name).exists() for name in ("b.db", "place.json"))


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (("--since", "2026-02-01", "--until", "2026-01-01"), "is not before until"),
        (("--since", "7d", "--checkpoint", "c"), "--since 7d: an age is another time in each run"),
        (("--to-backplane", "kafka"), "there is no backplane 'kafka'; expected sqlite"),
        (("--from-backplane", "kafka"), "--from-backplane kafka: there is none"),
        (("--transform", "json"), "'json' names no function; write module:function"),
        (("--since", "soon"), "--since: 'soon' is no time"),
        (("--checkpoint", "broken.json"), "the checkpoint broken.json is damaged"),
        (("--checkpoint", "other.json"), "belongs to another replay: selection.types was"),
        (("--to", "a.yaml"), "sqlite would be replayed into itself: name another target"),
        (("--from", "memory.yaml"), "has no backplane to replay; inMemory keeps events only in"),
        (("--from", "log.yaml"), "has no backplane to replay; logging cannot be read back"),
    ],
)
def test_what_cannot_be_is_said_before_anything_is_opened(
    folder: Path, more: tuple[str, ...], said: str
) -> None:
    """Given what is in vain, When it is asked for, Then it is refused with exit code 2."""
    fill(folder / "a.db", 1)
    (folder / "broken.json").write_text("{")
    run_here(*REPLAY, "--type", "exposure", "--checkpoint", "other.json")
    (folder / "b.db").unlink()
    configure(folder / "memory.yaml", "{type: inMemory}")
    configure(folder / "log.yaml", "{type: logging}")

    done = run_here(*REPLAY, *more)

    assert (done.code, done.out) == (2, "")
    assert said in done.err
    assert not (folder / "b.db").exists()


def test_a_source_that_is_not_there_is_told(folder: Path) -> None:
    """Given no file, When it is replayed, Then the exit code is 1, and it says which."""
    done = run_here(*REPLAY)

    assert (done.code, (folder / "a.db").exists()) == (1, False)
    assert "a.db" in done.err


def test_a_target_that_takes_nothing_ends_it_with_how_to_go_on(folder: Path) -> None:
    """Given a target that cannot be opened, When replayed, Then it gives up and says how to go on.

    The events that were read are not lost: the next run brings them.
    """
    fill(folder / "a.db", 20)
    (folder / "b.db").mkdir()
    arguments = (*REPLAY, "--checkpoint", "place.json", "--give-up-after", "0.5")

    failed = run_here(*arguments)
    (folder / "b.db").rmdir()
    again = run_here(*arguments)

    assert failed.code == 1
    assert "Nothing arrived for 0.5 s, so it gave up: sqlite: the destination refuses" in failed.err
    assert "sqlite: 20 events read, but not delivered; the next run repeats them." in failed.err
    assert "Run it again: nothing has arrived yet." in failed.err
    assert (again.code, len(bodies(folder / "b.db"))) == (0, 20)


def test_ctrl_c_delivers_what_was_read_and_remembers(folder: Path) -> None:
    """Given a slow replay, When it is interrupted, Then a second run brings only the rest."""
    fill(folder / "a.db", 2_000)
    arguments = (*REPLAY, "--checkpoint", "place.json")
    with subprocess.Popen(
        [COMMAND, *arguments, "--rate", "20", "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment_with(),
    ) as process:
        _wait_for(folder / "place.json", process)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=100)
    first = json.loads(out)

    second = run_here(*arguments, "--json").document()

    assert process.returncode == 128 + signal.SIGINT, err
    assert (first["interrupted"], first["ok"]) == (True, False)
    assert 0 < first["read"] == first["backplanes"]["sqlite"]["delivered"] < 2_000
    assert b"Run it again with --checkpoint place.json to go on" in err
    assert second["read"] == 2_000 - row_of(first["position"]) < 2_000
    assert len(bodies(folder / "b.db")) == 2_000


@pytest.mark.parametrize(
    ("more", "said"),
    [((), "Delivering what was read"), (("--dry-run",), "Stopping; once more to end at once.")],
)
def test_a_signal_is_answered_by_what_is_done_then(
    folder: Path, monkeypatch: pytest.MonkeyPatch, more: tuple[str, ...], said: str
) -> None:
    """Given a replay, dry or not, When it is interrupted, Then it says what is done about it."""
    fill(folder / "a.db", 1)

    async def interrupted(_replay: Replay) -> None:
        os.kill(os.getpid(), signal.SIGINT)
        await asyncio.sleep(10)

    monkeypatch.setattr(Replay, "read", interrupted)

    done = run_here(*REPLAY, *more)

    assert done.code == 128 + signal.SIGINT
    assert done.err.startswith(said)


def test_kills_lose_nothing_and_repeat_little(folder: Path) -> None:
    """Given a replay that is killed again and again, When it ends at last, Then all is there once.

    Each kill repeats at most what was in flight or not remembered yet.
    """
    records = fill(folder / "a.db", 12_000)
    arguments = (*REPLAY, "--checkpoint", "place.json")
    chance = random.Random(7)
    for _ in range(2):
        with subprocess.Popen(
            [COMMAND, *arguments, "--rate", "2500"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=environment_with(),
        ) as process:
            _wait_for(folder / "place.json", process)
            time.sleep(chance.random() * 0.5)
            process.send_signal(signal.SIGKILL)
            process.wait(timeout=100)

    last = run_here(*arguments, "--json").document()

    assert process.returncode == -signal.SIGKILL
    assert (last["ok"], last["resumed"]) == (True, True)
    assert bodies(folder / "b.db") == texts(records)
    assert 0 < last["read"] < 12_000


def _wait_for(checkpoint: Path, process: subprocess.Popen[bytes]) -> None:
    """Return when the process has written its checkpoint."""
    begun, deadline = _written(checkpoint), time.monotonic() + 30
    while _written(checkpoint) == begun and process.poll() is None:
        assert time.monotonic() < deadline
        time.sleep(0.01)


def _written(path: Path) -> int | None:
    try:
        return path.stat().st_ino
    except FileNotFoundError:
        return None
