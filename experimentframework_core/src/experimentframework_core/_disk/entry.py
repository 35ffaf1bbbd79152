"""A journal's rows as records in memory, and back: their bodies, and their times by two clocks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from experimentframework_core._disk.journal_data import Row
from experimentframework_core.codec import decode_record
from experimentframework_core.envelope import Record
from experimentframework_core.errors import InvalidEventError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


class Entry(msgspec.Struct, frozen=True, gc=False):
    """A record with its place in the journal; the garbage collector is spared it.

    Attributes:
        sequence: Its number, from 1, the same for ever.
        accepted_at: When it was accepted, on the channel's clock.
        slot: The hash of its ordering key.
        record: The record.
    """

    sequence: int
    accepted_at: float
    slot: int
    record: Record


class Clocks:
    """The channel's clock, by which records have their age, beside the wall's, which dates rows.

    Attributes:
        now: The channel's clock, in seconds.
    """

    def __init__(self, now: Callable[[], float], epoch: float) -> None:
        """Add ``epoch`` seconds to the time of the channel's clock for that since 1970."""
        self.now = now
        self._epoch = epoch

    def rows_of(self, entries: Iterable[Entry]) -> list[Row]:
        """Return what the journal keeps of these records."""
        epoch = self._epoch
        return [
            Row(
                each.sequence, round((each.accepted_at + epoch) * 1000), each.slot, each.record.body
            )
            for each in entries
        ]

    def accepted_at(self, row: Row) -> float:
        """Return a row's time on the channel's clock; never one that is still to come."""
        return min(row.accepted_at / 1000 - self._epoch, self.now())


def record_of(body: bytes) -> Record:
    """Return the record of a body that a journal gave; one that cannot be read is kept as it is."""
    try:
        return decode_record(body)
    except InvalidEventError:
        return Record(body, "(unreadable)", "0.0.0")
