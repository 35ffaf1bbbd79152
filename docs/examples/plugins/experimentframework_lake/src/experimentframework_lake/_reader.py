"""Reads the objects back, in the order in which they were written."""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from collections.abc import AsyncGenerator, AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, TypeAlias, TypeVar

from experimentframework_core.codec import decode, decode_record
from experimentframework_core.envelope import Envelope, Record
from experimentframework_core.errors import InvalidEventError, ReplayError, TransientError
from experimentframework_lake._formats import NoObjectError, bodies_of
from experimentframework_lake._objects import digest_of, may_hold
from experimentframework_lake._position import Position
from experimentframework_lake._store import Store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from experimentframework_core.plugin import Selection
    from experimentframework_lake._options import LakeOptions
    from experimentframework_lake._store import Stored

Event = TypeVar("Event")
Result = TypeVar("Result")
_Content: TypeAlias = "list[bytes] | ReplayError"


class _Reader(AsyncIterator[Event]):
    """The selected events, object by object.

    Attributes:
        progress: How much of the objects that are there lies behind, from 0 to 1.
        finds_times: Whether folders tell the days of events.
    """

    def __init__(self, options: LakeOptions, selection: Selection) -> None:
        """Store what to read; the store is asked with the first event.

        Raises:
            ReplayError: The selection's checkpoint is none of a lake.
        """
        self.progress: float | None = None
        self.finds_times = "date" in options.partition_by
        self._options = options
        self._selection = selection
        self._position = Position(selection.checkpoint)
        self._found = self._read()

    @property
    def checkpoint(self) -> str | None:
        """Where the reading stands, for a later selection; None at the start."""
        return self._position.checkpoint()

    async def __anext__(self) -> Event:
        try:
            found = await anext(self._found)
        except (asyncio.CancelledError, TransientError):
            self._found = self._read()  # Who asks again goes on behind what was given.
            raise
        if isinstance(found, ReplayError):
            raise found
        return found

    async def aclose(self) -> None:
        """Let go of the store; needed only where the reading is left before its end."""
        await self._found.aclose()

    @abstractmethod
    def _form(self, record: Record) -> Event:
        """Make of a stored event what is given."""

    async def _read(self) -> AsyncGenerator[Event | ReplayError, None]:
        """Yield events, and what is wrong between them: a generator that raises is at its end."""
        thread = ThreadPoolExecutor(1, thread_name_prefix="lake-reader")
        store = Store(self._options)
        try:
            await _in(thread, partial(store.open, make=False))
            while True:
                ahead = self._position.ahead(await _in(thread, store.objects))
                if gone := self._what_is_gone(ahead):
                    yield gone
                for number, each in enumerate(ahead, start=1):
                    if may_hold(each.name, self._selection):
                        content = await _in(thread, partial(_content, store, each.name))
                        for found in self._found_in(each, content):
                            yield found
                    self._position.finish(each)
                    self.progress = number / len(ahead)
                if not ahead and not self._selection.follow:
                    return
                if not ahead:
                    await asyncio.sleep(self._options.poll_interval_ms / 1000)
        finally:
            thread.shutdown(wait=False)

    def _what_is_gone(self, ahead: Sequence[Stored]) -> ReplayError | None:
        """Stand behind the begun object and return what is lost, where it is not there any more."""
        begun = self._position.begun
        if begun is None or (ahead and digest_of(ahead[0].name) == begun.digest):
            return None
        lost = self._position.give_up()
        return ReplayError(
            f"cannot read on in {self._options.url}: the object that was being read is gone, with"
            f" at most {lost:,} events",
            lost=lost,
        )

    def _found_in(self, stored: Stored, content: _Content) -> Iterator[Event | ReplayError]:
        if isinstance(content, ReplayError):
            self._position.finish(stored)
            yield content
            return
        begun = self._position.begun
        behind = 0 if begun is None else begun.read
        for number, body in enumerate(content[behind:], start=behind + 1):
            self._position.read(stored, number, len(content))
            try:
                record = decode_record(body)
                if self._selection.selects(record):
                    yield self._form(record)
            except InvalidEventError as error:
                yield self._no_event(stored, number, body, error)

    def _no_event(
        self, stored: Stored, number: int, body: bytes, error: InvalidEventError
    ) -> ReplayError:
        told = ReplayError(
            f"cannot read event {number:,} of {stored.name} in {self._options.url}: {error}",
            record=body,
        )
        told.__cause__ = error
        return told


class LakeReader(_Reader[Envelope]):
    """Gives the selected events as envelopes."""

    def _form(self, record: Record) -> Envelope:
        return decode(record.body)


class LakeRecordReader(_Reader[Record]):
    """Gives the selected events as records, with the bytes that were delivered."""

    def _form(self, record: Record) -> Record:
        return record


def read_lake(options: LakeOptions, selection: Selection) -> LakeReader:
    """Read events back in the order in which their objects were written.

    Raises:
        UnavailableError: The folder or bucket is missing (at the first event).
        ReplayError: The checkpoint, an object or an event is not understood.
    """
    return LakeReader(options, selection)


def read_records(options: LakeOptions, selection: Selection) -> LakeRecordReader:
    """Read events back as `read_lake` does, with the bytes that were delivered."""
    return LakeRecordReader(options, selection)


def _content(store: Store, name: str) -> _Content:
    """Return the bodies of an object; none where it was removed meanwhile."""
    data = store.get(name)
    if data is None:
        return []
    try:
        return bodies_of(name, data)
    except NoObjectError as error:
        told = ReplayError(f"cannot read {name}: {error}", record=data)
        told.__cause__ = error
        return told


async def _in(thread: ThreadPoolExecutor, work: Callable[[], Result]) -> Result:
    return await asyncio.get_running_loop().run_in_executor(thread, work)
