"""Dead letters as a source: the events that no destination took, from wherever they are kept."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AsyncExitStack, aclosing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from experimentframework_core._reading.source import Source
from experimentframework_core.codec import decode, decode_record, encode
from experimentframework_core.deadletter import (
    FileDeadLetterStore,
    LetterFilter,
    SqliteDeadLetterStore,
    letter_of,
    open_letters,
)
from experimentframework_core.envelope import Envelope
from experimentframework_core.errors import InvalidEventError, ReplayError
from experimentframework_core.plugin import BackplanePlugin, ChannelSettings, Features, Selection

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager

    from experimentframework_core.deadletter import DeadLetter
    from experimentframework_core.plugin import Backplane, OpenContext

Store = FileDeadLetterStore | SqliteDeadLetterStore

poll_interval = 0.5

_WRAPPED = ("deadLetter",)


class LettersOptions(ChannelSettings, frozen=True, kw_only=True, rename="camel"):
    """Which dead letters are meant.

    Attributes:
        path: The file of their store.
        backplane: Only what this one did not take; None for all.
    """

    path: str
    backplane: str | None = None


class LettersReader(AsyncIterator[Envelope]):
    """The selected events of the dead letters in a file, the one that was stored first first.

    A file that is not there has none. Criteria mean the event, its time too.

    Attributes:
        checkpoint: The position of the letter that was given last, as text; None at the start.
    """

    def __init__(self, options: LettersOptions, selection: Selection) -> None:
        """Store what to read; the file is opened with the first event.

        Raises:
            ReplayError: The selection's checkpoint is none of dead letters.
        """
        self.checkpoint = selection.checkpoint
        self._path = Path(options.path).expanduser().absolute()
        self._selection = selection
        self._chosen = LetterFilter(
            types=selection.types,
            experiments=selection.experiments,
            backplanes=(options.backplane,) if options.backplane else (),
            after=_position(selection.checkpoint),
        )
        self._found = self._read()

    async def __anext__(self) -> Envelope:
        found = await anext(self._found)
        if isinstance(found, ReplayError):
            raise found
        return found

    async def aclose(self) -> None:
        """Close the file; needed where the reading is left before its end."""
        await self._found.aclose()

    async def _read(self) -> AsyncGenerator[Envelope | ReplayError, None]:
        """Yield events, and what is wrong between them: a generator that raises is at its end."""
        store: Store | None = None
        async with AsyncExitStack() as stack:
            while True:
                if store is None and (self._path.exists() or self._chosen.after):
                    store = open_letters(self._path)
                    stack.push_async_callback(store.aclose)
                    self._refuse_another_file(await store.end())
                if store is not None:
                    async with aclosing(self._stored(store)) as found:
                        async for each in found:
                            yield each
                if not self._selection.follow:
                    return
                await asyncio.sleep(poll_interval)

    async def _stored(self, store: Store) -> AsyncGenerator[Envelope | ReplayError, None]:
        began, end = self._chosen.after, await store.end()
        async with aclosing(store.select(self._chosen)) as letters:
            async for stored in letters:
                self._stand(stored.position)
                found = event_in(stored.letter, self._selection, self._place(stored.position))
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


class UnwrappedReader(AsyncIterator[Envelope]):
    """The selected events of the dead letters that a backplane holds, in that one's order."""

    def __init__(self, wrapped: Source, backplane: str | None, selection: Selection) -> None:
        """Read with the backplane's own reader, which also knows the checkpoints.

        Raises:
            ReplayError: The backplane cannot be read back, or not from there.
        """
        self._selection = selection
        self._backplane = backplane
        self._place = str(wrapped)
        self._letters = wrapped.read(
            Selection(types=_WRAPPED, checkpoint=selection.checkpoint, follow=selection.follow)
        )

    def __getattr__(self, name: str) -> object:
        """Return the reader's ``checkpoint`` or ``aclose``, where it has them."""
        return getattr(self._letters, name)

    async def __anext__(self) -> Envelope:
        while True:
            envelope = await anext(self._letters)
            place = f"a dead letter in {self._place}"
            try:
                letter = letter_of(envelope)
            except InvalidEventError as error:
                message = f"cannot read {place}: {error}"
                raise ReplayError(message, record=encode(envelope)) from error
            if self._backplane in (None, letter.backplane):
                found = event_in(letter, self._selection, place)
                if isinstance(found, ReplayError):
                    raise found
                if found is not None:
                    return found


def event_in(letter: DeadLetter, selection: Selection, place: str) -> Envelope | ReplayError | None:
    """Return the event of a dead letter; None if it is not selected, or why it is none."""
    try:
        return decode(letter.body) if selection.selects(decode_record(letter.body)) else None
    except InvalidEventError as error:
        told = ReplayError(f"cannot read the event of {place}: {error}", record=letter.body)
        told.__cause__ = error
        return told


def letters_in(path: Path, name: str, backplane: str | None = None) -> Source:
    """Return the dead letters in a file as a source, all or those of one backplane."""
    return Source(name, _in_files, LettersOptions(path=str(path), backplane=backplane))


def letters_held_by(wrapped: Source, backplane: str | None = None) -> Source:
    """Return the dead letters that another backplane holds as a source, all or those of one."""

    def read(_options: ChannelSettings, selection: Selection) -> UnwrappedReader:
        return UnwrappedReader(wrapped, backplane, selection)

    plugin: BackplanePlugin[Any] = msgspec.structs.replace(
        wrapped.plugin, read=None if wrapped.plugin.read is None else read, read_records=None
    )
    return Source(wrapped.name, plugin, wrapped.options)


def _opens_nothing(
    _options: LettersOptions, _context: OpenContext
) -> AbstractAsyncContextManager[Backplane]:
    raise NotImplementedError


_in_files = BackplanePlugin(
    type="deadLetters",
    options=LettersOptions,
    open=_opens_nothing,
    read=LettersReader,
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
