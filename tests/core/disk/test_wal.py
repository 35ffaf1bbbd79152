"""What SQLite recovers from a log, and what damage hides: compared with SQLite itself."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from experimentframework_core._disk import wal
from experimentframework_core._disk.wal import Log, inspect

if TYPE_CHECKING:
    from pathlib import Path

page_size = 4096
frame_size = page_size + 24
commits = 6


@pytest.fixture
def files(tmp_path: Path) -> tuple[bytes, bytes]:
    """Give a database and its log, with some commits of one or more frames each."""
    path = tmp_path / "original.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("CREATE TABLE numbers (number, filling)")
        for number in range(commits):
            connection.execute("INSERT INTO numbers VALUES (?, zeroblob(6000))", (number,))
        return path.read_bytes(), path.with_name("original.db-wal").read_bytes()


def _damaged(log: bytes, place: int) -> bytes:
    return log[:place] + bytes([log[place] ^ 1]) + log[place + 1 :]


def _frames_of_sqlite(folder: Path, database: bytes, log: bytes) -> int:
    path = folder / "copy.db"
    path.write_bytes(database)
    path.with_name("copy.db-wal").write_bytes(log)
    with closing(sqlite3.connect(path)) as connection:
        _, frames, _ = connection.execute("PRAGMA wal_checkpoint").fetchone()
        return max(int(frames), 0)


def _commit_frames(log: bytes) -> list[int]:
    places = range(32, len(log), frame_size)
    return [n for n, at in enumerate(places) if int.from_bytes(log[at + 4 : at + 8], "big")]


@pytest.mark.parametrize("place", [0, 10, 20, 40, 100, 5000, 20000, 40000, -1])
def test_as_many_frames_are_recovered_as_sqlite_recovers(
    tmp_path: Path, files: tuple[bytes, bytes], place: int
) -> None:
    """Given a log with one bit flipped, When inspected, Then SQLite agrees on where it ends."""
    database, log = files
    damaged = _damaged(log, place % len(log))

    found = inspect(damaged, page_size)

    assert found.recovered == _frames_of_sqlite(tmp_path, database, damaged)


@pytest.mark.parametrize("length", [0, 31, 32, 500, 32 + frame_size * 3, 32 + frame_size * 3 + 7])
def test_a_log_that_ends_early_is_not_cut_by_damage(
    tmp_path: Path, files: tuple[bytes, bytes], length: int
) -> None:
    """Given a log that a crash ended anywhere, When inspected, Then it is whole as far as it is."""
    database, log = files

    found = inspect(log[:length], page_size)

    assert found == Log(_frames_of_sqlite(tmp_path, database, log[:length]), cut=False)


def test_a_whole_log_is_whole(files: tuple[bytes, bytes]) -> None:
    """Given an intact log, When inspected, Then all its frames are recovered."""
    _, log = files

    found = inspect(log, page_size)

    assert found == Log(len(log) // frame_size, cut=False)


@pytest.mark.parametrize("place", [32 + 5, 32 + 10, 32 + 20, 32 + 24 + 100])
def test_commits_behind_damage_are_seen(files: tuple[bytes, bytes], place: int) -> None:
    """Given damage to the first frame, in any part of it, When inspected, Then the log is cut."""
    _, log = files

    found = inspect(_damaged(log, place), page_size)

    assert found == Log(0, cut=True)


@pytest.mark.parametrize("place", [0, 3, 9, 17, 25, 31])
def test_a_damaged_header_is_seen(files: tuple[bytes, bytes], place: int) -> None:
    """Given damage to the log's own header, When inspected, Then all of it is cut off."""
    _, log = files

    found = inspect(_damaged(log, place), page_size)

    assert found == Log(0, cut=True)


def test_a_torn_last_commit_is_an_ordinary_crash(files: tuple[bytes, bytes]) -> None:
    """Given a last commit whose first frame is not on the disk, Then nothing was cut by damage."""
    _, log = files
    *_, before, _last = _commit_frames(log)
    torn = _damaged(log, 32 + (before + 1) * frame_size + 100)

    found = inspect(torn, page_size)

    assert found == Log(before + 1, cut=False)


def test_frames_of_an_earlier_use_of_the_file_are_no_damage(
    tmp_path: Path, files: tuple[bytes, bytes]
) -> None:
    """Given a log that begins anew over an older one, Then the older frames do not count."""
    path = tmp_path / "again.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("CREATE TABLE numbers (number, filling)")
        for number in range(commits):
            connection.execute("INSERT INTO numbers VALUES (?, zeroblob(6000))", (number,))
        connection.execute("PRAGMA wal_checkpoint(RESTART)")
        connection.execute("INSERT INTO numbers VALUES (1, 2)")
        log = path.with_name("again.db-wal").read_bytes()

    found = inspect(log, page_size)

    assert found == Log(_commit_frames(log)[0] + 1, cut=False)


def test_the_work_is_bounded(files: tuple[bytes, bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    """Given more frames than are checked in full, Then the salts alone decide on the others."""
    _, log = files
    monkeypatch.setattr(wal, "most_frames", 2)
    damaged = _damaged(log, len(log) - 100)

    found = inspect(damaged, page_size)

    assert found == Log(len(log) // frame_size, cut=False)
