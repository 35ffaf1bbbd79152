"""`dead-letter list`, `show` and `purge` of the letters in our own stores."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import TYPE_CHECKING

from experimentframework_core.cli._dead_letter_shown import print_each, print_rows, show_in_full
from experimentframework_core.cli._dead_letter_stores import opened
from experimentframework_core.cli._dead_letter_text import as_json_line, as_table, in_full, row_of
from experimentframework_core.cli._output import (
    FAILED,
    OK,
    confirmed,
    console,
    count,
    print_json,
    say,
)
from experimentframework_core.cli._within import within

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence
    from pathlib import Path

    from experimentframework_core.deadletter import LetterFilter, ReadableLetters, StoredLetter


def list_of_stores(
    paths: Sequence[Path], chosen: LetterFilter, *, limit: int | None, newest: bool, as_json: bool
) -> int:
    """List letters; return the exit code."""
    asyncio.run(_list(paths, chosen, limit=limit, newest=newest, as_json=as_json))
    return OK


def show_of_stores(paths: Sequence[Path], chosen: LetterFilter, *, as_json: bool) -> int:
    """Show everything about the letters of one event; return the exit code."""
    found = asyncio.run(_found(paths, chosen))
    missing = f"there is no dead letter of an event {chosen.ids[0]!r}"
    return show_in_full(found, missing, as_json=as_json)


def purge_of_stores(
    paths: Sequence[Path], chosen: LetterFilter, *, yes: bool, dry_run: bool, as_json: bool
) -> int:
    """Remove letters for ever; return the exit code."""
    number = asyncio.run(_count(paths, chosen))
    agreed = not dry_run and number > 0 and (yes or confirmed(_question(number, paths)))
    removed = asyncio.run(_purge(paths, chosen)) if agreed else 0
    if as_json:
        print_json({"chosen": number, "removed": removed, "dryRun": dry_run})
    else:
        console().print(f"{count(number, 'dead letter')} chosen, {removed:,} removed")
    return FAILED if removed < number and not dry_run else OK


async def _list(
    paths: Sequence[Path], chosen: LetterFilter, *, limit: int | None, newest: bool, as_json: bool
) -> None:
    there = within(_letters(paths, chosen), limit, newest=newest)
    if as_json:
        await print_each(there, lambda each: as_json_line(*each))
        return
    async with aclosing(there):
        rows = [row_of(letter) async for _, letter in there]
    print_rows(rows, as_table)
    if rows and (more := await _count(paths, chosen) - len(rows)) > 0:
        say(f"… and {more:,} more; --limit shows more of them, --json all.")


async def _letters(
    paths: Sequence[Path], chosen: LetterFilter
) -> AsyncGenerator[tuple[ReadableLetters, StoredLetter], None]:
    async with opened(paths) as stores:
        for store in stores:
            async with aclosing(store.select(chosen)) as letters:
                async for letter in letters:
                    yield store, letter


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
