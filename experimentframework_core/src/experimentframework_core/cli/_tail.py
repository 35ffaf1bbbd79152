"""`tail`: the latest events of a backplane, and those that come."""

from __future__ import annotations

import asyncio
import shlex
import sys
from contextlib import aclosing, contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Protocol

import typer

from experimentframework_core import codec
from experimentframework_core._reading.reading import Reading
from experimentframework_core.cli._event_text import EventLines
from experimentframework_core.cli._latest import latest
from experimentframework_core.cli._output import (
    FAILED,
    OK,
    USAGE,
    CommandError,
    ConfigOption,
    count,
    print_json_line,
    say,
)
from experimentframework_core.cli._selection import (
    DeadLettersOption,
    ExperimentsOption,
    OriginOption,
    SinceOption,
    SourceOption,
    SubjectsOption,
    TypesOption,
    UntilOption,
    selection_of,
)
from experimentframework_core.cli._sources import source_of
from experimentframework_core.cli._stop import BY_SIGNAL, Stop
from experimentframework_core.errors import ExperimentFrameworkError, InvalidEventError, ReplayError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterable, Iterator

    from experimentframework_core._reading.source import Source
    from experimentframework_core.envelope import Envelope
    from experimentframework_core.plugin import Selection

SHOWN = 10
"""Events that are shown if nothing else is said."""

PATIENCE = 3.0
"""Seconds without an event after which a person is told that it still reads."""


def tail(  # noqa: PLR0913 - one for each option
    config: ConfigOption,
    *,
    backplane: SourceOption = None,
    last: Annotated[
        int | None,
        typer.Option("--last", "-n", min=0, help=f"The latest so many by their times. {SHOWN}."),
    ] = None,
    everything: Annotated[
        bool, typer.Option("--all", "-a", help="All, in the source's order.")
    ] = False,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Then wait for more, until Ctrl-C.")
    ] = False,
    types: TypesOption = None,
    experiments: ExperimentsOption = None,
    subjects: SubjectsOption = None,
    dead_letters: DeadLettersOption = False,
    origins: OriginOption = None,
    correlation_id: Annotated[
        str | None, typer.Option("--correlation-id", help="Only what belongs to this request.")
    ] = None,
    since: SinceOption = None,
    until: UntilOption = None,
    checkpoint: Annotated[
        str | None,
        typer.Option("--from", metavar="CHECKPOINT", help="All behind where an earlier run ended."),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print each event as `publish` takes it, a line each.")
    ] = False,
) -> int:
    """Show the latest events of a backplane, and with --follow those that come.

    Says at the end, on stderr, from where to go on. Whoever writes is not disturbed.
    """
    now = datetime.now(UTC)
    if everything and last is not None:
        raise CommandError("Give either --all or --last.", exit_code=USAGE)
    if follow and until is not None:
        raise CommandError("--follow waits for what comes; leave out --until.", exit_code=USAGE)
    selection = selection_of(
        types=types,
        experiments=experiments,
        subjects=subjects,
        since=since,
        until=until,
        now=now,
        correlation_id=correlation_id,
        checkpoint=checkpoint,
    )
    if last is None and not (everything or since or checkpoint):
        last = SHOWN
    source = source_of(config, backplane, dead_letters=dead_letters, origins=origins)
    reading = _reading(source, selection)
    if not reading.has_positions and (checkpoint or (follow and last is not None)):
        message = f"{source} tells no positions: leave out --from, and give --all with --follow"
        raise CommandError(message, exit_code=USAGE)
    run = _Tail(reading, _lines(as_json=as_json))
    try:
        stop = asyncio.run(run.run(last, selection.until or now, follow=follow))
    except ExperimentFrameworkError:
        run.say_place()
        raise
    if stop.reader_gone:
        return FAILED
    if not (run.shown or stop.signal or last == 0):
        say("No events.")
    run.say_place()
    if stop.signal is not None:
        return BY_SIGNAL + stop.signal
    return OK if run.complete else FAILED


def _reading(source: Source, selection: Selection) -> Reading:
    try:
        return Reading(source, selection, say)
    except ReplayError as error:
        raise CommandError(f"--from: {error}", exit_code=USAGE) from error


class _Lines(Protocol):
    def expect(self, envelopes: Iterable[Envelope]) -> None:
        """Be told what will be shown next, where that is known."""

    def show(self, envelope: Envelope) -> None:
        """Print an event to stdout."""


class _JsonLines:
    def expect(self, envelopes: Iterable[Envelope]) -> None:
        pass

    def show(self, envelope: Envelope) -> None:
        print_json_line(codec.encode(envelope))


def _lines(*, as_json: bool) -> _Lines:
    return _JsonLines() if as_json else EventLines()


class _Tail:
    def __init__(self, reading: Reading, lines: _Lines) -> None:
        self._reading = reading
        self._lines = lines
        self.shown = 0
        self._place: str | None = None
        self._broken = 0

    @property
    def left_out(self) -> int:
        return self._reading.unreadable + self._broken

    @property
    def complete(self) -> bool:
        return not self.left_out and not self._reading.lost

    async def run(self, last: int | None, end: datetime, *, follow: bool) -> Stop:
        """Show what is there and what comes; return what ended it."""
        with Stop() as stop, stop.cancels_body(), stop.ends_without_reader():
            if self._reading.has_positions or not follow:
                with self._patience():
                    await self._show_stored(last, end)
            if follow:
                await self._show(self._reading.coming(), at_once=True)
        return stop

    @contextmanager
    def _patience(self) -> Iterator[None]:
        """Say to who sits at a terminal that it goes on, where nothing is shown for long."""
        timer = asyncio.get_running_loop().call_later(PATIENCE, self._say_nothing_yet)
        try:
            yield
        finally:
            timer.cancel()

    def _say_nothing_yet(self) -> None:
        if not self.shown and sys.stderr.isatty():
            say("Nothing yet; still reading.")

    async def _show_stored(self, last: int | None, end: datetime) -> None:
        if last is None:
            await self._show(self._reading.stored())
        else:
            found = await latest(self._reading, last, end)
            self._lines.expect(found)
            for envelope in found:
                self._print(envelope)
        self._place = self._reading.checkpoint
        sys.stdout.flush()

    async def _show(
        self, envelopes: AsyncGenerator[Envelope, None], *, at_once: bool = False
    ) -> None:
        async with aclosing(envelopes):
            async for envelope in envelopes:
                self._print(envelope)
                self._place = self._reading.checkpoint
                if at_once:
                    sys.stdout.flush()

    def _print(self, envelope: Envelope) -> None:
        try:
            self._lines.show(envelope)
            self.shown += 1
        except InvalidEventError as error:
            self._broken += 1
            say(f"Left out: event {envelope.event_id}: {error}")

    def say_place(self) -> None:
        """Say what was left out, and from where to go on."""
        if self.left_out:
            say(f"{count(self.left_out, 'event')} could not be read.")
        if self._reading.lost:
            gone = count(self._reading.lost, "event")
            say(f"At most {gone} had been removed from the source before.")
        if self._place is not None:
            say(f"Go on from here with --from {shlex.quote(self._place)}")
