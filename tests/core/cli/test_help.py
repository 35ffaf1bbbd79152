"""The help of every command."""

from __future__ import annotations

import pytest

from tests.core.cli.command import run


@pytest.mark.parametrize("command", [(), ("report",), ("dead-letter", "list")])
def test_a_flag_has_no_value_behind_it(command: tuple[str, ...]) -> None:
    """Given a command with flags, When its help is asked for by -h, Then it shows no value."""
    helped = run(*command, "-h", COLUMNS="200")

    assert helped.code == 0
    last = [line for line in helped.out.splitlines() if "--help" in line][-1]
    assert last.strip("│ ").split()[:3] == ["--help", "-h", "Show"]
    assert "bool" not in helped.out.lower()
