"""The file that remembers where a replay stands."""

from __future__ import annotations

import errno
import json
import os
from typing import TYPE_CHECKING

import pytest

from experimentframework_core._replay import checkpoint
from experimentframework_core._replay.checkpoint import load, save
from experimentframework_core.errors import ReplayError

if TYPE_CHECKING:
    from pathlib import Path

FACTS = {"source.type": "sqlite", "source.options.path": "a.db"}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "checkpoint.json"


def test_what_is_saved_is_loaded(path: Path) -> None:
    """Given a saved position, When it is loaded for the same replay, Then it is that."""
    save(path, FACTS, '{"events":{"0":17}}')

    assert load(path, FACTS) == '{"events":{"0":17}}'
    assert [each.name for each in path.parent.iterdir()] == [path.name]


def test_without_a_file_it_begins_anew(path: Path) -> None:
    """Given no file, When it is loaded, Then there is no position."""
    assert load(path, FACTS) is None


def test_a_half_written_file_beside_it_changes_nothing(path: Path) -> None:
    """Given a process that died while it wrote, When loaded, Then the earlier one holds."""
    save(path, FACTS, "17")
    path.with_name(f"{path.name}.part").write_bytes(b'{"replayCheck')

    found = load(path, FACTS)
    save(path, FACTS, "18")

    assert (found, load(path, FACTS)) == ("17", "18")


def test_one_of_another_replay_is_refused_with_what_differs(path: Path) -> None:
    """Given a file of another source, When it is loaded, Then it says what is not the same."""
    save(path, FACTS, "17")
    other = {"source.type": "sqlite", "source.options.path": "b.db", "selection.types": '["a"]'}

    with pytest.raises(ReplayError) as told:
        load(path, other)

    text = str(told.value)
    assert "belongs to another replay" in text
    assert "source.options.path was 'a.db', is 'b.db'" in text
    assert "selection.types was not said, is '[\"a\"]'" in text


@pytest.mark.parametrize("damage", ["empty", "cut", "changed", "no JSON", "another kind"])
def test_a_damaged_file_is_never_taken(path: Path, damage: str) -> None:
    """Given a file that is not whole, When it is loaded, Then it is refused, and stays."""
    save(path, FACTS, "170000")
    text = path.read_bytes()
    broken = {
        "empty": b"",
        "cut": text[:-20],
        "changed": text.replace(b"170000", b"970000"),
        "no JSON": b"\xff\xfe",
        "another kind": b'{"position": "17"}',
    }[damage]
    path.write_bytes(broken)

    with pytest.raises(ReplayError, match=r"is damaged .*: where the replay stood is not known"):
        load(path, FACTS)

    assert path.read_bytes() == broken


def test_one_of_a_later_version_is_refused(path: Path) -> None:
    """Given a file of another form, When it is loaded, Then it says which version it has."""
    save(path, FACTS, "17")
    document = json.loads(path.read_text()) | {"replayCheckpoint": 2}
    path.write_text(json.dumps(document))

    with pytest.raises(ReplayError, match=r"its form has version 2, .* knows version 1"):
        load(path, FACTS)


def test_a_folder_is_no_checkpoint(tmp_path: Path) -> None:
    """Given a folder, When it is loaded, Then it says that it cannot be read."""
    with pytest.raises(ReplayError, match="cannot read the checkpoint"):
        load(tmp_path, FACTS)


def test_a_pipe_is_no_checkpoint(path: Path) -> None:
    """Given a pipe that nobody writes to, When it is loaded, Then it is refused, and no wait."""
    os.mkfifo(path)

    with pytest.raises(ReplayError, match=r"it is no regular file; name another"):
        load(path, FACTS)


def test_a_large_file_is_no_checkpoint(path: Path) -> None:
    """Given a file of any size, When it is loaded, Then only so much of it is read."""
    with path.open("wb") as file:
        file.truncate(checkpoint._MOST_BYTES + 1)

    with pytest.raises(ReplayError, match=r"it is too large for one; name another"):
        load(path, FACTS)


def test_an_error_while_it_is_saved_names_the_file(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given a disk that fails, When it is saved, Then the error has the file's name."""

    def failing(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", failing)

    with pytest.raises(OSError, match="No space") as told:
        save(path, FACTS, "17")

    assert told.value.filename == str(path)
