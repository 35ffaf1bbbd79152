"""`dead-letter`: look at what no destination took, publish it again, or remove it."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from experimentframework_core.cli._dead_letter_options import (
    BackplaneOption,
    ExperimentOption,
    IdOption,
    LettersOption,
    ReasonOption,
    SinceOption,
    StoreOption,
    TypeOption,
    UntilOption,
    chosen_by,
)
from experimentframework_core.cli._dead_letter_requeue import requeue_letters
from experimentframework_core.cli._dead_letter_stores import opened, paths_of
from experimentframework_core.cli._dead_letter_text import (
    as_json_line,
    as_table,
    in_full,
    row_of,
)
from experimentframework_core.cli._output import (
    FAILED,
    OK,
    CommandError,
    ConfigOption,
    JsonOption,
    confirmed,
    console,
    count,
    expected_errors,
    print_json,
    print_json_line,
    printable,
    say,
    show_table,
)
from experimentframework_core.deadletter import LetterFilter

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence
    from pathlib import Path

    from experimentframework_core.deadletter import ReadableLetters, StoredLetter

SHOWN = 100
"""Letters in the table if nothing else is said."""


def list_letters(  # noqa: PLR0913 - one for each option
    config: LettersOption = None,
    store: StoreOption = None,
    *,
    types: TypeOption = None,
    experiments: ExperimentOption = None,
    backplanes: BackplaneOption = None,
    reasons: ReasonOption = None,
    ids: IdOption = None,
    since: SinceOption = None,
    until: UntilOption = None,
    limit: Annotated[
        int | None, typer.Option(min=1, help=f"Most that are shown. {SHOWN}; with --json all.")
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON document for each letter, a line each.")
    ] = False,
) -> int:
    """List dead letters, the one that was stored first first."""
    chosen = chosen_by(
        datetime.now(UTC),
        types=types,
        experiments=experiments,
        backplanes=backplanes,
        reasons=reasons,
        ids=ids,
        since=since,
        until=until,
    )
    paths = paths_of(config, store)
    if as_json:
        asyncio.run(_print_lines(paths, chosen, limit))
    else:
        asyncio.run(_print_table(paths, chosen, limit or SHOWN))
    return OK


def show(
    event_id: Annotated[str, typer.Argument(metavar="ID", help="The event's id.")],
    *,
    config: LettersOption = None,
    store: StoreOption = None,
    as_json: JsonOption = False,
) -> int:
    """Show everything about the dead letters of one event, the event and a traceback too."""
    found = asyncio.run(_found(paths_of(config, store), LetterFilter(ids=(event_id,))))
    if not found:
        raise CommandError(f"there is no dead letter of an event {event_id!r}")
    if as_json:
        print_json({"letters": [msgspec.Raw(line) for line, _ in found]})
        return OK
    for place, (_, lines) in enumerate(found):
        for line in ["", *lines] if place else lines:
            console().print(printable(line), soft_wrap=True)
    return OK


def purge(  # noqa: PLR0913 - one for each option
    config: LettersOption = None,
    store: StoreOption = None,
    *,
    types: TypeOption = None,
    experiments: ExperimentOption = None,
    backplanes: BackplaneOption = None,
    reasons: ReasonOption = None,
    ids: IdOption = None,
    since: SinceOption = None,
    until: UntilOption = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count.")] = False,
    as_json: JsonOption = False,
) -> int:
    """Remove dead letters for ever; asks before, unless --yes."""
    now = datetime.now(UTC)
    chosen = chosen_by(
        now,
        types=types,
        experiments=experiments,
        backplanes=backplanes,
        reasons=reasons,
        ids=ids,
        since=since,
        until=until,
    )
    if chosen.until is None:
        # What comes while somebody reads the question was not asked for.
        chosen = msgspec.structs.replace(chosen, until=now)
    paths = paths_of(config, store)
    number = asyncio.run(_count(paths, chosen))
    agreed = not dry_run and number > 0 and (yes or confirmed(_question(number, paths)))
    removed = asyncio.run(_purge(paths, chosen)) if agreed else 0
    if as_json:
        print_json({"chosen": number, "removed": removed, "dryRun": dry_run})
    else:
        console().print(f"{count(number, 'dead letter')} chosen, {removed:,} removed")
    return FAILED if removed < number and not dry_run else OK


def requeue(  # noqa: PLR0913 - one for each option
    config: ConfigOption,
    *,
    store: StoreOption = None,
    to: Annotated[
        str | None, typer.Option("--to", help="The backplane that gets all; else each its own.")
    ] = None,
    types: TypeOption = None,
    experiments: ExperimentOption = None,
    backplanes: BackplaneOption = None,
    reasons: ReasonOption = None,
    ids: IdOption = None,
    since: SinceOption = None,
    until: UntilOption = None,
    as_json: JsonOption = False,
) -> int:
    """Publish dead letters again, and remove each one once it is delivered.

    Each goes to the backplane that did not take it, with the same bytes and id. It can be stopped
    at any moment and begun again.
    """
    chosen = chosen_by(
        datetime.now(UTC),
        types=types,
        experiments=experiments,
        backplanes=backplanes,
        reasons=reasons,
        ids=ids,
        since=since,
        until=until,
    )
    return requeue_letters(config, store, chosen, to=to, as_json=as_json)


async def _letters(
    paths: Sequence[Path], chosen: LetterFilter, limit: int | None = None
) -> AsyncGenerator[tuple[ReadableLetters, StoredLetter], None]:
    left = limit
    async with opened(paths) as stores:
        for store in stores:
            async with aclosing(store.select(chosen)) as letters:
                async for letter in letters:
                    yield store, letter
                    left = None if left is None else left - 1
                    if left == 0:
                        return


async def _print_lines(paths: Sequence[Path], chosen: LetterFilter, limit: int | None) -> None:
    async with aclosing(_letters(paths, chosen, limit)) as letters:
        async for store, letter in letters:
            print_json_line(as_json_line(store, letter))


async def _print_table(paths: Sequence[Path], chosen: LetterFilter, limit: int) -> None:
    async with aclosing(_letters(paths, chosen, limit)) as letters:
        rows = [row_of(letter) async for _, letter in letters]
    more = await _count(paths, chosen) - len(rows)
    if not rows:
        console().print("No dead letters.")
        return
    show_table(as_table(rows))
    if more > 0:
        say(f"… and {more:,} more; --limit shows more of them, --json all.")


async def _found(paths: Sequence[Path], chosen: LetterFilter) -> list[tuple[bytes, list[str]]]:
    async with aclosing(_letters(paths, chosen)) as letters:
        return [(as_json_line(*each), list(in_full(*each))) async for each in letters]


async def _count(paths: Sequence[Path], chosen: LetterFilter) -> int:
    async with opened(paths) as stores:
        return sum([await store.count(chosen) for store in stores])


async def _purge(paths: Sequence[Path], chosen: LetterFilter) -> int:
    async with opened(paths) as stores:
        return sum([await store.purge(chosen) for store in stores])


def _question(number: int, paths: Sequence[Path]) -> str:
    places = ", ".join(str(path) for path in paths)
    return f"Remove {count(number, 'dead letter')} in {places} for ever?"


group = typer.Typer(
    name="dead-letter",
    help="Look at events that no destination took, publish them again, or remove them.",
    no_args_is_help=True,
)
for _name, _command in (
    ("list", list_letters),
    ("show", show),
    ("requeue", requeue),
    ("purge", purge),
):
    group.command(_name)(expected_errors(_command))
