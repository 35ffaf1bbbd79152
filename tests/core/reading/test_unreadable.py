"""What is no event is kept in a file, as it was stored."""

from __future__ import annotations

import base64
import json
import os
from typing import TYPE_CHECKING

from experimentframework_core._reading.unreadable import UnreadableFile
from experimentframework_core.errors import ReplayError

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_each_is_a_line_with_its_place_its_reason_and_its_bytes(tmp_path: Path) -> None:
    """Given two that are no events, When they are added, Then each line has all of it."""
    path = tmp_path / "events.unreadable.ndjson"

    with UnreadableFile(path) as kept:
        kept.add(ReplayError("not JSON", record=b"\xff{"), "17")
        kept.add(ReplayError("not an event"), None)

    first, second = map(json.loads, path.read_text().splitlines())
    assert (first["position"], first["reason"]) == ("17", "not JSON")
    assert base64.b64decode(first["record"]) == b"\xff{"
    assert second == {"position": None, "reason": "not an event", "record": None}


def test_there_is_no_file_where_all_could_be_read(tmp_path: Path) -> None:
    """Given nothing was added, When the file is closed, Then there is none."""
    path = tmp_path / "events.unreadable.ndjson"

    with UnreadableFile(path):
        pass

    assert not path.exists()


def test_a_later_run_adds_to_what_is_there(tmp_path: Path) -> None:
    """Given a file of an earlier run, When another adds to it, Then both lines are there."""
    path = tmp_path / "events.unreadable.ndjson"
    with UnreadableFile(path) as earlier:
        earlier.add(ReplayError("one"), "1")

    with UnreadableFile(path) as later:
        later.add(ReplayError("two"), "2")

    assert [json.loads(line)["position"] for line in path.read_text().splitlines()] == ["1", "2"]
    assert later.count == 1


def test_what_was_added_is_synced_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Given a line, When it is to outlive a loss of power, Then the file is synced, and once."""
    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", synced.append)

    with UnreadableFile(tmp_path / "events.unreadable.ndjson") as kept:
        kept.sync()
        kept.add(ReplayError("one"), "1")
        kept.sync()
        kept.sync()

    assert len(synced) == 1
