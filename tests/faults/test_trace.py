"""What strace writes becomes changes of a folder."""

from __future__ import annotations

import pytest

from tests.faults import _trace
from tests.faults._trace import (
    Call,
    Change,
    Opening,
    Reader,
    Removal,
    Renaming,
    Saying,
    Sync,
    Truncation,
    Write,
)


def hexed(text: str) -> str:
    return '"' + "".join(f"\\x{byte:02x}" for byte in text.encode()) + '"'


def opening(name: str, descriptor: int, flags: str = "O_RDWR|O_CREAT", thread: int = 7) -> str:
    return f"{thread} openat(AT_FDCWD, {hexed(name)}, {flags}, 0644) = {descriptor}"


def changes(*lines: str) -> list[Change]:
    return list(Reader("/j").read(_trace.read_calls(lines)))


def test_what_is_done_to_a_file_of_the_folder_is_told_in_order() -> None:
    """Given a file that is made, written, cut, synced and removed.

    When the trace is read, then each is a change.
    """
    lines = (
        opening("/j/a", 5),
        f"7 pwrite64(5, {hexed('wörd')}, 5, 4096) = 5",
        "7 ftruncate(5, 100) = 0",
        "7 fdatasync(5) = 0",
        "7 close(5) = 0",
        f"7 unlink({hexed('/j/a')}) = 0",
    )

    found = changes(*lines)

    assert found == [
        Opening(1, "a", makes=True),
        Write(1, 4096, "wörd".encode()),
        Truncation(1, 100),
        Sync(1),
        Removal("a"),
    ]


def test_what_is_done_elsewhere_is_left_out() -> None:
    """Given calls about other files, a socket and a closed descriptor.

    When the trace is read, then they change nothing.
    """
    lines = (
        opening("/jj/a", 5),
        f"7 write(5, {hexed('x')}, 1) = 1",
        f"7 write(9, {hexed('x')}, 1) = 1",
        f"7 unlink({hexed('/other/a')}) = 0",
        f"7 mkdir({hexed('/j-else')}, 0777) = 0",
        "7 +++ exited with 0 +++",
    )

    found = changes(*lines)

    assert found == []


def test_a_descriptor_means_the_file_that_was_opened_last() -> None:
    """Given a descriptor that is used for two files, one after the other.

    When the trace is read, then the writes go to different files.
    """
    lines = (
        opening("/j/a", 5),
        "7 close(5) = 0",
        f"7 write(5, {hexed('x')}, 1) = 1",
        opening("/j/b", 5),
        f"7 write(5, {hexed('y')}, 1) = 1",
        f"7 write(5, {hexed('z')}, 1) = 1",
    )

    found = changes(*lines)

    assert found[2:] == [Write(2, 0, b"y"), Write(2, 1, b"z")]


def test_a_sync_counts_from_its_end() -> None:
    """Given a sync during which another thread writes and speaks.

    When the trace is read, then the sync stands behind both.
    """
    lines = (
        opening("/j/a", 5),
        "7 fdatasync(5 <unfinished ...>",
        f"8 pwrite64(5, {hexed('x')}, 1, 0) = 1",
        f"8 write(1, {hexed('committed 1')}, 11) = 11",
        "7 <... fdatasync resumed>) = 0",
    )

    found = changes(*lines)

    assert found[1:] == [Write(1, 0, b"x"), Saying("committed 1"), Sync(1)]


def test_a_call_that_was_interrupted_in_the_trace_is_put_together() -> None:
    """Given an opening whose line is cut in two.

    When the trace is read, then it is one opening.
    """
    lines = (
        f"7 openat(AT_FDCWD, {hexed('/j/a')}, O_RDONLY <unfinished ...>",
        "8 close(3) = 0",
        "7 <... openat resumed>) = 5",
    )

    found = changes(*lines)

    assert found == [Opening(1, "a", makes=False)]


def test_a_call_that_failed_is_no_change() -> None:
    """Given a sync and a removal that failed, and a write that wrote less.

    When the trace is read, then only what was written is told.
    """
    lines = (
        opening("/j/a", 5),
        "7 fdatasync(5) = -1 EIO (Input/output error)",
        f"7 unlink({hexed('/j/a')}) = -1 ENOENT (No such file or directory)",
        f"7 pwrite64(5, {hexed('abcd')}, 4, 0) = 2",
    )

    found = changes(*lines)

    assert found[1:] == [Write(1, 0, b"ab")]


def test_the_folder_itself_can_be_synced_and_names_change() -> None:
    """Given a file that takes another's place, and the folder synced.

    When the trace is read, then both are told.
    """
    lines = (
        f"7 rename({hexed('/j/a')}, {hexed('/j/b')}) = 0",
        opening("/j", 6, "O_RDONLY|O_CLOEXEC"),
        "7 fsync(6) = 0",
    )

    found = changes(*lines)

    assert found == [Renaming("a", "b"), Opening(1, "", makes=False), Sync(1)]


@pytest.mark.parametrize(
    "line",
    [
        f"7 mkdir({hexed('/j/folder')}, 0777) = 0",
        f"7 rename({hexed('/j/a')}, {hexed('/elsewhere/a')}) = 0",
        f"7 unlink({hexed('/j/folder/a')}) = 0",
        opening("/j/a", 5, "O_WRONLY|O_APPEND"),
        "7 fallocate(5, 0, 0, 4096) = 0",
        f"7 pwrite64(5, {hexed('x')}..., 9, 0) = 9",
        "nothing of strace's",
        "7 nothing of strace's",
    ],
)
def test_what_is_not_known_is_an_error(line: str) -> None:
    """Given a call that changes the folder in a way not known, or no call.

    When the trace is read, then it is an error, because the rest would be wrong.
    """
    lines = (opening("/j/known", 5), line)

    with pytest.raises(_trace.TraceError):
        changes(*lines)


def test_a_call_keeps_its_arguments() -> None:
    """Given a line.

    When it is read, then name, arguments and result are told apart.
    """
    line = '12 pwrite64(5, "\\x2c\\x20", 2, 32) = 2\n'

    found = list(_trace.read_calls([line]))

    assert found == [Call("pwrite64", ("5", '"\\x2c\\x20"', "2", "32"), 2)]
