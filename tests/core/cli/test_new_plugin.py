"""Writing a new plugin: into which folder, wholly or not at all."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from tests.core.cli.command import run_here

FILES = {
    ".gitignore",
    "README.md",
    "pyproject.toml",
    "src/experimentframework_my_store/__init__.py",
    "src/experimentframework_my_store/_backplane.py",
    "src/experimentframework_my_store/_errors.py",
    "src/experimentframework_my_store/_options.py",
    "src/experimentframework_my_store/py.typed",
    "tests/test_conformance.py",
    "tests/test_errors.py",
    "tests/test_options.py",
}


def files_in(folder: Path) -> set[str]:
    """Return the paths of the files below a folder."""
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_the_folder_has_the_distributions_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given no folder, When a plugin is written, Then one is made here; what is next is said."""
    monkeypatch.chdir(tmp_path)

    ran = run_here("new-plugin", "my-store")

    assert (ran.code, ran.err) == (0, "")
    assert files_in(tmp_path / "experimentframework-my-store") == FILES
    assert ran.out.startswith("experimentframework-my-store has experimentframework-my-store: 11 ")
    assert "\n  python -m pytest\n" in ran.out


def test_what_was_written_is_told_as_json(tmp_path: Path) -> None:
    """Given --json, When a plugin is written, Then one document says its names and files."""
    folder = tmp_path / "new"

    ran = run_here("new-plugin", "my-store", "--directory", folder, "--type", "own", "--json")

    document = ran.document()
    assert set(document.pop("files")) == FILES == files_in(folder)
    assert document == {
        "distribution": "experimentframework-my-store",
        "package": "experimentframework_my_store",
        "type": "own",
        "folder": str(folder),
    }


def test_a_folder_that_is_no_utf_8_is_told_as_json(tmp_path: Path) -> None:
    """Given --json and a folder with a byte of Latin-1, When written, Then JSON shows the byte."""
    folder = tmp_path / os.fsdecode(b"caf\xe9")

    ran = run_here("new-plugin", "my-store", "--directory", folder, "--json")

    assert ran.code == 0
    assert ran.document()["folder"] == str(tmp_path / r"caf\udce9")
    assert files_in(folder) == FILES


def test_the_folder_may_be_there_and_empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Given an empty folder in which somebody stands, When written there, Then it is the same."""
    monkeypatch.chdir(tmp_path)
    before = tmp_path.stat().st_ino

    ran = run_here("new-plugin", "my-store", "--directory", ".")

    assert ran.code == 0
    assert files_in(Path()) == FILES
    assert Path().stat().st_ino == before


@pytest.mark.parametrize("is_folder", [True, False])
def test_what_is_there_is_left_alone(tmp_path: Path, *, is_folder: bool) -> None:
    """Given a folder with something in it, or a file, When written there, Then it is refused."""
    target = tmp_path / "target"
    if is_folder:
        target.mkdir()
    (target / "mine" if is_folder else target).write_text("mine")

    ran = run_here("new-plugin", "my-store", "--directory", target, "--json")

    assert ran.code == 2
    why = "is there and not empty" if is_folder else "is a file"
    assert ran.document()["error"] == f"{target} {why}; name a new folder by --directory"
    assert files_in(tmp_path) == {"target/mine" if is_folder else "target"}


def test_a_bad_name_writes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Given a name that leads elsewhere, When a plugin is asked for, Then nothing is written."""
    monkeypatch.chdir(tmp_path)

    ran = run_here("new-plugin", "../my-store", "--json")

    assert ran.code == 2
    assert "is no name for a plugin" in ran.document()["error"]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("is_there", [True, False])
def test_a_full_disk_leaves_nothing_half(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, is_there: bool
) -> None:
    """Given a disk that is full after some files, When written, Then none is left, and why."""
    folder = tmp_path / "new"
    if is_there:
        folder.mkdir()
    written: list[Path] = []
    write = Path.write_text

    def write_some(path: Path, text: str, encoding: str) -> int:
        if len(written) == 5:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        written.append(path)
        return write(path, text, encoding)

    monkeypatch.setattr(Path, "write_text", write_some)

    ran = run_here("new-plugin", "my-store", "--directory", folder)

    assert (ran.code, ran.err) == (1, f"{folder} cannot be written: No space left on device\n")
    assert len(written) == 5
    assert list(tmp_path.rglob("*")) == ([folder] if is_there else [])
