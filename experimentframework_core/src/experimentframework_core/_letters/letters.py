"""What a dead letter is, which ones are meant, and what keeps them."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import msgspec

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence


class DeadLetter(msgspec.Struct, frozen=True, kw_only=True):
    """An event that was refused, or ran out of attempts, with its story.

    Attributes:
        event_id: The event's id.
        event_type: The registered name of its type.
        experiment: Its experiment, or None.
        body: The event's canonical JSON, untouched.
        backplane: The name of the backplane that did not take it.
        reason: Why it was given up, as the channel names it.
        error: The backplane's last error, in its own words.
        error_class: The name of the error's class.
        attempts: How often it was offered.
        first_at: When it was offered first, in UTC.
        last_at: When it was offered last, in UTC.
        traceback: Where the backplane raised, if that was a bug of it.
        origin: The configuration of the plane: the absolute paths of the files that say its
            ``dataPlane``, sorted, as in ``PATH`` where they are several. Empty where its options
            were made in Python.
    """

    event_id: str
    event_type: str
    experiment: str | None = None
    body: bytes
    backplane: str
    reason: str
    error: str
    error_class: str
    attempts: int
    first_at: datetime
    last_at: datetime
    traceback: str | None = None
    origin: str = ""


class StoredLetter(msgspec.Struct, frozen=True):
    """A dead letter in its store.

    Attributes:
        position: Its place in the store, for `ReadableLetters.remove`; no other letter gets it.
        stored_at: When the store got it, in UTC.
        letter: The dead letter.
    """

    position: int
    stored_at: datetime
    letter: DeadLetter


class LetterFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which dead letters are meant. Every given criterion must hold; empty means all of them.

    Attributes:
        types: Event types by name.
        experiments: Experiment names.
        backplanes: Names of the backplanes that did not take them.
        reasons: ``refused``, ``attempts`` or ``plugin_error``.
        ids: Event ids.
        origins: Configurations, as `DeadLetter.origin` names them.
        since: The first time, inclusive; compared with ``last_at``.
        until: The last time, exclusive; the same.
        after: The position behind which they are in their store; 0 for all.
    """

    types: tuple[str, ...] = ()
    experiments: tuple[str, ...] = ()
    backplanes: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()
    ids: tuple[str, ...] = ()
    origins: tuple[str, ...] = ()
    since: datetime | None = None
    until: datetime | None = None
    after: int = 0


EVERY_LETTER = LetterFilter()
"""The filter that takes all of them."""


class DeadLetterStore(Protocol):
    """Takes dead letters, so that somebody can look at them."""

    @property
    def location(self) -> str:
        """Where they are, for a person: a path, or a destination's name."""

    async def write(self, letters: Sequence[DeadLetter]) -> None:
        """Return once all are durable.

        One event of one backplane and one origin is kept once: the last counts.

        Raises:
            TransientError: Not confirmed, possibly written; write them again.
            UnavailableError: The store is misconfigured or refuses us.
        """

    async def aclose(self) -> None:
        """Close the store; nothing that was confirmed is lost."""


@runtime_checkable
class ReadableLetters(DeadLetterStore, Protocol):
    """A store that gives its dead letters back; other processes may write it meanwhile.

    All of it may raise TransientError, where the file is locked or fails, and UnavailableError,
    where it is missing, of another kind, or of a newer version.
    """

    def select(self, chosen: LetterFilter = EVERY_LETTER) -> AsyncGenerator[StoredLetter, None]:
        """Yield what is there now, oldest position first, in bounded memory; no lock is kept."""

    async def count(self, chosen: LetterFilter = EVERY_LETTER) -> int:
        """Return how many there are."""

    async def origins(self, chosen: LetterFilter = EVERY_LETTER) -> dict[str, int]:
        """Return how many there are of each origin, sorted."""

    async def purge(self, chosen: LetterFilter = EVERY_LETTER) -> int:
        """Remove for ever what is there now, a slice at a time; return how many that were."""

    async def remove(self, positions: Sequence[int]) -> int:
        """Remove the letters at these positions; return how many of them were there."""
