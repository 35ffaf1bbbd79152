"""What a consumer gets: an event that is locked for it, until it says what becomes of it."""

from __future__ import annotations

from contextlib import contextmanager
from itertools import groupby
from typing import TYPE_CHECKING

from experimentframework_core.errors import TransientError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from azure.servicebus import ServiceBusReceivedMessage

    from experimentframework_core.envelope import Envelope
    from experimentframework_servicebus._receiving.link import Link

_GROUP = 500
"""Messages that are settled at the same time; the client waits least in few and large groups."""

_BEGUN = "given twice, or being settled"
"""What is said of a message while it is settled, and of one that is given twice."""

_LONGEST = 4096
"""Most characters of a reason or description that the service takes."""


class Received:
    """One message of a queue or subscription, locked for whoever received it.

    Say what becomes of it with `complete`, `abandon` or `dead_letter`, once. Otherwise it comes
    again when its lock is over; how often, the queue or subscription says.

    Attributes:
        envelope: The event; None where the message holds none that can be read here.
        problem: Why there is no envelope; None where there is one.
        body: The bytes of the message.
        message: The client's own message: its properties, number, times and lock.
    """

    def __init__(
        self,
        message: ServiceBusReceivedMessage,
        link: Link,
        body: bytes,
        *,
        envelope: Envelope | None = None,
        problem: str | None = None,
    ) -> None:
        """Hold a message; a `Consumer` makes these."""
        self.envelope = envelope
        self.problem = problem
        self.body = body
        self.message = message
        self._link = link
        self._settled = ""

    @property
    def session(self) -> str | None:
        """The session; None where there is none."""
        return self.message.session_id

    @property
    def deliveries(self) -> int:
        """How often it was delivered before, in vain."""
        return self.message.delivery_count or 0

    async def complete(self) -> None:
        """Remove it: it is done with.

        Raises:
            TransientError: Its lock is lost, or it is not known whether it was removed; it comes
                again.
            RuntimeError: It is settled already.
        """
        await complete_all([self])

    async def abandon(self) -> None:
        """Give it back: it comes again at once, to this consumer or another.

        Raises:
            TransientError: Its lock is lost, or it is not known whether it was given back; it comes
                again.
            RuntimeError: It is settled already.
        """
        with _settling([self]):
            await self._link.abandon(self.message)
            self._settled = "abandoned"

    async def dead_letter(self, reason: str, description: str = "") -> None:
        """Put it among the dead letters of the queue or subscription.

        Args:
            reason: What is wrong with it, in a word.
            description: The same for a person; at most 4,096 characters are kept.

        Raises:
            TransientError: Its lock is lost, or it is not known whether it was put there; it comes
                again.
            RuntimeError: It is settled already.
        """
        with _settling([self]):
            await self._link.dead_letter(self.message, reason[:_LONGEST], description[:_LONGEST])
            self._settled = "among the dead letters"

    async def renew_lock(self) -> datetime:
        """Keep it for longer; in a session, keep the session. Return until when.

        Raises:
            TransientError: The lock is lost; it comes again.
            RuntimeError: It is settled already.
        """
        self._check()
        return await self._link.renew(self.message)

    def _check(self) -> None:
        if self._settled:
            number, place = self.message.sequence_number, self._link.place
            raise RuntimeError(f"message {number:,} of '{place}' is {self._settled} already")


async def complete_all(received: Sequence[Received]) -> None:
    """Remove events, as `Received.complete` does, many at the same time.

    Raises:
        TransientError: Some could not be removed; all others are.
        RuntimeError: One is settled already, or given twice; nothing was done.
    """
    with _settling(received):
        failures = await _complete(received)
    if len(received) == 1 and failures:
        raise failures[0]
    if failures:
        raise TransientError(
            f"{len(failures):,} of {len(received):,} events are not completed; the first: "
            f"{failures[0]}"
        ) from failures[0]


@contextmanager
def _settling(received: Sequence[Received]) -> Iterator[None]:
    """Keep others from settling these meanwhile; whichever is not settled then can be again."""
    begun: list[Received] = []
    try:
        for each in received:
            each._check()  # noqa: SLF001 - of this module
            each._settled = _BEGUN  # noqa: SLF001
            begun.append(each)
        yield
    finally:
        for each in begun:
            if each._settled == _BEGUN:  # noqa: SLF001
                each._settled = ""  # noqa: SLF001


async def _complete(received: Sequence[Received]) -> list[TransientError]:
    failures: list[TransientError] = []
    for link, its in groupby(received, key=lambda each: each._link):  # noqa: SLF001
        group = list(its)
        for start in range(0, len(group), _GROUP):
            portion = group[start : start + _GROUP]
            outcomes = await link.complete([each.message for each in portion])
            for each, failure in zip(portion, outcomes, strict=True):
                if failure is None:
                    each._settled = "completed"  # noqa: SLF001
                else:
                    failures.append(failure)
    return failures
