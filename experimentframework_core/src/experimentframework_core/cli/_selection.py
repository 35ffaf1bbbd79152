"""Which events a command reads: the options that `tail`, `replay` and `export` share."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from experimentframework_core._reading.criteria import backwards
from experimentframework_core.cli._output import USAGE, CommandError, say
from experimentframework_core.cli._times import time_of
from experimentframework_core.config import event_type_problem
from experimentframework_core.plugin import Selection

if TYPE_CHECKING:
    from collections.abc import Iterable

SourceOption = Annotated[
    str | None,
    typer.Option("--backplane", "-b", metavar="NAME", help="Which one to read, of several."),
]
DeadLettersOption = Annotated[
    bool, typer.Option("--dead-letters", help="The events that were not taken, instead.")
]
OriginOption = Annotated[
    list[str] | None,
    typer.Option(
        "--origin",
        metavar="FILE|none|any",
        help="Whose dead letters, if not the configuration's; none: of Python; repeatable.",
    ),
]
TypesOption = Annotated[
    list[str] | None, typer.Option("--type", "-t", help="Only this event type; repeatable.")
]
ExperimentsOption = Annotated[
    list[str] | None, typer.Option("--experiment", "-e", help="Only this one; repeatable.")
]
SubjectsOption = Annotated[
    list[str] | None, typer.Option("--subject", "-s", help="Only this subject; repeatable.")
]
SinceOption = Annotated[
    str | None, typer.Option(help="All from then on: ISO 8601, or an age as in 10m.")
]
UntilOption = Annotated[str | None, typer.Option(help="Only what was before that time.")]


def selection_of(
    *,
    types: Iterable[str] | None,
    experiments: Iterable[str] | None,
    subjects: Iterable[str] | None,
    since: str | None,
    until: str | None,
    now: datetime | None = None,
    correlation_id: str | None = None,
    checkpoint: str | None = None,
) -> Selection:
    """Return what the options say; warn of types that are not registered here.

    The application's own events may be there all the same.

    Raises:
        CommandError: A time is none, or nothing is between the two.
    """
    now = now or datetime.now(UTC)
    made = Selection(
        types=tuple(types or ()),
        experiments=tuple(experiments or ()),
        subjects=tuple(subjects or ()),
        correlation_id=correlation_id,
        since=time_of("--since", since, now),
        until=time_of("--until", until, now),
        checkpoint=checkpoint,
    )
    if problem := backwards(made):
        raise CommandError(f"--since and --until: {problem}", exit_code=USAGE)
    for name in made.types:
        if found := event_type_problem(name):
            say(f"--type: {found[0]}")
    return made
