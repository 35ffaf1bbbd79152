"""Which dead letters a command means: its options, read into a filter."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from experimentframework_core.cli._output import USAGE, CommandError
from experimentframework_core.cli._times import time_of
from experimentframework_core.deadletter import LetterFilter

if TYPE_CHECKING:
    from datetime import datetime


class Keeper(StrEnum):
    """Who keeps the dead letters that a command is about."""

    LOCAL = "local"
    BROKER = "broker"


KeeperOption = Annotated[
    Keeper,
    typer.Option("--source", help="Those in our stores, or those that a broker keeps itself."),
]
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
    typer.Option("--backplane", "-b", help="Only this one's; repeatable, except of a broker."),
]
ReasonOption = Annotated[
    list[str] | None,
    typer.Option("--reason", "-r", help="refused, attempts, plugin_error; a broker's; repeatable."),
]
IdOption = Annotated[list[str] | None, typer.Option("--id", help="Only this event; repeatable.")]
OriginOption = Annotated[
    list[str] | None,
    typer.Option(
        "--origin",
        metavar="FILE|none|any",
        help="Whose, if not the configuration's; none: of Python; any; repeatable.",
    ),
]
SinceOption = Annotated[
    str | None, typer.Option(help="Refused last from then on: ISO 8601, or an age as in 2h.")
]
UntilOption = Annotated[str | None, typer.Option(help="Refused last before that time.")]
MostOption = Annotated[
    int | None, typer.Option("--limit", min=1, help="Most of them; only with --source broker.")
]

_REASONS = ("refused", "attempts", "plugin_error")


def check_local(chosen: LetterFilter, limit: int | None = None) -> None:
    """Refuse what has no meaning for letters in our stores.

    Raises:
        CommandError: A reason is none of ours, or there is a limit.
    """
    for reason in chosen.reasons:
        if reason not in _REASONS:
            message = f"--reason: {reason!r} is none; expected refused, attempts or plugin_error"
            raise CommandError(message, exit_code=USAGE)
    if limit is not None:
        raise CommandError("--limit goes with --source broker only", exit_code=USAGE)


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
        CommandError: A time is none.
    """
    return LetterFilter(
        types=tuple(types or ()),
        experiments=tuple(experiments or ()),
        backplanes=tuple(backplanes or ()),
        reasons=tuple(reasons or ()),
        ids=tuple(ids or ()),
        since=time_of("--since", since, now),
        until=time_of("--until", until, now),
    )
