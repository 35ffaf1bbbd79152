"""The README's commands are the ones that are checked, and its code runs."""

from __future__ import annotations

import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.packaging.layout import root

if TYPE_CHECKING:
    from pathlib import Path

readme = (root / "README.md").read_text()


def blocks(language: str, page: str = readme) -> list[str]:
    """Return the README's code blocks of one language, or those of another page."""
    return re.findall(rf"^```{language}\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)


def test_there_are_exactly_two_set_up_commands() -> None:
    """Given the README, When its shell blocks are read, Then they are two, of one line each."""
    demo, tests = blocks("sh")

    assert demo.endswith("experimentframework demo\n")
    assert " -m pytest -n " in tests
    assert demo.count("\n") == tests.count("\n") == 1


def test_the_checks_run_the_second_command_verbatim() -> None:
    """Given .ci/run, When it looks for its command in the README, Then it finds the second."""
    pattern = re.search(r"grep -E '(.*)' README\.md", (root / ".ci/run").read_text())
    assert pattern is not None

    found = re.findall(pattern[1], readme, re.MULTILINE)

    assert found == [blocks("sh")[1].rstrip("\n")]


def test_the_tutorial_begins_with_the_first_command_verbatim() -> None:
    """Given the tutorial, When its first shell block is read, Then it is the README's."""
    tutorial = (root / "docs/tutorial.md").read_text()

    first = tutorial.partition("```sh\n")[2].partition("```")[0]

    assert first == blocks("sh")[0]


@pytest.mark.parametrize("name", ["README.md", "README.package.md"])
def test_the_example_runs_with_its_configuration(name: str, tmp_path: Path) -> None:
    """Given a README's YAML, When its example runs there, Then its events are in the store."""
    page = (root / name).read_text()
    (tmp_path / "experiments.yaml").write_text(blocks("yaml", page)[0])
    (example,) = (block for block in blocks("python", page) if "asyncio.run" in block)

    result = subprocess.run(
        [sys.executable, "-c", example], cwd=tmp_path, check=False, capture_output=True, text=True
    )

    assert result.returncode == 0, result.stderr
    assert result.stderr == ""
    assert (tmp_path / "events.db").stat().st_size > 0
