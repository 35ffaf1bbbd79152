"""`dead-letter … --source broker`: the letters that a broker keeps itself."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import TYPE_CHECKING

from experimentframework_core.cli._broker_letter_text import (
    as_json_line,
    as_table,
    in_full,
    row_of,
)
from experimentframework_core.cli._broker_letters import MOST, chosen_in, found_in, opened
from experimentframework_core.cli._broker_run import Run
from experimentframework_core.cli._dead_letter_shown import print_each, print_rows, show_in_full
from experimentframework_core.cli._output import (
    FAILED,
    OK,
    confirmed,
    console,
    count,
    print_json,
    say,
)
from experimentframework_core.cli._stop import BY_SIGNAL
from experimentframework_core.cli._within import within
from experimentframework_core.deadletter import LetterFilter

if TYPE_CHECKING:
    from experimentframework_core._reading.source import Source
    from experimentframework_core.cli._broker_letters import Chosen, Found


def list_of_broker(
    source: Source, chosen: LetterFilter, *, limit: int | None, newest: bool, as_json: bool
) -> int:
    """List letters; return the exit code.

    Args:
        source: The backplane.
        chosen: Which letters.
        limit: How many at most; None with ``as_json`` only, for all.
        newest: Whether the last ones are shown where there are more.
        as_json: Whether they are documents instead of rows.
    """
    asyncio.run(_list(source, chosen, limit=limit, newest=newest, as_json=as_json))
    return OK


def show_of_broker(source: Source, event_id: str, *, as_json: bool) -> int:
    """Show everything about the letters of one event or message; return the exit code."""
    found = asyncio.run(_found(source, LetterFilter(ids=(event_id,))))
    missing = f"there is no dead letter of an event or a message {event_id!r}"
    return show_in_full(
        [(as_json_line(each), in_full(each)) for each in found], missing, as_json=as_json
    )


def requeue_of_broker(
    source: Source, chosen: LetterFilter, *, limit: int | None, as_json: bool
) -> int:
    """Send letters to where they came from; return the exit code."""
    those = asyncio.run(_chosen(source, chosen, limit))
    run = Run(source, those, "requeued")
    if those.keys:
        asyncio.run(run.take(lambda letters, keys: letters.requeue(keys)))
    return _end(run, those, limit, as_json=as_json)


def purge_of_broker(
    source: Source,
    chosen: LetterFilter,
    *,
    limit: int | None,
    yes: bool,
    dry_run: bool,
    as_json: bool,
) -> int:
    """Remove letters for ever, those that were counted and no others; return the exit code."""
    those = asyncio.run(_chosen(source, chosen, limit))
    if dry_run:
        if as_json:
            document = {"backplane": source.name, "chosen": len(those.keys), "more": those.more}
            print_json({**document, "removed": 0, "dryRun": True})
        else:
            console().print(f"{count(len(those.keys), 'dead letter')} chosen, 0 removed")
        return OK
    run = Run(source, those, "removed")
    if those.keys and (yes or confirmed(_question(source, those))):
        asyncio.run(run.take(lambda letters, keys: letters.purge(keys)))
    return _end(run, those, limit, as_json=as_json)


async def _list(
    source: Source, chosen: LetterFilter, *, limit: int | None, newest: bool, as_json: bool
) -> None:
    # One more than is shown tells whether there are more.
    most = limit if limit is None or as_json else limit + 1
    async with opened(source) as letters:
        there = within(found_in(letters, chosen), most, newest=newest)
        if as_json:
            await print_each(there, as_json_line)
            return
        async with aclosing(there):
            rows = [row_of(found) async for found in there]
    print_rows(rows[-limit:] if newest and limit else rows[:limit], as_table)
    if limit is not None and len(rows) > limit:
        say("… and more; --limit shows more of them, --json all.")


async def _found(source: Source, chosen: LetterFilter) -> list[Found]:
    async with opened(source) as letters, aclosing(found_in(letters, chosen)) as there:
        return [found async for found in there]


async def _chosen(source: Source, chosen: LetterFilter, limit: int | None) -> Chosen:
    async with opened(source) as letters:
        return await chosen_in(letters, chosen, limit)


def _end(run: Run, those: Chosen, limit: int | None, *, as_json: bool) -> int:
    if as_json:
        print_json(run.as_document())
    else:
        console().print(run.headline())
        for trouble in run.troubles():
            say(trouble)
        if those.more:
            why = "" if limit else f" (a run takes {MOST:,} at most)"
            say(f"There are more{why}; run it again.")
    if run.stopped_by is not None:
        return BY_SIGNAL + run.stopped_by
    return OK if run.ok else FAILED


def _question(source: Source, those: Chosen) -> str:
    return f"Remove {count(len(those.keys), 'dead letter')} of {source} for ever?"
