"""What a folder may hold after a loss of power, and what it must."""

from __future__ import annotations

from random import Random

import pytest

from tests.faults._lossy_disk import LossyDisk, sector
from tests.faults._trace import (
    Change,
    Opening,
    Removal,
    Renaming,
    Sync,
    TraceError,
    Truncation,
    Write,
)

file, folder = 1, 2
opened = (Opening(file, "a", makes=True), Opening(folder, "", makes=False))
old, new = b"o" * sector, b"n" * sector


def losses(*changes: Change, files: dict[str, bytes] | None = None) -> list[dict[str, bytes]]:
    """Return what many losses of power may leave after the changes."""
    disk = LossyDisk(files or {})
    for change in changes:
        disk.make(change)
    return [disk.lose_power(Random(seed)) for seed in range(300)]


def contents(*changes: Change, files: dict[str, bytes]) -> set[bytes]:
    return {left["a"] for left in losses(*opened, *changes, files=files)}


def test_what_was_synced_is_always_there() -> None:
    """Given a file that was written and synced, with its name.

    When power is lost, then it holds what was written.
    """
    changes = (*opened, Write(file, 0, old), Write(file, 100, b"x"), Sync(file), Sync(folder))

    left = losses(*changes)

    assert left == [{"a": old[:100] + b"x" + old[101:]}] * len(left)


def test_a_sync_of_another_file_saves_nothing() -> None:
    """Given a write, and a sync of a different file.

    When power is lost, then the write may be lost.
    """
    changes = (Write(file, 0, new), Opening(3, "b", makes=False), Sync(3))

    left = contents(*changes, files={"a": old, "b": b""})

    assert left == {old, new}


def test_a_write_tears_at_sectors_only() -> None:
    """Given a write over four sectors of a file.

    When power is lost, then each sector is old or new as a whole, and any may be lost alone.
    """
    left = contents(Write(file, 0, new * 4), files={"a": old * 4})

    sectors = {tuple(content[at : at + sector] for at in range(0, 4 * sector, sector)) for content
               in left}  # fmt: skip
    assert {each for torn in sectors for each in torn} == {old, new}
    assert {(old, new, new, new), (new, old, old, old), (new, new, new, new)} <= sectors


def test_a_later_write_may_be_kept_without_an_earlier_one() -> None:
    """Given two writes to different sectors.

    When power is lost, then any of them may be kept alone.
    """
    changes = (Write(file, 0, new), Write(file, sector, new))

    left = contents(*changes, files={"a": old * 2})

    assert left == {old * 2, new + old, old + new, new * 2}


def test_writes_to_one_sector_come_in_order() -> None:
    """Given two writes to one sector.

    When power is lost, then the second is not there without the first.
    """
    changes = (Write(file, 0, b"1"), Write(file, 1, b"2"))

    left = contents(*changes, files={"a": b"." * sector})

    assert {content[:2] for content in left} == {b"..", b"1.", b"12"}


def test_a_file_that_grew_may_hold_anything_where_it_was_not_written() -> None:
    """Given a write behind the end of a file, and a removed file.

    When power is lost, then the new part is missing, short, zeros, noise, stale or written.
    """
    stale = b"s" * 4 * sector
    changes = (Removal("b"), Write(file, sector, new * 3))

    left = contents(*changes, files={"a": old, "b": stale})

    assert all(content.startswith(old) for content in left)
    assert {old, old + new * 3, old + stale[: 3 * sector], old + bytes(3 * sector)} <= left
    assert len({len(content) for content in left}) > 3
    assert any(content[sector:].strip(b"\0ns") for content in left)


def test_a_truncation_is_done_or_not() -> None:
    """Given a file that was cut to half.

    When power is lost, then it has the old size or the new one.
    """
    left = contents(Truncation(file, sector), files={"a": old * 2})

    assert {old, old * 2} <= left
    assert all(content == bytes(old * 2)[: len(content)] for content in left)


def test_a_name_is_safe_only_when_the_folder_was_synced() -> None:
    """Given a new file that was synced, in a folder that was not.

    When power is lost, then the whole file may be gone.
    """
    changes = (*opened, Write(file, 0, new), Sync(file))

    left = losses(*changes)

    assert {tuple(each.items()) for each in left} == {(), (("a", new),)}


def test_a_removed_file_may_come_back_until_the_folder_is_synced() -> None:
    """Given a file that was removed and made anew.

    When power is lost, then there is the old one, none or the new one.
    """
    changes = (Removal("a"), *opened, Write(file, 0, new), Sync(file))

    left = losses(*changes, files={"a": old})
    safe = losses(*changes, Sync(folder), files={"a": old})

    assert {each.get("a") for each in left} == {old, None, new}
    assert {each.get("a") for each in safe} == {new}


def test_a_renaming_is_done_or_not() -> None:
    """Given a file that took another's place.

    When power is lost, then the one or the other is there, never none.
    """
    left = losses(Renaming("b", "a"), files={"a": old, "b": new})

    assert {each["a"] for each in left} == {old, new}
    assert {"b" in each for each in left if each["a"] == new} == {False}


def test_processes_see_every_change() -> None:
    """Given changes that were not synced.

    When the files are asked for, then they are as the last change left them.
    """
    disk = LossyDisk({"b": old})

    for change in (*opened, Write(file, 2, b"xyz"), Truncation(file, 4), Renaming("b", "c")):
        disk.make(change)

    assert disk.files() == {"a": b"\0\0xy", "c": old}


def test_a_loss_changes_nothing_in_the_disk_itself() -> None:
    """Given a disk with unsynced changes.

    When power is lost twice with the same chance, then the same is left.
    """
    disk = LossyDisk({"a": old * 8})
    for change in (*opened, Write(file, 0, new * 8)):
        disk.make(change)

    first, second = (disk.lose_power(Random(5)) for _ in range(2))

    assert first == second


def test_a_file_that_nobody_made_is_an_error() -> None:
    """Given a trace that opens a file which is not there.

    When it is replayed, then it is an error: the trace is not whole.
    """
    disk = LossyDisk({})

    with pytest.raises(TraceError, match="nothing has made it"):
        disk.make(Opening(file, "a", makes=False))
