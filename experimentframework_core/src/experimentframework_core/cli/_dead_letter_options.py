"""Which dead letters a command means: its options, read into a filter."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from experimentframework_core.cli._output import USAGE, CommandError
from experimentframework_core.cli._times import time_of
from experimentframework_core.deadletter import LetterFilter

if TYPE_CHECKING:
    from datetime import datetime

StoreOption = Annotated[
    Path | None, typer.Option("--store", metavar="PATH", help="A file of dead letters.")
]
LettersOption = Annotated[
    Path | None,
    typer.Option("--config", "-c", metavar="FILE", help="A configuration: its dead letters."),
]
TypeOption = Annotated[
    list[str] | None, typer.Option("--type", "-t", help="Only this event type; repeatable.")
]
ExperimentOption = Annotated[
    list[str] | None, typer.Option("--experiment", "-e", help="Only this one; repeatable.")
]
BackplaneOption = Annotated[
    list[str] | None,
    typer.Option("--backplane", "-b", help="Only what this one did not take; repeatable."),
]
ReasonOption = Annotated[
    list[str] | None,
    typer.Option("--reason", "-r", help="refused, attempts or plugin_error; repeatable."),
]
IdOption = Annotated[list[str] | None, typer.Option("--id", help="Only this event; repeatable.")]
SinceOption = Annotated[
    str | None, typer.Option(help="Refused last from then on: ISO 8601, or an age as in 2h.")
]
UntilOption = Annotated[str | None, typer.Option(help="Refused last before that time.")]

_REASONS = ("refused", "attempts", "plugin_error")


def chosen_by(
    now: datetime,
    *,
    types: list[str] | None = None,
    experiments: list[str] | None = None,
    backplanes: list[str] | None = None,
    reasons: list[str] | None = None,
    ids: list[str] | None = None,
    since: str | None = None,
    until: str | None = None,
) -> LetterFilter:
    """Return the filter that the options mean.

    Raises:
        CommandError: A time or a reason is none.
    """
    for reason in reasons or ():
        if reason not in _REASONS:
            message = f"--reason: {reason!r} is none; expected refused, attempts or plugin_error"
            raise CommandError(message, exit_code=USAGE)
    return LetterFilter(
        types=tuple(types or ()),
        experiments=tuple(experiments or ()),
        backplanes=tuple(backplanes or ()),
        reasons=tuple(reasons or ()),
        ids=tuple(ids or ()),
        since=time_of("--since", since, now),
        until=time_of("--until", until, now),
    )
