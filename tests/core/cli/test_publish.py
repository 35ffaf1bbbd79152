"""`publish`, from the outside."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from itertools import repeat
from pathlib import Path

import pytest

from tests.core.cli.command import COMMAND, environment_with, run

EXPOSURE = {
    "type": "exposure",
    "experimentName": "checkout",
    "variantKey": "express",
    "subjectId": "u-1",
    "selectionReason": "hash-assignment",
}
Configure = Callable[..., Path]


@pytest.fixture
def configure(tmp_path: Path) -> Configure:
    """Return a function that writes a configuration with an embedded store."""

    def write(backplane: object = None, **settings: object) -> Path:
        path = tmp_path / "experiments.json"
        store = {"type": "sqlite", "options": {"path": str(tmp_path / "events.db")}}
        path.write_text(json.dumps({"dataPlane": {"backplane": backplane or store, **settings}}))
        return path

    return write


def lines(number: int) -> str:
    return "".join(json.dumps({**EXPOSURE, "subjectId": f"u-{n}"}) + "\n" for n in range(number))


def test_every_event_of_a_file_arrives(configure: Configure, tmp_path: Path) -> None:
    file = tmp_path / "events.ndjson"
    file.write_text(lines(300))

    ran = run("publish", "--config", configure(), file)

    assert (ran.code, ran.err) == (0, "")
    assert "300 lines: 300 accepted, 0 broken" in ran.out
    assert ran.out.splitlines()[-1].split() == ["sqlite", "300", "300", "0", "0", "0", "0"]


def test_stdin_is_read_and_json_is_all_that_stdout_gets(configure: Configure) -> None:
    ran = run("publish", "--config", configure(), "-", "--json", stdin=lines(3) + "\n")

    document = ran.document()
    assert ran.code == 0
    assert document["lines"] == 4
    assert document["blank"] == 1
    assert document["addsUp"] is True
    assert document["backplanes"]["sqlite"]["delivered"] == 3


def test_broken_lines_are_named_and_the_rest_arrives(configure: Configure) -> None:
    given = [
        json.dumps(EXPOSURE),
        '{"type": "exposure"',
        json.dumps({**EXPOSURE, "subjectID": "u-1"}),
        json.dumps({**EXPOSURE, "experimentName": ""}),
        "x" * 1_100_000,
        json.dumps(EXPOSURE),
    ]

    ran = run("publish", "--config", configure(), "-", "--json", stdin="\n".join(given))

    document = ran.document()
    assert ran.code == 1
    assert document["backplanes"]["sqlite"]["delivered"] == 2
    assert [each["line"] for each in document["broken"]["first"]] == [2, 3, 4, 5]
    assert "line 2: Input data was truncated" in ran.err
    assert "line 3: subjectID: unknown field of exposure" in ran.err
    assert "line 4: experimentName: " in ran.err
    assert "line 5: longer than 1,048,576 bytes" in ran.err


def test_of_many_broken_lines_twenty_are_shown(configure: Configure) -> None:
    ran = run("publish", "--config", configure(), "-", stdin="nonsense\n" * 50)

    assert ran.code == 1
    assert ran.err.count("line ") == 20
    assert "… and 30 more broken lines" in ran.err
    assert "50 lines could not be published" in ran.err


def test_an_event_id_makes_publishing_again_harmless(configure: Configure) -> None:
    given = json.dumps({**EXPOSURE, "eventId": "e-1", "timestamp": "2026-03-01T00:00:00Z"})
    config = configure()

    first = run("publish", "--config", config, "-", stdin=given)
    second = run("publish", "--config", config, "-", stdin=given)
    report = run("report", "--config", config, "--json")

    assert (first.code, second.code) == (0, 0)
    assert report.document()["experiments"][0]["subjects"] == {"express": 1}


@pytest.mark.parametrize("policy", ["dropNewest", "dropOldest", "block"])
def test_a_full_buffer_makes_it_wait_whatever_the_policy(configure: Configure, policy: str) -> None:
    buffer = {"maxEvents": 10, "whenFull": policy, "blockTimeoutMs": 1}
    config = configure(buffer=buffer, batchSize=10)

    ran = run("publish", "--config", config, "-", "--json", stdin=lines(1_000))

    assert ran.code == 0
    assert ran.document()["backplanes"]["sqlite"]["delivered"] == 1_000


def test_what_is_not_delivered_in_time_is_counted(configure: Configure, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    unreachable = {"type": "sqlite", "options": {"path": str(tmp_path / "file" / "events.db")}}
    config = configure(unreachable, shutdownTimeoutMs=100)

    ran = run("publish", "--config", config, "-", "--json", stdin=lines(7))

    document = ran.document()
    figures = document["backplanes"]["sqlite"]
    assert ran.code == 1
    assert document["addsUp"] is True
    assert figures["accepted"] == 7
    assert figures["dropped"] + figures["remaining"] == 7


@pytest.mark.parametrize("buffer", [{}, {"type": "disk"}])
def test_it_says_why_events_wait(
    configure: Configure, tmp_path: Path, buffer: dict[str, str]
) -> None:
    """Given a destination that cannot be opened, Then the last words say why nothing arrived."""
    (tmp_path / "file").touch()
    unreachable = {"type": "sqlite", "options": {"path": str(tmp_path / "file" / "events.db")}}
    kept = {**buffer, "path": str(tmp_path / "kept")} if buffer else {}
    config = configure(unreachable, shutdownTimeoutMs=100, buffer=kept)

    ran = run("publish", "--config", config, "-", stdin=lines(7))

    assert ran.code == 1
    assert re.search(r"^sqlite: .*file/events\.db", ran.err.splitlines()[-1])


@pytest.fixture
def started(configure: Configure) -> Iterator[Callable[..., subprocess.Popen[bytes]]]:
    """Return a function that starts `publish -`; what still runs at the end is killed."""
    running: list[subprocess.Popen[bytes]] = []

    def start(**settings: object) -> subprocess.Popen[bytes]:
        running.append(
            subprocess.Popen(
                [COMMAND, "publish", "--config", configure(**settings), "-", "--json"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=environment_with(),
            )
        )
        return running[-1]

    yield start
    for process in running:
        process.kill()
        process.communicate()


def write(process: subprocess.Popen[bytes], text: str) -> None:
    assert process.stdin is not None
    process.stdin.write(text.encode())
    process.stdin.flush()


def wait_for_note(process: subprocess.Popen[bytes]) -> bytes:
    """Wait until a broken line is reported: what stands before it has been read."""
    assert process.stderr is not None
    return process.stderr.readline()


def read_to_the_end(process: subprocess.Popen[bytes]) -> tuple[bytes, bytes]:
    """Wait for the process, whose stdin stays open."""
    assert process.stdout is not None
    assert process.stderr is not None
    out, err = process.stdout.read(), process.stderr.read()
    process.wait()
    return out, err


def test_a_slow_pipe_is_published_as_it_comes(
    started: Callable[..., subprocess.Popen[bytes]],
) -> None:
    process = started()

    write(process, lines(2) + "broken\n")
    noted = wait_for_note(process)
    write(process, lines(3))
    out, _ = process.communicate()

    assert noted.startswith(b"line 3: ")
    assert process.returncode == 1
    assert json.loads(out)["backplanes"]["sqlite"]["delivered"] == 5


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_reading_and_what_was_read_arrives(
    started: Callable[..., subprocess.Popen[bytes]], number: signal.Signals
) -> None:
    process = started()
    write(process, lines(5) + "broken\n")
    wait_for_note(process)

    process.send_signal(number)
    out, err = read_to_the_end(process)

    document = json.loads(out)
    assert process.returncode == 128 + number
    assert document["interrupted"] is True
    assert document["addsUp"] is True
    assert document["backplanes"]["sqlite"]["delivered"] == 5
    assert b"Traceback" not in err


def test_a_signal_ends_the_waiting_for_a_destination_that_is_down(
    started: Callable[..., subprocess.Popen[bytes]], tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    unreachable = {"type": "sqlite", "options": {"path": str(tmp_path / "file" / "events.db")}}
    process = started(backplane=unreachable, buffer={"maxEvents": 5}, shutdownTimeoutMs=100)
    write(process, "broken\n" + lines(50))
    wait_for_note(process)

    process.send_signal(signal.SIGINT)
    out, err = read_to_the_end(process)

    document = json.loads(out)
    assert process.returncode == 130
    assert document["addsUp"] is True
    assert document["backplanes"]["sqlite"]["delivered"] == 0
    assert b"Traceback" not in err


@pytest.mark.parametrize("arguments", [[], ["-"], ["--config", "no.yaml", "-"]])
def test_wrong_usage_exits_with_2(arguments: list[str]) -> None:
    ran = run("publish", *arguments)

    assert ran.code == 2
    assert "Traceback" not in ran.err


def test_a_file_that_is_not_there_exits_with_2(configure: Configure, tmp_path: Path) -> None:
    missing = run("publish", "--config", configure(), tmp_path / "missing.ndjson")
    folder = run("publish", "--config", configure(), tmp_path)

    assert (missing.code, folder.code) == (2, 2)
    assert "No such file" in missing.err
    assert "is a folder" in folder.err


def test_the_problems_of_a_configuration_are_in_the_json(configure: Configure) -> None:
    ran = run("publish", "--config", configure({"type": "kafkaa"}), "-", "--json")

    assert ran.code == 2
    assert ran.document()["problems"][0]["path"] == "dataPlane.backplane.type"


@pytest.mark.skipif(sys.platform != "linux", reason="the peak is read from /proc")
def test_memory_does_not_grow_with_the_file(configure: Configure, tmp_path: Path) -> None:
    """200,000 lines of 41 MB, against 2,000 lines."""
    config = configure({"type": "inMemory", "options": {"maxEvents": 10}})
    line = json.dumps({**EXPOSURE, "rulePath": "x" * 60}) + "\n"
    file = tmp_path / "events.ndjson"

    def peak(number: int) -> int:
        with file.open("w") as opened:
            opened.writelines(repeat(line, number))
        arguments = ["publish", "--config", str(config), str(file), "--json"]
        program = (
            f"import sys, atexit; sys.argv[1:] = {arguments!r};"
            "atexit.register(lambda: print(open('/proc/self/status').read(), file=sys.stderr));"
            "from experimentframework_core.cli import main; main()"
        )
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
        return int(done.stderr.split(b"VmHWM:")[1].split()[0])

    few, many = peak(2_000), peak(200_000)

    assert many - few < 24 * 1024  # KiB
