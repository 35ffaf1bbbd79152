"""What goes into a journal and comes out of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

import msgspec

from experimentframework_core.errors import DeliveryError, UnavailableError

Blocks = Mapping[int, bytes]
"""Settled numbers as bits, by the number of the block, see `Settled`."""


class DamagedError(UnavailableError):
    """The file can be read, but what it holds is not what was written."""


class GoneError(UnavailableError):
    """The file is not where it was opened: nothing that is written to it can be found again."""


class Row(NamedTuple):
    """One event of the journal.

    Attributes:
        sequence: Its number: 1, 2, 3 and so on, in the order of acceptance.
        accepted_at: When it was accepted, in ms since 1970-01-01 UTC by the wall clock.
        slot: CRC-32 of its ordering key; its lane is ``slot % lanes``.
        body: The encoded envelope.
    """

    sequence: int
    accepted_at: int
    slot: int
    body: bytes


class Commit(msgspec.Struct, frozen=True):
    """What one transaction writes: all of it or nothing.

    Attributes:
        rows: New rows, ascending; numbers of what was settled before may be missing.
        last: The highest number that the journal knows of now.
        bytes: The length of all unsettled bodies.
        below: Every smaller number is settled.
        blocks: Changed blocks of settled numbers above it; b"" removes one.
        trim: Ranges of settled numbers (first, last) whose rows may go now.
    """

    rows: Sequence[Row]
    last: int
    bytes: int
    below: int
    blocks: Blocks
    trim: Sequence[tuple[int, int]]


class Want(msgspec.Struct, frozen=True):
    """A lane's wish for its next rows.

    Attributes:
        after: They have greater sequence numbers.
        lane: Which lane it is,
        lanes: of how many.
        most: How many rows at most.
        most_bytes: How long their bodies are at most together, if there is more than one.
    """

    after: int
    lane: int
    lanes: int
    most: int
    most_bytes: int


class Page(msgspec.Struct, frozen=True):
    """A lane's next rows.

    Attributes:
        rows: Ascending; settled ones that are not trimmed yet may be among them. There may be
            none although the lane has more: so many rows of other lanes lie between.
        through: Every row of the lane up to this number is in ``rows`` or was before; search
            on after it. The last number that is committed, when the lane has no more.
    """

    rows: Sequence[Row]
    through: int


class State(NamedTuple):
    """What a journal says of itself, see `Commit`."""

    last: int
    below: int
    bytes: int


class Lost(msgspec.Struct, frozen=True):
    """What was found damaged. It is never delivered.

    Attributes:
        ranges: The sequence numbers (first, last) that are neither settled nor readable.
        quarantined: How many rows were found that are not what was written; they are kept in
            the journal's table ``quarantine``.
        copy: The folder in which the damaged files are.
    """

    ranges: Sequence[tuple[int, int]]
    quarantined: int
    copy: str


class Turn(msgspec.Struct, frozen=True):
    """What became of a commit, and of wishes for rows.

    Attributes:
        error: Why the commit, or else the reading, failed; None when both are done.
        pages: One for each want, in order; empty and without progress where reading failed.
        lost: What was found damaged on the way.
        committed: Whether the commit is in the file and synced. If not, it is to be given
            again, because it may be in the file nevertheless.
    """

    error: DeliveryError | None
    pages: Sequence[Page]
    lost: Lost | None = None
    committed: bool = True


class Opened(msgspec.Struct, frozen=True):
    """What a journal holds when it is opened.

    Attributes:
        last: The highest sequence number it knows of.
        below: Every smaller number is settled.
        blocks: Blocks of settled numbers above it.
        bytes: The length of all unsettled bodies.
        recovered: How many numbers are not settled.
        lost: What was found damaged.
        ends_at: Where the journal ends: its last number,
        cut: behind which damage took an unknown number of others.
    """

    last: int
    below: int
    blocks: Blocks
    bytes: int
    recovered: int
    lost: Lost | None
    ends_at: int
    cut: bool


class Store(Protocol):
    """What keeps rows through the end of the process: a `Journal`, or a test's stand-in."""

    @property
    def wrote(self) -> Commit | None:
        """The last commit that is in the file and synced; None before the first."""

    async def open(self) -> Opened:
        """See `Journal.open`."""

    async def turn(self, commit: Commit | None, wants: Sequence[Want]) -> Turn:
        """See `Journal.turn`."""

    async def aclose(self) -> None:
        """See `Journal.aclose`."""
