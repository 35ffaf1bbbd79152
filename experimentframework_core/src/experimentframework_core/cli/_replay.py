"""`replay`: the events of one configuration's backplane into another's."""

from __future__ import annotations

import asyncio
import re
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from experimentframework_core._replay.planning import PATIENCE, REJECTED, plan_of
from experimentframework_core._replay.run import Replay
from experimentframework_core._replay.transform import transform_named
from experimentframework_core.cli._configuration import read
from experimentframework_core.cli._output import (
    FAILED,
    OK,
    USAGE,
    CommandError,
    JsonOption,
    print_json,
    say,
)
from experimentframework_core.cli._progress import reporter, shown
from experimentframework_core.cli._replay_text import (
    Progress,
    as_document,
    how_to_go_on,
    show_summary,
)
from experimentframework_core.cli._selection import (
    DeadLettersOption,
    ExperimentsOption,
    OriginOption,
    SinceOption,
    SubjectsOption,
    TypesOption,
    UntilOption,
    selection_of,
)
from experimentframework_core.cli._sources import source_of
from experimentframework_core.cli._stop import BY_SIGNAL, DELIVERING, Stop
from experimentframework_core.errors import ReplayError

if TYPE_CHECKING:
    from experimentframework_core._replay.planning import Plan
    from experimentframework_core._replay.summary import ReplaySummary

_AGE = re.compile(r"[0-9]+[smhd]")

_Config = partial(typer.Option, metavar="CONFIG", readable=False, show_default=False)


def replay(  # noqa: PLR0913 - one for each option
    source_config: Annotated[
        Path, _Config("--from", help="The configuration with the backplane to read.")
    ],
    target_config: Annotated[
        Path, _Config("--to", help="The configuration with the backplanes to deliver to.")
    ],
    *,
    from_backplane: Annotated[
        str | None, typer.Option(metavar="NAME", help="Which one to read, of several.")
    ] = None,
    to_backplane: Annotated[
        str | None, typer.Option(metavar="NAME", help="Deliver only to this one of several.")
    ] = None,
    dead_letters: DeadLettersOption = False,
    origins: OriginOption = None,
    types: TypesOption = None,
    experiments: ExperimentsOption = None,
    subjects: SubjectsOption = None,
    since: SinceOption = None,
    until: UntilOption = None,
    checkpoint: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Remembers what has arrived; the next run goes on."),
    ] = None,
    transform: Annotated[
        str | None,
        typer.Option(metavar="MODULE:FUNCTION", help="Changes each envelope, or drops it (None)."),
    ] = None,
    rate: Annotated[
        float | None, typer.Option(metavar="N", min=0.001, help="Most events a second.")
    ] = None,
    rejected: Annotated[
        Path, typer.Option(metavar="FILE", help="Keeps what is no event, raw.")
    ] = Path(REJECTED),
    give_up_after: Annotated[
        float,
        typer.Option(metavar="SECONDS", min=0.1, help="End when nothing arrives for so long."),
    ] = PATIENCE,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count.")] = False,
    as_json: JsonOption = False,
) -> int:
    """Deliver the events of one backplane to others, each with its id, time and bytes.

    Toggles, sampling and redaction do not apply. With --checkpoint it can be ended at any moment
    and run again: it goes on behind what has arrived.
    """
    if checkpoint is not None:
        _refuse_ages({"--since": since, "--until": until})
    selection = selection_of(
        types=types, experiments=experiments, subjects=subjects, since=since, until=until
    )
    source = source_of(
        source_config,
        from_backplane,
        verb="replay",
        option="--from-backplane",
        dead_letters=dead_letters,
        origins=origins,
    )
    target, origin = read(target_config)
    try:
        plan = plan_of(
            source,
            target,
            selection,
            to_backplane=to_backplane,
            checkpoint=checkpoint,
            rejected=rejected,
            transform=None if transform is None else transform_named(transform),
            rate=rate,
            patience=give_up_after,
            dry_run=dry_run,
            origin=origin,
        )
        summary, signal = asyncio.run(_run(plan))
    except ReplayError as error:
        raise CommandError(str(error), exit_code=USAGE) from error
    if as_json:
        print_json(as_document(summary))
    else:
        show_summary(summary, dry_run=dry_run)
    for line in how_to_go_on(summary, checkpoint):
        say(line)
    if signal is not None:
        return BY_SIGNAL + signal
    return OK if summary.ok else FAILED


def _refuse_ages(options: dict[str, str | None]) -> None:
    for option, text in options.items():
        if text is not None and _AGE.fullmatch(text):
            message = (
                f"{option} {text}: an age is another time in each run, and a run with the same"
                " --checkpoint must be the same replay; write a date, as in 2026-05-01"
            )
            raise CommandError(message, exit_code=USAGE)


async def _run(plan: Plan) -> tuple[ReplaySummary, int | None]:
    """Replay; a first signal ends the reading, and what was read is still delivered.

    Raises:
        ReplayError: The source cannot be read on from the checkpoint; nothing was opened.
    """
    progress = reporter(None, time.monotonic)
    replay = Replay(plan, progress.note)
    told = "Stopping; once more to end at once." if plan.dry_run else DELIVERING
    with progress, Stop(partial(progress.note, told)) as stop:
        async with replay:
            with shown(progress, Progress(replay)):
                with stop.cancels_body():
                    await replay.read()
                    await replay.finish()
                if stop.signal is not None:
                    await replay.finish(soon=True)
    return replay.summary(), stop.signal
