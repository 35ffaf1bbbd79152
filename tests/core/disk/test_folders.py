"""Folders for journals: their names, their making, and what stands against them."""

from __future__ import annotations

import errno
import os
import tempfile
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from experimentframework_core._disk import folders
from experimentframework_core._disk.folders import check_folder, explained, folder_of, make_folder
from experimentframework_core.errors import JournalError

NETWORK = "36 35 0:50 / / rw shared:1 - nfs4 server:/export rw\n"


@given(st.text(alphabet=st.characters(), max_size=20))
def test_a_quoted_name_is_one_safe_name_and_can_be_read_back(name: str) -> None:
    """Given any name, When it is quoted, Then it is one plain name, and unquoting gives it back."""
    folder = folder_of("/data", name)

    assert folder.parent == Path("/data")
    assert "." not in folder.name
    assert (unquote(folder.name, errors="surrogatepass") if name else "") == name


@pytest.mark.parametrize(
    ("name", "folder"),
    [
        ("kafka", "kafka"),
        ("", "%"),
        (".", "%2E"),
        ("..", "%2E%2E"),
        ("a/b", "a%2Fb"),
        ("deadletters.db", "deadletters%2Edb"),
        ("größe", "gr%C3%B6%C3%9Fe"),
    ],
)
def test_names_that_mean_something_to_a_file_system_are_quoted(name: str, folder: str) -> None:
    assert folder_of("/data", name) == Path("/data", folder)


def test_a_long_name_is_shortened_and_stays_its_own() -> None:
    """Given long names with one beginning, When quoted, Then they fit and differ."""
    folders = {folder_of("/data", "ü" * 200 + ending).name for ending in ("a", "b", "")}

    assert len(folders) == 3
    assert {len(name) for name in folders} == {255}


def test_the_longest_name_that_fits_is_kept() -> None:
    assert folder_of("/data", "a" * 255).name == "a" * 255


def test_home_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/ada")

    assert folder_of("~/data", "kafka") == Path("/home/ada/data/kafka")


def test_a_home_that_nobody_has_is_an_error() -> None:
    with pytest.raises(
        JournalError, match=r"cannot find the folder ~nobody-has-it/x.*buffer\.path"
    ):
        folder_of("~nobody-has-it/x", "kafka")


def test_missing_folders_are_made(tmp_path: Path) -> None:
    """Given nothing, When a deep folder is checked, Then it is there and empty."""
    check_folder(tmp_path / "a" / "b", mounts="")

    assert list((tmp_path / "a" / "b").iterdir()) == []


def test_each_parent_of_a_made_folder_is_synced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given nothing, When folders are made, Then each is synced into its parent, in order."""
    synced: list[Path] = []
    monkeypatch.setattr(folders, "sync_folder", synced.append)

    make_folder(tmp_path / "a" / "b")

    assert synced == [tmp_path, tmp_path / "a"]


def test_a_network_file_system_is_refused_and_left_alone(tmp_path: Path) -> None:
    """Given a mount from another machine, When checked, Then it says so and makes nothing."""
    with pytest.raises(JournalError, match=r"network file system \(nfs4\).*buffer\.path.*local"):
        check_folder(tmp_path / "a", mounts=NETWORK)

    assert not (tmp_path / "a").exists()


def test_what_an_automounter_mounts_is_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given a mount that comes with the first access, When checked, Then it is refused."""
    tables = iter(["", NETWORK])
    monkeypatch.setattr(folders, "mount_table", lambda: next(tables))

    with pytest.raises(JournalError, match="network file system"):
        check_folder(tmp_path / "a")


@pytest.mark.parametrize("below", ["", "kafka"])
def test_a_file_in_the_way_is_named(tmp_path: Path, below: str) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(JournalError, match=r"file.*Not a directory.*move what is in the way"):
        check_folder(tmp_path / "file" / below, mounts="")


def test_a_link_to_nowhere_is_in_the_way(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "nowhere" / "deep")

    with pytest.raises(JournalError, match="move what is in the way"):
        check_folder(tmp_path / "link", mounts="")


def test_a_path_that_no_system_has_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(JournalError, match="cannot keep a journal in"):
        check_folder(tmp_path / "a\0b", mounts="")


@pytest.mark.parametrize(
    ("number", "advice"),
    [
        (errno.EACCES, "the right to read and write"),
        (errno.EROFS, "mount its file system for writing"),
        (errno.ENOSPC, "make room"),
        (errno.EIO, "check the path and its disk"),
    ],
)
def test_a_folder_that_cannot_be_written_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, advice: str
) -> None:
    """Given a system that refuses a file, When the folder is checked, Then the error helps."""

    def refuse(**_: Any) -> None:
        raise OSError(number, os.strerror(number), str(tmp_path))

    monkeypatch.setattr(tempfile, "TemporaryFile", refuse)

    with pytest.raises(JournalError, match=f"{tmp_path}.*{os.strerror(number)}.*{advice}"):
        check_folder(tmp_path, mounts="")


@pytest.mark.parametrize("number", [errno.EMLINK, errno.EMFILE, errno.ENOLCK, errno.ENAMETOOLONG])
def test_other_errors_of_the_system_say_what_to_do(number: int) -> None:
    with (
        pytest.raises(JournalError, match=r"cannot claim /x: .*; (?!check)"),
        explained("claim", Path("/x")),
    ):
        raise OSError(number, os.strerror(number))


def test_another_system_is_told_that_it_will_not_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folders, "_posix", False)

    with pytest.raises(JournalError, match="disk buffers need a POSIX system"):
        check_folder(tmp_path, mounts="")
