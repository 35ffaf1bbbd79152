"""Dead letters in a file as a source: the events that no destination took."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, aclosing
from pathlib import Path
from typing import TYPE_CHECKING, Generic

import msgspec

from experimentframework_core._letters.origin import spellings
from experimentframework_core._reading.letter_events import (
    Event,
    Form,
    as_envelope,
    as_record,
    event_in,
)
from experimentframework_core._reading.source import Source
from experimentframework_core.deadletter import (
    FileDeadLetterStore,
    LetterFilter,
    SqliteDeadLetterStore,
    open_letters,
)
from experimentframework_core.errors import ReplayError
from experimentframework_core.plugin import BackplanePlugin, ChannelSettings, Features, Selection
from experimentframework_core.resuming import ResumingReader

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from contextlib import AbstractAsyncContextManager

    from experimentframework_core.envelope import Envelope, Record
    from experimentframework_core.plugin import Backplane, OpenContext

Store = FileDeadLetterStore | SqliteDeadLetterStore

poll_interval = 0.5


class LettersOptions(ChannelSettings, frozen=True, kw_only=True, rename="camel"):
    """Which dead letters are meant.

    Attributes:
        path: The file of their store.
        backplane: Only what this one did not take; None for all.
        origins: Only those of these configurations; none for all.
    """

    path: str
    backplane: str | None = None
    origins: tuple[str, ...] = ()


class LettersReader(ResumingReader[Event], Generic[Event]):
    """The selected events of the dead letters in a file, the one that was stored first first.

    A file that is not there has none. Criteria mean the event, its time too.

    Attributes:
        checkpoint: The position of the letter that was given last, as text; None at the start.
        finds_times: A time is found by reading everything.
    """

    finds_times = False

    def __init__(self, options: LettersOptions, selection: Selection, form: Form[Event]) -> None:
        """Store what to read; the file is opened with the first event.

        Args:
            options: Where they are.
            selection: Which of their events are wanted.
            form: What is given of an event.

        Raises:
            ReplayError: The selection's checkpoint is none of dead letters.
        """
        self.checkpoint = selection.checkpoint
        self._path = Path(options.path).expanduser().absolute()
        self._selection = selection
        self._form = form
        self._origins = options.origins
        self._chosen = LetterFilter(
            types=selection.types,
            experiments=selection.experiments,
            backplanes=(options.backplane,) if options.backplane else (),
            after=_position(selection.checkpoint),
        )
        super().__init__()

    async def _read(self) -> AsyncGenerator[Event | ReplayError, None]:
        """Yield events, and what is wrong between them: a generator that raises is at its end."""
        store: Store | None = None
        async with AsyncExitStack() as stack:
            while True:
                if store is None and (self._is_there or self._chosen.after):
                    store = open_letters(self._path)
                    stack.push_async_callback(store.aclose)
                    self._refuse_another_file(await store.end())
                    await self._look_for_spellings(store)
                if store is not None:
                    async with aclosing(self._stored(store)) as found:
                        async for each in found:
                            yield each
                if not self._selection.follow:
                    return
                await asyncio.sleep(poll_interval)

    @property
    def _is_there(self) -> bool:
        """Whether there is a file; one that is just being made does not say yet what it is."""
        waits = self._selection.follow
        return self._path.exists() and (not waits or self._path.stat().st_size > 0)

    async def _look_for_spellings(self, store: Store) -> None:
        if self._origins:
            found = spellings(self._origins, await store.origins())
            self._chosen = msgspec.structs.replace(self._chosen, origins=found)

    async def _stored(self, store: Store) -> AsyncGenerator[Event | ReplayError, None]:
        began, end = self._chosen.after, await store.end()
        async with aclosing(store.select(self._chosen)) as letters:
            async for stored in letters:
                self._stand(stored.position)
                place = self._place(stored.position)
                found = event_in(stored.letter, self._selection, self._form, place)
                if found is not None:
                    yield found
        self._stand(max(end, self._chosen.after))
        if isinstance(store, FileDeadLetterStore) and store.damaged_until > began:
            yield ReplayError(
                f"cannot read {store.damaged:,} damaged lines of {self._path}; read on behind them"
                f" with the checkpoint {self.checkpoint!r}",
                lost=store.damaged,
            )

    def _stand(self, position: int) -> None:
        self._chosen = msgspec.structs.replace(self._chosen, after=position)
        self.checkpoint = str(position)

    def _place(self, position: int) -> str:
        return (
            f"dead letter {position} of {self._path}; read on behind it with the checkpoint"
            f" {self.checkpoint!r}"
        )

    def _refuse_another_file(self, end: int) -> None:
        if self._chosen.after > end:
            raise ReplayError(
                f"cannot read on from the checkpoint {self.checkpoint!r}: the dead letters in"
                f" {self._path} end at {end}; the file was made anew: read it from its beginning"
            )


def read_letters(options: LettersOptions, selection: Selection) -> LettersReader[Envelope]:
    """Return a reader of the selected events."""
    return LettersReader(options, selection, as_envelope)


def read_letter_records(options: LettersOptions, selection: Selection) -> LettersReader[Record]:
    """Return a reader of the selected events as they were to be delivered."""
    return LettersReader(options, selection, as_record)


def letters_in(
    path: Path, name: str, backplane: str | None = None, origins: tuple[str, ...] = ()
) -> Source:
    """Return the dead letters in a file as a source: all, of one backplane, of some origins."""
    options = LettersOptions(path=str(path), backplane=backplane, origins=origins)
    return Source(name, _in_files, options)


def _opens_nothing(
    _options: LettersOptions, _context: OpenContext
) -> AbstractAsyncContextManager[Backplane]:
    raise NotImplementedError


_in_files = BackplanePlugin(
    type="deadLetters",
    options=LettersOptions,
    open=_opens_nothing,
    read=read_letters,
    read_records=read_letter_records,
    features=Features(durable=True, readable=True),
)


def _position(checkpoint: str | None) -> int:
    if checkpoint is None:
        return 0
    if not checkpoint.isascii() or not checkpoint.isdecimal():
        raise ReplayError(
            f"cannot read on from the checkpoint {checkpoint!r}: those of dead letters are"
            " positions as text"
        )
    return int(checkpoint)
