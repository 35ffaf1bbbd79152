"""The options that say which events a command reads."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from experimentframework_core.cli._output import CommandError
from experimentframework_core.cli._selection import selection_of
from experimentframework_core.plugin import Selection

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def test_what_options_say_is_selected() -> None:
    """Given lists, a time and an age, When they are read, Then they are a selection."""
    made = selection_of(
        types=["exposure"],
        experiments=None,
        subjects=["u-1", "u-2"],
        since="2h",
        until="2026-03-01",
        now=NOW,
    )

    assert made == Selection(
        types=("exposure",),
        subjects=("u-1", "u-2"),
        since=NOW - timedelta(hours=2),
        until=NOW,
    )


def test_an_empty_span_is_wrong() -> None:
    """Given a first time behind the last, When they are read, Then both options are named."""
    with pytest.raises(CommandError, match=r"^--since and --until: ") as caught:
        selection_of(types=None, experiments=None, subjects=None, since="1h", until="2h", now=NOW)

    assert caught.value.exit_code == 2


def test_a_type_that_is_not_registered_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    """Given a misspelt type, When it is read, Then it is selected, and the near name is told."""
    made = selection_of(
        types=["exposures"], experiments=None, subjects=None, since=None, until=None
    )

    assert made.types == ("exposures",)
    assert "did you mean 'exposure'?" in capsys.readouterr().err
