"""Dead letters: kept once, whole, in a file that is made when it is needed."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import sys
import textwrap
from contextlib import closing
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from experimentframework_core._sqlite import database
from experimentframework_core.deadletter import (
    DeadLetterStore,
    SqliteDeadLetterStore,
    default_path,
    open_letters,
)
from experimentframework_core.errors import TransientError, UnavailableError
from tests.core.letters._letters import NOON, make_letter

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


def query(path: Path, sql: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(sql).fetchall()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "deadletters.db"


@pytest.fixture
async def store(path: Path) -> AsyncIterator[SqliteDeadLetterStore]:
    async with SqliteDeadLetterStore(path, now=lambda: NOON) as store:
        yield store


async def test_nothing_is_made_before_the_first_letter(
    store: SqliteDeadLetterStore, path: Path
) -> None:
    """Asking, and writing nothing, leaves no file and no folder."""
    await store.write([])

    assert await store.count() == 0
    assert not path.parent.exists()


async def test_a_letter_is_kept_whole(store: SqliteDeadLetterStore, path: Path) -> None:
    """Every field has its column, and the body is byte for byte what was refused."""
    body = bytes(range(256))
    later = NOON + timedelta(microseconds=1)

    told = {"traceback": "File …", "origin": "/srv/experiments.yaml"}
    await store.write([make_letter(body=body, attempts=3, last_at=later, **told)])

    noon = int(NOON.timestamp()) * 1_000_000
    assert query(path, "SELECT * FROM dead_letters") == [
        (
            1,
            "e-1",
            "kafka",
            "exposure",
            "checkout",
            "refused",
            "message too large",
            "PermanentError",
            3,
            noon,
            noon + 1,
            noon,
            "File …",
            body,
            "/srv/experiments.yaml",
        )
    ]


async def test_what_is_written_again_is_kept_once(store: SqliteDeadLetterStore, path: Path) -> None:
    """A write that was not confirmed can be repeated."""
    letters = [make_letter("e-1"), make_letter("e-2")]

    await store.write(letters)
    await store.write(letters)

    assert await store.count() == 2


async def test_each_backplane_has_its_own_letter(store: SqliteDeadLetterStore) -> None:
    """An event that two backplanes refuse is two dead letters."""
    await store.write([make_letter(backplane="kafka"), make_letter(backplane="store")])

    assert await store.count() == 2


async def test_the_last_refusal_counts(store: SqliteDeadLetterStore, path: Path) -> None:
    """An event refused again, later, keeps its first time and gets the last reason."""
    hour = timedelta(hours=1)
    await store.write([make_letter(attempts=1)])

    await store.write(
        [make_letter(reason="attempts", attempts=9, first_at=NOON + hour, last_at=NOON + 2 * hour)]
    )

    ((reason, attempts, took),) = query(
        path, "SELECT reason, attempts, last_at - first_at FROM dead_letters"
    )
    assert (reason, attempts, took) == ("attempts", 9, 2 * 3600 * 1_000_000)


async def test_letters_survive_the_store(path: Path) -> None:
    """What was confirmed is there when the file is opened again."""
    async with SqliteDeadLetterStore(path) as store:
        await store.write([make_letter()])

    async with SqliteDeadLetterStore(path) as again:
        assert await again.count() == 1


FORMER = """
CREATE TABLE dead_letters (
    position INTEGER PRIMARY KEY AUTOINCREMENT, event_id TEXT NOT NULL, backplane TEXT NOT NULL,
    event_type TEXT NOT NULL, experiment TEXT, reason TEXT NOT NULL, error TEXT NOT NULL,
    error_class TEXT NOT NULL, attempts INTEGER NOT NULL, first_at INTEGER NOT NULL,
    last_at INTEGER NOT NULL, stored_at INTEGER NOT NULL, traceback TEXT, body BLOB NOT NULL,
    UNIQUE (event_id, backplane)
);
CREATE INDEX dead_letters_by_time ON dead_letters (last_at);
PRAGMA application_id=0x4578446C;
PRAGMA user_version=1;
INSERT INTO dead_letters VALUES
    (3, 'e-1', 'kafka', 'exposure', NULL, 'refused', 'no', 'E', 1, 0, 0, 0, NULL, x'00'),
    (9, 'e-2', 'kafka', 'exposure', NULL, 'refused', 'no', 'E', 1, 0, 0, 0, NULL, x'00');
"""


@pytest.mark.parametrize(
    ("change", "kept"),
    [
        ("DELETE FROM dead_letters WHERE position = 9", [(3, "e-1", "")]),
        ("DELETE FROM dead_letters", []),
    ],
)
async def test_a_store_of_the_first_version_is_upgraded(
    change: str, kept: list[tuple[int, str, str]], path: Path
) -> None:
    """Given a store without origins, When it is used, Then nothing is lost, no position reused."""
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as former:
        former.executescript(FORMER + change)
        former.commit()

    async with open_letters(path) as found:
        before = [
            (each.position, each.letter.event_id, each.letter.origin)
            async for each in found.select()
        ]
    async with SqliteDeadLetterStore(path) as store:
        await store.write([make_letter("e-1", origin="/srv/experiments.yaml")])
        after = [each.position async for each in store.select()]

    assert before == kept
    assert after == [*(position for position, _, _ in kept), 10]
    assert query(path, "PRAGMA user_version") == [(2,)]
    assert query(path, "SELECT name FROM sqlite_master WHERE name LIKE '%time'") != []


async def test_several_processes_share_the_file(path: Path) -> None:
    """Processes that begin at the same time all make, or find, the same file."""
    program = textwrap.dedent("""
        import asyncio, sys
        from datetime import UTC, datetime
        from experimentframework_core.deadletter import DeadLetter, SqliteDeadLetterStore

        async def main():
            now = datetime.now(UTC)
            async with SqliteDeadLetterStore(sys.argv[1]) as store:
                for number in range(20):
                    await store.write([DeadLetter(
                        event_id=f"{sys.argv[2]}-{number}", event_type="exposure", body=b"{}",
                        backplane="kafka", reason="refused", error="no", error_class="Refused",
                        attempts=1, first_at=now, last_at=now)])

        asyncio.run(main())
    """)

    writers = [
        await asyncio.create_subprocess_exec(sys.executable, "-c", program, path, name)
        for name in ("a", "b", "c")
    ]

    assert [await writer.wait() for writer in writers] == [0, 0, 0]
    assert query(path, "SELECT count(*) FROM dead_letters") == [(60,)]


async def test_a_locked_file_is_transient(
    path: Path, store: SqliteDeadLetterStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While another program holds the file, nothing is confirmed; then it is."""
    monkeypatch.setattr(database, "busy_timeout", 0.0)
    await store.write([make_letter("e-1")])
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(TransientError, match="cannot write 1 dead letters to"):
            await store.write([make_letter("e-2")])

    await store.write([make_letter("e-2")])

    assert await store.count() == 2


async def test_a_path_that_cannot_be_is_unavailable() -> None:
    """A folder that cannot be made is an error that names the path."""
    store = SqliteDeadLetterStore("/proc/nothing/deadletters.db")

    with pytest.raises(UnavailableError, match=r"/proc/nothing/deadletters.db"):
        await store.write([make_letter()])
    await store.aclose()


async def test_an_event_database_is_no_dead_letter_store(path: Path) -> None:
    """A file of another kind is refused, and says which kind it is not."""
    from experimentframework_core.backplanes.sqlite import SqliteBackplane

    async with SqliteBackplane(path):
        pass
    async with SqliteDeadLetterStore(path) as store:
        with pytest.raises(UnavailableError, match="no dead-letter store"):
            await store.write([make_letter()])


async def test_it_says_where_it_is(store: SqliteDeadLetterStore, path: Path) -> None:
    """The location is the absolute path; the class is a `DeadLetterStore`."""
    kept: DeadLetterStore = store

    assert kept.location == str(path)


class TestDefaultPath:
    """Where dead letters go if nothing is said about it."""

    def test_beside_the_disk_buffer(self, tmp_path: Path) -> None:
        """A disk buffer's folder keeps its dead letters, too."""
        assert default_path(tmp_path) == tmp_path / "deadletters.db"

    def test_in_the_folder_that_the_environment_names(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """``EXPERIMENTFRAMEWORK_STATE`` stands in for the user's folder."""
        monkeypatch.setenv("EXPERIMENTFRAMEWORK_STATE", str(tmp_path))

        assert default_path() == tmp_path / "deadletters.db"

    def test_in_the_user_s_folder(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Without both it is the user's folder for state."""
        monkeypatch.delenv("EXPERIMENTFRAMEWORK_STATE", raising=False)
        monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))

        found = default_path()

        assert found.name == "deadletters.db"
        if os.name == "posix" and sys.platform != "darwin":
            assert found == tmp_path / "experimentframework" / "deadletters.db"
