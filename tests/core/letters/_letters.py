"""Dead letters for tests: with everything filled in, and of known events."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec

from experimentframework_core.deadletter import (
    DeadLetter,
    FileDeadLetterStore,
    SqliteDeadLetterStore,
)
from experimentframework_core.testing import make_exposure, make_record

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from experimentframework_core.deadletter import LetterFilter, ReadableLetters

STORES = {"sqlite": SqliteDeadLetterStore, "file": FileDeadLetterStore}
NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)


def make_letter(event_id: str = "e-1", **fields: Any) -> DeadLetter:
    """Return a letter of backplane ``kafka``; ``fields`` replace what it would have."""
    event = make_exposure(subject_id=f"s-{event_id}", timestamp=NOON)
    letter = DeadLetter(
        event_id=event_id,
        event_type="exposure",
        experiment="checkout",
        body=make_record(event, event_id=event_id, timestamp=NOON).body,
        backplane="kafka",
        reason="refused",
        error="message too large",
        error_class="PermanentError",
        attempts=1,
        first_at=NOON,
        last_at=NOON,
    )
    return msgspec.structs.replace(letter, **fields)


async def ids_in(store: ReadableLetters, chosen: LetterFilter | None = None) -> list[str]:
    """Return the event ids of the chosen letters of a store."""
    letters = store.select() if chosen is None else store.select(chosen)
    return [each.letter.event_id async for each in letters]


def keep(kind: str, path: Path, letters: Iterable[DeadLetter]) -> Path:
    """Put letters into a file of that kind, outside of any loop, and return its path.

    They come from the ``experiments.json`` beside it, unless they say another origin.
    """
    origin = str(path.with_name("experiments.json"))
    coming = [msgspec.structs.replace(each, origin=each.origin or origin) for each in letters]

    async def write() -> None:
        async with STORES[kind](path) as store:
            await store.write(coming)

    asyncio.run(write())
    return path


def left_in(kind: str, path: Path) -> list[str]:
    """Return the event ids in a file of that kind, outside of any loop."""

    async def read() -> list[str]:
        async with STORES[kind](path) as store:
            return await ids_in(store)

    return asyncio.run(read())
