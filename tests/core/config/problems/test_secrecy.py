"""No part of a mistyped secret is told: not in a message, not in a path, not in a source line."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from experimentframework_core.config import read_configuration
from tests.core.config.sample_plugins import find_plugin

if TYPE_CHECKING:
    from pathlib import Path

SECRET = "Hunter2"
IN_BLOCK = "dataPlane:\n  backplane:\n    type: courier\n    options:\n      addresses: a\n"


def told(file: Path, login: str) -> tuple[list[str], str]:
    """Return the problems of a login, and all that a terminal shows of them."""
    file.write_text(f"{IN_BLOCK}      login: {login}\n")
    loaded = read_configuration(file, find_plugin)
    problems = [str(problem).removeprefix(str(file)) for problem in loaded.problems]
    excerpts = [loaded.excerpts.of(problem) for problem in loaded.problems]
    return problems, "\n".join([*problems, *(each.text for each in excerpts if each)])


@pytest.mark.parametrize(
    "login",
    [
        "{userName: a, password: '${Hunter2'}",
        "{userName: a, password: '${Hunter 2} ${Hunter2'}",
        "{userName: a, password: '${a${Hunter2}'}",
        "{userName: a, password: !Hunter2}",
        "{userName: a, password: !Hunter2 b}",
        "{userName: a, password: !Hunter2!b}",
        "{userName: a, password: *Hunter2}",
        "{userName: a, password: &Hunter2 [*Hunter2 ]}",
        "{userName: a, password: abc,Hunter2}",
        "{userName: a, password: abc,Hunter2,Hunter2}",
        "{userName: a, password: abc,'Hunter2'}",
        "{userName: a, password:Hunter2}",
        "{userName: a, passwrd:Hunter2}",
        "{userName: a, password:Hunter2: !b c}",
        "{userName: a, password:Hunter2: b, password:Hunter2: c}",
        '{userName: a, "password:Hunter2": b}',
        "\n        userName: a\n        password:Hunter2: b",
    ],
)
def test_what_may_be_part_of_a_secret_is_not_told(login: str, tmp_path: Path) -> None:
    """Given a password that is written wrong, When problems are told, Then none shows a part."""
    problems, shown = told(tmp_path / "e.yaml", login)

    assert problems
    assert SECRET not in shown


@pytest.mark.parametrize(
    ("login", "expected"),
    [
        (
            "{password: b, userName: abc,def}",
            (
                ":6:42: dataPlane.backplane.options.login: a key without a value; put a value"
                " that has , or : in quotes"
            ),
        ),
        (
            "{password: b, userName: a, passwrd:c: d}",
            (
                ":6:41: dataPlane.backplane.options.login: unknown key with a colon in it; put a"
                " space behind the colon, or a value that has , or : in quotes"
            ),
        ),
        (
            "{password: b, userName: !abc }",
            (
                ":6:38: dataPlane.backplane.options.login.userName: a tag is not supported; leave"
                " it out, or put text that begins with ! in quotes"
            ),
        ),
        (
            "{password: b, userName: '${a'}",
            (
                ":6:38: dataPlane.backplane.options.login.userName: malformed expression; expected"
                " ${NAME}, ${NAME:-default} or ${file:/path}; write $${ for a plain ${"
            ),
        ),
        (
            "{password: b, userName: *abc}",
            (
                ":6:38: alias without its anchor above; write the anchor before what it repeats,"
                " or put text that begins with * in quotes"
            ),
        ),
    ],
)
def test_what_to_write_instead_is_told(login: str, expected: str, tmp_path: Path) -> None:
    """Given a value that is written wrong, When problems are told, Then how to write it is."""
    problems, _ = told(tmp_path / "e.yaml", login)

    assert expected in problems


def test_a_known_key_without_a_value_is_shown(tmp_path: Path) -> None:
    """Given a known key alone in { }, When its line is shown, Then it is not hidden."""
    file = tmp_path / "e.yaml"
    file.write_text("dataPlane: {batchSize, backplane: {type: plain}}\n")

    loaded = read_configuration(file, find_plugin)

    excerpt = loaded.excerpts.of(loaded.problems[0])
    assert excerpt is not None
    assert excerpt.text == "dataPlane: {batchSize, backplane: {type: plain}}"
