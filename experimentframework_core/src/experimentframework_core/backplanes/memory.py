"""Keeps the newest events in memory, for tests and for trying things out."""

from __future__ import annotations

import asyncio
import threading
from collections import OrderedDict
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Annotated

import msgspec

from experimentframework_core.codec import decode
from experimentframework_core.envelope import Envelope, Record
from experimentframework_core.errors import InvalidEventError, ReplayError
from experimentframework_core.plugin import (
    BackplanePlugin,
    ChannelSettings,
    Features,
    OpenContext,
    Selection,
)
from experimentframework_core.resuming import ResumingReader

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Sequence

poll_interval = 0.05


class InMemoryOptions(ChannelSettings, frozen=True, kw_only=True, rename="camel"):
    """Options of the type ``inMemory``.

    Attributes:
        max_events: How many events are kept; the oldest go first.
        store: The store's name. Backplanes of one process with the same name share one store.
    """

    max_events: Annotated[int, msgspec.Meta(ge=1)] = 10_000
    store: Annotated[str, msgspec.Meta(min_length=1)] = "default"


class InMemoryBackplane:
    """Keeps the newest events, each once. May be used from several threads.

    Give one to ``DataPlane(backplane=…)``, or get that of a configuration with `named`.
    """

    def __init__(self, max_events: int = 10_000) -> None:
        """Keep at most ``max_events``."""
        self.max_events = max_events
        self._lock = threading.RLock()
        self._kept: OrderedDict[str, tuple[int, Record]] = OrderedDict()
        self._position = 0

    @staticmethod
    def named(store: str = "default") -> InMemoryBackplane:
        """Return this process's store of that name; it stays when planes are closed."""
        with _stores_lock:
            return _stores.setdefault(store, InMemoryBackplane())

    @property
    def records(self) -> list[Record]:
        """What is kept, oldest first."""
        return [record for _, record in self.after(0)]

    def envelopes(self) -> list[Envelope]:
        """Return what is kept, decoded, oldest first."""
        return [decode(record.body) for record in self.records]

    @property
    def position(self) -> int:
        """The position of what was stored last, also where it is kept no longer; 0 at first."""
        return self._position

    def after(self, position: int) -> list[tuple[int, Record]]:
        """Return what was stored behind ``position``, each with its own position."""
        # One step of CPython's: no delivery waits for a reader that a signal handler interrupts.
        everything = list(self._kept.values())
        # In the middle of a delivery, what has to go may still be there.
        return [kept for kept in everything[-self.max_events :] if kept[0] > position]

    def clear(self) -> None:
        """Forget everything that is kept."""
        with self._lock:
            self._kept.clear()

    async def deliver(self, batch: Sequence[Record]) -> None:
        """Keep ``batch``; what is kept already stays as it is."""
        with self._lock:
            for record in batch:
                event_id = record.event_id
                if event_id not in self._kept:
                    self._position += 1
                    self._kept[event_id] = (self._position, record)
            while len(self._kept) > self.max_events:
                self._kept.popitem(last=False)

    async def ping(self) -> None:
        """Return: memory is always there."""

    def read(self, selection: Selection) -> InMemoryReader:
        """Return a reader of the selected events that are kept.

        Raises:
            ReplayError: The selection's checkpoint is not one of its readers'.
        """
        return InMemoryReader(self, selection)


_stores: dict[str, InMemoryBackplane] = {}
_stores_lock = threading.RLock()


class InMemoryReader(ResumingReader[Envelope]):
    """The selected events of a store, oldest first.

    Attributes:
        checkpoint: Where the reading stands, for a later ``Selection.checkpoint``.
    """

    def __init__(self, store: InMemoryBackplane, selection: Selection) -> None:
        """Store what to read.

        Raises:
            ReplayError: The selection's checkpoint is not one of this reader's.
        """
        self.checkpoint = selection.checkpoint
        self._store = store
        self._selection = selection
        self._position = _position(selection.checkpoint)
        super().__init__()

    async def _read(self) -> AsyncGenerator[Envelope | ReplayError, None]:
        """Yield events, and what is wrong between them: a generator that raises is at its end."""
        if self._position > self._store.position:
            raise ReplayError(
                f"cannot read on from the checkpoint {str(self._position)!r}: the store in memory"
                f" ends at {self._store.position}; another process made the checkpoint: read from"
                " the beginning"
            )
        while True:
            last, kept = self._store.position, self._store.after(self._position)
            first = kept[0][0] if kept else last + 1
            if self.checkpoint is not None and first > self._position + 1:
                yield self._gap(first)
            self._stand(first - 1)
            for position, record in kept:
                self._stand(position)
                if (found := self._selected(record)) is not None:
                    yield found
            if not self._selection.follow:
                return
            await asyncio.sleep(poll_interval)

    def _stand(self, position: int) -> None:
        self._position = position
        self.checkpoint = str(position)

    def _gap(self, first: int) -> ReplayError:
        lost = first - self._position - 1
        self._stand(first - 1)
        return ReplayError(
            f"cannot read {lost:,} events that the store in memory keeps no longer: it keeps at"
            f" most {self._store.max_events:,}; raise maxEvents, or read on behind them with the"
            f" checkpoint {self.checkpoint!r}",
            lost=lost,
        )

    def _selected(self, record: Record) -> Envelope | ReplayError | None:
        try:
            return decode(record.body) if self._selection.selects(record) else None
        except InvalidEventError as error:
            told = ReplayError(
                f"cannot read event {self._position} of a store in memory: {error}; read on behind"
                f" it with the checkpoint {self.checkpoint!r}",
                record=record.body,
            )
            told.__cause__ = error
            return told


def _position(checkpoint: str | None) -> int:
    try:
        return 0 if checkpoint is None else int(checkpoint)
    except ValueError:
        raise ReplayError(
            f"cannot read on from the checkpoint {checkpoint!r}: checkpoints of a store in memory"
            " are numbers as text"
        ) from None


@asynccontextmanager
async def open_in_memory(
    options: InMemoryOptions, _context: OpenContext
) -> AsyncIterator[InMemoryBackplane]:
    """Open the store of that name; the last to open it decides how much it keeps."""
    store = InMemoryBackplane.named(options.store)
    store.max_events = options.max_events
    yield store


def read_in_memory(options: InMemoryOptions, selection: Selection) -> InMemoryReader:
    """Read the events that this process's store of that name keeps."""
    return InMemoryBackplane.named(options.store).read(selection)


plugin = BackplanePlugin(
    type="inMemory",
    options=InMemoryOptions,
    open=open_in_memory,
    read=read_in_memory,
    features=Features(ordered=True, deduplicates=True, readable=True),
)
