"""The file of dead letters: lines that are only ever appended, and mended when they were cut."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import textwrap
from typing import TYPE_CHECKING

import pytest

from experimentframework_core.deadletter import FileDeadLetterStore
from experimentframework_core.errors import TransientError, UnavailableError
from tests.core.letters._letters import NOON, ids_in, make_letter

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "deadletters.ndjson"


@pytest.fixture
async def store(path: Path) -> AsyncIterator[FileDeadLetterStore]:
    async with FileDeadLetterStore(path, now=lambda: NOON) as store:
        yield store


async def test_nothing_is_made_before_the_first_letter(
    store: FileDeadLetterStore, path: Path
) -> None:
    """Asking, and writing nothing, leaves no file and no folder."""
    await store.write([])

    assert await store.count() == 0
    assert not path.parent.exists()


async def test_a_letter_is_one_line_of_json(store: FileDeadLetterStore, path: Path) -> None:
    """Any tool can read a line; the event stands in it as it is."""
    letter = make_letter("a", traceback="File …")

    await store.write([letter])

    (line,) = path.read_bytes().splitlines()
    written = json.loads(line)
    assert letter.body in line
    assert written["event"] == json.loads(letter.body)
    assert written | {"event": None} == {
        "deadLetter": 1,
        "storedAt": "2026-05-01T12:00:00Z",
        "eventId": "a",
        "eventType": "exposure",
        "experimentName": "checkout",
        "backplane": "kafka",
        "reason": "refused",
        "error": "message too large",
        "errorClass": "PermanentError",
        "attempts": 1,
        "firstAt": "2026-05-01T12:00:00Z",
        "lastAt": "2026-05-01T12:00:00Z",
        "traceback": "File …",
        "event": None,
    }


async def test_what_is_no_json_is_written_in_base64(store: FileDeadLetterStore, path: Path) -> None:
    await store.write([make_letter("a", body=b"\xff\x00")])

    written = json.loads(path.read_bytes())

    assert (written["eventBase64"], "event" in written) == ("/wA=", False)


async def test_a_cut_line_is_ended_first(store: FileDeadLetterStore, path: Path) -> None:
    """Given a last line that was cut, When a letter is written, Then only that one is lost."""
    await store.write([make_letter("a"), make_letter("b")])
    os.truncate(path, path.stat().st_size - 9)

    await store.write([make_letter("c")])

    assert await ids_in(store) == ["a", "c"]
    assert store.damaged == 1


async def test_a_line_that_is_not_ended_yet_is_not_read(
    store: FileDeadLetterStore, path: Path
) -> None:
    """Given another process in the middle of its line, When the rest comes, Then it is read."""
    await store.write([make_letter("a")])
    whole = path.read_bytes()
    path.write_bytes(whole + whole[:20])
    before = await store.count(), store.damaged

    path.write_bytes(whole + whole.replace(b'"a"', b'"b"'))

    assert before == (1, 0)
    assert await ids_in(store) == ["a", "b"]


@pytest.mark.parametrize("content", [b"a,b\n1,2\n", b'{"event": 1}\n', b"{}\n", b"\0" * 99 + b"\n"])
async def test_another_file_is_refused(
    content: bytes, store: FileDeadLetterStore, path: Path
) -> None:
    path.parent.mkdir()
    path.write_bytes(content)

    with pytest.raises(UnavailableError, match="no dead-letter file"):
        await store.count()


async def test_a_newer_file_is_refused(store: FileDeadLetterStore, path: Path) -> None:
    await store.write([make_letter("a")])
    path.write_bytes(path.read_bytes().replace(b'"deadLetter":1', b'"deadLetter":2'))

    with pytest.raises(UnavailableError, match="has version 2, this experimentframework knows"):
        await store.count()


async def test_several_processes_append_to_the_file(store: FileDeadLetterStore, path: Path) -> None:
    """Given processes that write at the same time, Then no line is torn."""
    program = textwrap.dedent("""
        import asyncio, sys
        from experimentframework_core.deadletter import FileDeadLetterStore
        from tests.core.letters._letters import make_letter

        async def main():
            async with FileDeadLetterStore(sys.argv[1]) as store:
                for number in range(20):
                    await store.write([make_letter(f"{sys.argv[2]}-{number}", error="x" * 9000)])

        asyncio.run(main())
    """)

    writers = [
        await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            program,
            path,
            name,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )
        for name in ("a", "b", "c")
    ]

    assert [await writer.wait() for writer in writers] == [0, 0, 0]
    assert await store.count() == 60
    assert store.damaged == 0


async def test_a_full_disk_is_transient(store: FileDeadLetterStore) -> None:
    """Given a disk without room, When a letter is written, Then it can be tried again."""
    if not os.path.exists("/dev/full"):  # noqa: PTH110 - a device
        pytest.skip("needs /dev/full")
    full = FileDeadLetterStore("/dev/full")

    with pytest.raises(
        TransientError, match=r"cannot write 1 dead letters to /dev/full.*make room"
    ):
        await full.write([make_letter("a")])
    await full.aclose()


async def test_a_path_that_cannot_be_is_unavailable() -> None:
    store = FileDeadLetterStore("/proc/nothing/deadletters.ndjson")

    with pytest.raises(UnavailableError, match=r"/proc/nothing/deadletters.ndjson"):
        await store.write([make_letter()])
    await store.aclose()


async def test_a_closed_store_says_so(store: FileDeadLetterStore) -> None:
    await store.aclose()
    await store.aclose()

    with pytest.raises(UnavailableError, match="the store is closed"):
        await store.write([make_letter()])
