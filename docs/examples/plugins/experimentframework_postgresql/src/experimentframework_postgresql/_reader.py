"""Reads events back from the table."""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import TYPE_CHECKING, TypeVar

from experimentframework_core.codec import decode, decode_record
from experimentframework_core.envelope import Envelope, Record
from experimentframework_core.errors import DeliveryError, InvalidEventError, ReplayError
from experimentframework_postgresql._checkpoint import Position, position_of
from experimentframework_postgresql._names import names_of
from experimentframework_postgresql._queries import Queries, other_table
from experimentframework_postgresql._session import Session

if TYPE_CHECKING:
    from experimentframework_core.plugin import Selection
    from experimentframework_postgresql._options import PostgreSqlOptions
    from experimentframework_postgresql._queries import Row

poll_interval = 0.5

Event = TypeVar("Event")


def read_postgresql(options: PostgreSqlOptions, selection: Selection) -> PostgreSqlReader:
    """Return a reader of the selected events.

    Raises:
        ReplayError: The selection's checkpoint is not one of this reader's.
    """
    return PostgreSqlReader(options, selection)


def read_records(options: PostgreSqlOptions, selection: Selection) -> PostgreSqlRecordReader:
    """Return a reader of the selected events as records, with the bytes that were delivered.

    Raises:
        ReplayError: As for `read_postgresql`.
    """
    return PostgreSqlRecordReader(options, selection)


class _Reader(AsyncIterator[Event]):
    """The selected events in the order of their transactions, and in each as it wrote them.

    Without ``follow`` it ends with what was committed when it began. Memory is bounded: a page of
    rows is read at a time, and no transaction is open between pages.
    """

    def __init__(self, options: PostgreSqlOptions, selection: Selection) -> None:
        """Store what to read; it connects with the first event.

        Raises:
            ReplayError: The selection's checkpoint is not one of this reader's.
        """
        self._options = options
        self._names = names_of(options)
        self._selection = selection
        self._position = position_of(selection.checkpoint)
        self._found = self._read()

    @property
    def checkpoint(self) -> str | None:
        """Where the reading stands: behind the event that was given last. None at the start."""
        return None if self._position is None else str(self._position)

    async def __anext__(self) -> Event:
        try:
            found = await anext(self._found)
        except (asyncio.CancelledError, DeliveryError):
            self._found = self._read()  # Who asks again goes on behind what was given.
            raise
        if isinstance(found, ReplayError):
            raise found
        return found

    async def aclose(self) -> None:
        """Disconnect; needed only where the reading is left before its end."""
        await self._found.aclose()

    @abstractmethod
    def _form(self, body: bytes, record: Record) -> Event:
        """Make of a stored event, and its record, what is given."""

    async def _read(self) -> AsyncGenerator[Event | ReplayError, None]:
        """Yield events, and what is wrong between them: a generator that raises is at its end."""
        async with Session(self._options) as session:
            queries = Queries(session, self._names, self._selection)
            while True:
                now = await queries.now()
                position = self._position or Position(now.table)
                if error := other_table(position, now, self._names):
                    raise error
                # What was begun with an earlier snapshot is ended with that one.
                is_latest = position.seeing is None
                self._position = position.looks_at(now.snapshot) if is_latest else position
                async with aclosing(self._seen(queries, self._position)) as found:
                    async for each in found:
                        yield each
                self._position = self._position.done()
                if is_latest and not self._selection.follow:
                    return
                if is_latest:
                    await asyncio.sleep(poll_interval)

    async def _seen(
        self, queries: Queries, position: Position
    ) -> AsyncGenerator[Event | ReplayError, None]:
        """Yield what the later snapshot of a position sees and the earlier one does not."""
        is_end = position.seeing == position.seen
        while not is_end:
            rows, is_end = await queries.page(position)
            for row in rows:
                self._position = position = position.gave(row.transaction, row.position)
                if (found := self._selected(row)) is not None:
                    yield found

    def _selected(self, row: Row) -> Event | ReplayError | None:
        body = row.body.encode()
        try:
            record = decode_record(body)
            return self._form(body, record) if self._selection.selects(record) else None
        except InvalidEventError as error:
            told = ReplayError(
                f"cannot read the row at position {row.position} of {self._names}: {error}; read"
                f" on behind it with the checkpoint {self.checkpoint}",
                record=body,
            )
            told.__cause__ = error
            return told


class PostgreSqlReader(_Reader[Envelope]):
    """Gives the selected events as envelopes."""

    def _form(self, body: bytes, record: Record) -> Envelope:  # noqa: ARG002 - of the other one
        return decode(body)


class PostgreSqlRecordReader(_Reader[Record]):
    """Gives the selected events as records, with the bytes that are stored."""

    def _form(self, body: bytes, record: Record) -> Record:  # noqa: ARG002 - of the other one
        return record
