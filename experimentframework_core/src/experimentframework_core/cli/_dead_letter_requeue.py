"""`dead-letter requeue`: dead letters back on their way, and what became of them."""

from __future__ import annotations

import asyncio
import time
from functools import partial
from typing import TYPE_CHECKING, Any

import msgspec

from experimentframework_core._requeue.requeue import Requeue
from experimentframework_core._requeue.way import Fates
from experimentframework_core.backplanes.composite import destinations
from experimentframework_core.cli._configuration import read
from experimentframework_core.cli._dead_letter_origins import Whose, only_of
from experimentframework_core.cli._dead_letter_stores import existing, opened, paths_in
from experimentframework_core.cli._output import (
    FAILED,
    OK,
    USAGE,
    CommandError,
    console,
    count,
    print_json,
    say,
    show_table,
    table,
)
from experimentframework_core.cli._progress import reporter, shown
from experimentframework_core.cli._stop import BY_SIGNAL, DELIVERING, Stop
from experimentframework_core.errors import DeliveryError
from experimentframework_core.plugins import find_plugin

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from experimentframework_core.backplanes.composite import Destination
    from experimentframework_core.deadletter import LetterFilter


class Summary(msgspec.Struct):
    """The end of a run.

    Attributes:
        chosen: Letters that were there to be published, when it began.
        fates: What became of those that were published, by backplane.
        unknown: Letters of backplanes that the configuration has not.
        unreadable: Letters that hold no event.
        problem: Why it ended early.
        hindrances: Why letters are left.
        stopped_by: The signal that ended it.
    """

    chosen: int = 0
    fates: dict[str, Fates] = {}
    unknown: dict[str, int] = {}
    unreadable: dict[str, int] = {}
    problem: str | None = None
    hindrances: list[str] = []
    stopped_by: int | None = None

    @property
    def ok(self) -> bool:
        """Whether every letter was delivered."""
        return self.stopped_by is None and not any(self.troubles())

    @property
    def adds_up(self) -> bool:
        """Whether every letter that was published has one fate."""
        return all(each.adds_up for each in self.fates.values())

    def troubles(self) -> Iterator[str]:
        """Yield one sentence for each thing that went wrong."""
        if self.problem:
            yield self.problem
        for name, number in self.unknown.items():
            yield f"{name}: there is no such backplane; {count(number, 'letter')} left (see --to)."
        for name, number in self.unreadable.items():
            yield f"{name}: {count(number, 'letter')} left that hold no event of this library."
        for name, fates in self.fates.items():
            if fates.refused:
                yield f"{name}: {count(fates.refused, 'letter')} refused again, and kept."
            if fates.left:
                yield f"{name}: {count(fates.left, 'letter')} not delivered, and left as they were."
        yield from self.hindrances
        if not self.adds_up:
            yield "The counts do not add up, which is a fault of this program."

    def as_document(self) -> dict[str, Any]:
        """Return the JSON document of ``--json``."""
        return {
            "ok": self.ok,
            "chosen": self.chosen,
            "backplanes": {name: _figures(each) for name, each in self.fates.items()},
            "unknown": self.unknown,
            "unreadable": self.unreadable,
            "addsUp": self.adds_up,
            "interrupted": self.stopped_by is not None,
            "troubles": list(self.troubles()),
        }


def requeue_letters(
    config: Path,
    store: Path | None,
    chosen: LetterFilter,
    *,
    origins: Sequence[str] | None,
    to: str | None,
    as_json: bool,
) -> int:
    """Publish the chosen letters again; return the exit code."""
    options, origin = read(config)
    found = destinations(options, find_plugin)
    names = [each.config.name for each in found]
    if to is not None and to not in names:
        message = f"--to: there is no backplane {to!r}; expected {', '.join(names)}"
        raise CommandError(message, exit_code=USAGE)
    paths = paths_in(found, str(config)) if store is None else [existing(store)]
    chosen = only_of(Whose.of(origins, origin), paths, chosen)
    timeout = options.shutdown_timeout_ms / 1000
    summary = asyncio.run(_run(found, paths, chosen, to=to, timeout=timeout))
    if as_json:
        print_json(summary.as_document())
    else:
        _print(summary)
    if summary.stopped_by is not None:
        return BY_SIGNAL + summary.stopped_by
    return OK if summary.ok else FAILED


async def _run(
    found: Sequence[Destination],
    paths: Sequence[Path],
    chosen: LetterFilter,
    *,
    to: str | None,
    timeout: float,
) -> Summary:
    requeue = Requeue(found, to=to)
    summary = Summary()
    progress = reporter(None, time.monotonic)
    async with opened(paths) as stores:
        summary.chosen = sum([await store.count(chosen) for store in stores])
        with progress, Stop(partial(progress.note, DELIVERING)) as stop:
            try:
                tell = partial(_progress, requeue, summary)
                with shown(progress, tell), stop.cancels_body():
                    for store in stores:
                        await requeue.take(store, chosen)
                    await requeue.settle(timeout)
            except DeliveryError as error:
                summary.problem = f"It ended early: {error}"
            summary.hindrances = list(requeue.troubles())
            try:
                await requeue.aclose(timeout)
            except DeliveryError as error:
                summary.problem = f"Delivered letters are still in their store: {error}"
    summary.stopped_by = stop.signal
    summary.fates = requeue.fates
    summary.unknown = dict(requeue.unknown)
    summary.unreadable = dict(requeue.unreadable)
    return summary


def _progress(requeue: Requeue, summary: Summary) -> tuple[int, str]:
    return requeue.bytes, _progress_text(requeue, summary)


def _progress_text(requeue: Requeue, summary: Summary) -> str:
    fates = requeue.fates.values()
    delivered = sum(each.delivered for each in fates)
    refused = sum(each.refused for each in fates)
    text = f"{delivered:,} of {summary.chosen:,} delivered, {refused:,} refused again"
    return "; ".join([text, *requeue.troubles()])


def _print(summary: Summary) -> None:
    console().print(f"{count(summary.chosen, 'dead letter')} chosen")
    if summary.fates:
        columns = ("recovered", "delivered", "dead-lettered again", "not delivered")
        rows = [
            (name, *(f"{figure:,}" for figure in _figures(fates).values()))
            for name, fates in summary.fates.items()
        ]
        show_table(table("Backplane", *(f"#{column}" for column in columns), rows=rows))
    if summary.stopped_by is not None:
        say("Stopped by a signal; what was not delivered is still there.")
    for trouble in summary.troubles():
        say(trouble)


def _figures(fates: Fates) -> dict[str, int]:
    return {
        "recovered": fates.recovered,
        "delivered": fates.delivered,
        "deadLetteredAgain": fates.refused,
        "notDelivered": fates.left,
    }
