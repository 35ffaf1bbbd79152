"""The broken files: what loading each of them says, word by word."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.core.config.broken_files import FOLDER, SECRET, SUFFIX, broken, expected, problems, texts

if TYPE_CHECKING:
    from pathlib import Path

FEWEST = 60


def test_there_are_many() -> None:
    """Given the broken files, When they are counted, Then there are those that were asked for."""
    assert len(broken()) >= FEWEST


@pytest.mark.parametrize("path", broken(), ids=lambda path: path.name)
def test_a_broken_file_says_exactly_this(path: Path) -> None:
    """Given a broken file or folder, When it is loaded, Then each problem is as written."""
    wanted = expected(path).read_text("utf-8").splitlines()

    said = problems(path)

    assert said == wanted
    assert said != []


def test_each_list_of_problems_has_its_file() -> None:
    """Given the lists of problems, When their files are looked for, Then none is left over."""
    lists = {path.name for path in FOLDER.iterdir() if path.suffix == SUFFIX}

    assert lists == {expected(path).name for path in broken()}
    assert len(lists) == len(broken())


@pytest.mark.parametrize("path", broken(), ids=lambda path: path.name)
def test_a_broken_file_says_what_it_is_about(path: Path) -> None:
    """Given a broken file, When its first line is read, Then it is a comment in one sentence."""
    first = (texts(path)[0].decode(errors="replace").removeprefix("\ufeff")).splitlines()[0]

    plain = first.replace("\0", "")

    assert "# " in plain or plain.startswith("// ")
    assert plain.endswith((".", ".\r"))


def test_no_problem_shows_a_secret() -> None:
    """Given the lists of problems, When they are searched for the secret, Then none shows it."""
    said = [expected(path).read_text("utf-8") for path in broken()]

    assert any(SECRET in text.decode(errors="replace") for path in broken() for text in texts(path))
    assert not any(SECRET in text for text in said)
