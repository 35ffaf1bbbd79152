"""What makes a replay the same when it is run again."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from experimentframework_core import Secret
from experimentframework_core._reading.source import Source
from experimentframework_core._replay.identity import differences, facts_of, is_same_place
from experimentframework_core.backplanes.sqlite import SqliteOptions
from experimentframework_core.backplanes.sqlite import plugin as sqlite
from experimentframework_core.plugin import Selection
from experimentframework_sqlserver import SqlServerOptions
from experimentframework_sqlserver import plugin as sql_server

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def store(path: str, **more: int) -> Source:
    return Source("store", sqlite, SqliteOptions(path=path, **more))


def table(password: str, name: str = "Events") -> Source:
    options = SqlServerOptions(connection_string=Secret(f"PWD={password}"), table_name=name)
    return Source("table", sql_server, options)


def test_another_place_is_another_replay() -> None:
    """Given two files, When their facts are compared, Then the path differs."""
    before = facts_of(store("a.db"), Selection(), [table("x")])
    now = facts_of(store("b.db"), Selection(), [table("x")])

    assert list(differences(before, now)) == [
        f"source.options.path was '{os.path.realpath('a.db')}', is '{os.path.realpath('b.db')}'"
    ]


def test_another_target_is_another_replay() -> None:
    """Given another table, When the facts are compared, Then that is told: it has nothing yet."""
    before = facts_of(store("a.db"), Selection(), [table("x", "Events")])
    now = facts_of(store("a.db"), Selection(), [table("x", "Others")])

    found = list(differences(before, now))

    assert found == ["target 1.options.tableName was 'Events', is 'Others'"]


def test_another_selection_is_another_replay() -> None:
    """Given another time, When the facts are compared, Then that is told."""
    since = datetime(2026, 3, 1, tzinfo=UTC)
    before = facts_of(store("a.db"), Selection(), [])
    now = facts_of(store("a.db"), Selection(since=since, types=("exposure",)), [])

    assert list(differences(before, now)) == [
        "selection.types was not said, is '[\"exposure\"]'",
        "selection.since was not said, is '2026-03-01T00:00:00+00:00'",
    ]


def test_limits_and_secrets_may_change() -> None:
    """Given other batches, times and a new password, When compared, Then it is the same."""
    before = facts_of(store("a.db"), Selection(), [table("old")])
    now = facts_of(
        store("a.db", batch_size=7, retention_days=3), Selection(checkpoint="5"), [table("new")]
    )

    assert list(differences(before, now)) == []
    assert "old" not in str(before)


def test_a_place_is_the_same_whatever_it_is_called() -> None:
    """Given one file under two names, When they are compared, Then it is one place."""
    one, other = store("a.db"), Source("other", sqlite, SqliteOptions(path="a.db"))

    assert is_same_place(one, other)
    assert is_same_place(one, store("a.db", batch_size=7))
    assert not is_same_place(one, store("b.db"))
    assert not is_same_place(table("one"), table("two"))


def test_one_file_is_one_place_however_its_path_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given a file by its names, a link and a hard link, When compared, Then it is one place."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.db").touch()
    (tmp_path / "link.db").symlink_to("a.db")
    (tmp_path / "hard.db").hardlink_to("a.db")
    names = ["a.db", "./a.db", str(tmp_path / "a.db"), "link.db", "hard.db"]

    found = [is_same_place(store("a.db"), store(name)) for name in names]

    assert found == [True] * len(names)
    assert list(differences(*(facts_of(store(each), Selection(), []) for each in names[:2]))) == []


def test_one_path_in_two_folders_is_two_replays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given a relative path, When it is run in another folder, Then it is another file."""
    monkeypatch.chdir(tmp_path)
    before = facts_of(store("a.db"), Selection(), [])
    (tmp_path / "inner").mkdir()
    monkeypatch.chdir("inner")

    assert list(differences(before, facts_of(store("a.db"), Selection(), []))) != []
