"""One command gives every distribution a new version."""

from __future__ import annotations

import errno
import os
import re
import shutil
import tomllib
from datetime import date
from pathlib import Path

import pytest

from tests.packaging.layout import project, root
from tools.bump import BumpError, bump, main, projects

today = date(2026, 12, 1)
notes = "\n### Added\n\n- What a user sees.\n\n## [0.0.1] - 2026-11-01\n\n- The first one.\n"


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """Return a folder with copies of what a version stands in, and notes for the next one.

    The checkout's own changelog has none, once it was bumped.
    """
    for file in projects(root):
        place = tmp_path / file.relative_to(root)
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, place)
    (tmp_path / "CHANGELOG.md").write_text(f"# Changelog\n\n## [Unreleased]\n{notes}")
    return tmp_path


def texts(copy: Path) -> list[str]:
    """Return what the files of a copy say."""
    return [file.read_text() for file in (*projects(copy), copy / "CHANGELOG.md")]


def test_every_distribution_gets_the_version(copy: Path) -> None:
    """Given the checkout's files, When bumped, Then all have it and ask for it of each other."""
    bump(copy, "7.8.9", today)

    tables = [project(file.parent) for file in projects(copy)]
    assert {table["version"] for table in tables} == {"7.8.9"}
    asked = re.findall(r"experimentframework[\w\[\],-]*~=([\d.]+)", str(tables))
    assert len(asked) > len(tables)
    assert set(asked) == {"7.8.9"}


def test_the_distributions_are_all_there_are(copy: Path) -> None:
    """Given the checkout, When its projects are looked for, Then only those of tests are left."""
    found = {file for file in root.rglob("pyproject.toml") if ".venv" not in file.parts}

    others = found - set(projects(root))

    assert {other.relative_to(root).parts[0] for other in others} <= {"tests"}


def test_nothing_else_changes(copy: Path) -> None:
    """Given the checkout's files, When bumped there and back, Then they are as before."""
    before = {file: tomllib.loads(file.read_text()) for file in projects(copy)}
    old = project(copy)["version"]

    bump(copy, "7.8.9", today)

    for file, table in before.items():
        text = file.read_text()
        assert tomllib.loads(text.replace("7.8.9", old)) == table


def test_what_was_unreleased_is_the_versions(copy: Path) -> None:
    """Given notes, When bumped, Then they stand under the version, and nothing is unreleased."""
    bump(copy, "7.8.9", today)

    text = (copy / "CHANGELOG.md").read_text()
    assert text.partition("## [Unreleased]\n")[2] == f"\n## [7.8.9] - 2026-12-01\n{notes}"


def test_the_next_version_needs_notes(copy: Path) -> None:
    """Given a version without notes since, When bumped again, Then it is refused, unchanged."""
    bump(copy, "7.8.9", today)
    before = texts(copy)

    with pytest.raises(BumpError, match=r"nothing under \[Unreleased\]"):
        bump(copy, "7.9.0", today)

    assert texts(copy) == before


def test_the_checkout_can_be_released() -> None:
    """Given the checkout's changelog, When it is read, Then a version's notes have a place."""
    changelog = (root / "CHANGELOG.md").read_text()

    assert changelog.count("\n## [Unreleased]\n") == 1


@pytest.mark.parametrize(
    "version", ["7", "7.8", "v7.8.9", "7.8.9rc1", "7.08.9", "", "7.8.9\n", "7.1\u0663.0"]
)
def test_what_is_no_version_is_refused(version: str, copy: Path) -> None:
    """Given a text that is no version, When bumped, Then it is refused."""
    with pytest.raises(BumpError, match="is no version; expected three numbers"):
        bump(copy, version, today)


def test_an_earlier_version_is_refused(copy: Path) -> None:
    """Given the version that there is, When bumped to it, Then it is refused."""
    old = project(copy)["version"]

    with pytest.raises(BumpError, match=f"{old} is not later than {old}"):
        bump(copy, old, today)


def test_different_versions_are_refused(copy: Path) -> None:
    """Given a distribution that was forgotten, When bumped, Then both versions are named."""
    file = projects(copy)[-1]
    file.write_text(
        re.sub(r'^version = ".*"$', 'version = "0.0.1"', file.read_text(), flags=re.MULTILINE)
    )

    with pytest.raises(BumpError, match=r"different versions: 0\.0\.1, "):
        bump(copy, "7.8.9", today)


def test_a_file_that_cannot_be_written_changes_none(
    copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given a disk that is full after some files, When bumped, Then all are as before, and why."""
    before = texts(copy)
    full = projects(copy)[3]
    write = Path.write_text

    def write_some(path: Path, text: str, encoding: str | None = None) -> int:
        if path == full and "7.8.9" in text:
            write(path, text[:10])
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write(path, text, encoding)

    monkeypatch.setattr(Path, "write_text", write_some)

    with pytest.raises(BumpError, match=r"toml cannot be written: No space left .*; nothing is"):
        bump(copy, "7.8.9", today)

    assert texts(copy) == before


def test_another_folder_is_refused(tmp_path: Path) -> None:
    """Given a folder that is no checkout, When the command is run there, Then it says so."""
    with pytest.raises(SystemExit, match=r"toml cannot be read: .*; is this the root of a check"):
        main(["7.8.9"], tmp_path)


def test_the_command_names_the_files(copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Given a version, When the command is run, Then it prints what it changed."""
    main(["7.8.9"], copy)

    said = capsys.readouterr().out.splitlines()
    assert said[0] == "pyproject.toml"
    assert said[-1] == "CHANGELOG.md"
    assert len(said) == len(projects(root)) + 1


def test_the_command_fails_where_it_cannot(copy: Path) -> None:
    """Given no version, When the command is run, Then it ends with the reason."""
    with pytest.raises(SystemExit, match="is no version"):
        main(["soon"], copy)
