"""The dead letters of queues and subscriptions: looks at them, sends them again, removes them."""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING

from experimentframework_core.broker_letters import LetterOutcome
from experimentframework_servicebus._connection.errors import MissingError
from experimentframework_servicebus._letters.copies import Copies
from experimentframework_servicebus._letters.letter import key_of, letter_of
from experimentframework_servicebus._letters.receiver import DeadReceiver
from experimentframework_servicebus._letters.taking import Taking
from experimentframework_servicebus._namespace.entities import places_of
from experimentframework_servicebus._reading.pages import up_to_end
from experimentframework_servicebus._reading.peeking import Peeker

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Collection, Iterator, Sequence

    from azure.servicebus import ServiceBusReceivedMessage as Message
    from azure.servicebus.aio import ServiceBusClient

    from experimentframework_core.broker_letters import BrokerLetter
    from experimentframework_servicebus._connection.calls import Calls
    from experimentframework_servicebus._namespace.entities import Place
    from experimentframework_servicebus._options import ServiceBusOptions


class ServiceBusDeadLetters:
    """The dead letters of every queue or subscription that the options name.

    Where each type has its own, those that do not exist have none.
    """

    def __init__(self, options: ServiceBusOptions, client: ServiceBusClient, calls: Calls) -> None:
        """Store where to look; it connects when somebody does."""
        self._options = options
        self._client = client
        self._calls = calls
        self._places = [each._replace(dead_letters=True) for each in places_of(options)]

    async def look(self) -> AsyncGenerator[BrokerLetter, None]:
        """Yield those that are there, of each place in the order of their numbers.

        Raises:
            UnavailableError: The service refuses us, or none of the places exists.
            TransientError: It does not answer.
        """
        missing: list[MissingError] = []
        for place in self._places:
            peeker = Peeker(self._client, place, self._options, self._calls)
            try:
                async with aclosing(up_to_end(peeker, {})) as messages:
                    async for message in messages:
                        yield letter_of(message, place)
            except MissingError as error:
                missing.append(error)
            finally:
                peeker.drop()
        if len(missing) == len(self._places):
            raise MissingError("; ".join(map(str, missing)))

    async def requeue(self, keys: Collection[str]) -> AsyncGenerator[LetterOutcome, None]:
        """Send letters to their queue or topic, and remove each one whose copy was seen there.

        Raises:
            UnavailableError: The service refuses us.
            TransientError: It does not answer; what has no outcome is still there, and may have a
                copy already.
        """
        for place, wanted in self._wanted(keys):
            receiver = self._receiver(place)
            copies = Copies(self._client, place.entity, self._options, self._calls)
            again = _Again(receiver, copies)
            try:
                async with aclosing(_outcomes(Taking(receiver, wanted, again), place)) as outcomes:
                    async for outcome in outcomes:
                        yield outcome
            finally:
                receiver.drop()
                copies.drop()

    async def purge(self, keys: Collection[str]) -> AsyncGenerator[LetterOutcome, None]:
        """Remove letters for ever.

        Raises:
            UnavailableError: The service refuses us.
            TransientError: It does not answer; what has no outcome is still there.
        """
        for place, wanted in self._wanted(keys):
            receiver = self._receiver(place)
            taking = Taking(receiver, wanted, receiver.complete)
            try:
                async with aclosing(_outcomes(taking, place)) as outcomes:
                    async for outcome in outcomes:
                        yield outcome
            finally:
                receiver.drop()

    def _receiver(self, place: Place) -> DeadReceiver:
        return DeadReceiver(self._client, place, self._options, self._calls)

    def _wanted(self, keys: Collection[str]) -> Iterator[tuple[Place, set[int]]]:
        """Yield the places that have wanted letters, with the numbers of those."""
        numbers: dict[str, set[int]] = {}
        for key in keys:
            path, _, number = key.rpartition("#")
            numbers.setdefault(path, set()).add(int(number))
        for place in self._places:
            wanted = numbers.get(str(place._replace(dead_letters=False)))
            if wanted:
                yield place, wanted


class _Again:
    """Sends letters again, and removes those whose copies are stored."""

    def __init__(self, receiver: DeadReceiver, copies: Copies) -> None:
        self._receiver = receiver
        self._copies = copies

    async def __call__(self, messages: Sequence[Message]) -> list[str | None]:
        left = await self._copies.put(messages)
        stored = [index for index, why in enumerate(left) if why is None]
        kept = await self._receiver.complete([messages[index] for index in stored])
        for index, why in zip(stored, kept, strict=True):
            if why is not None:
                left[index] = (
                    f"its copy is stored, but it is still there, and would be sent twice: {why}"
                )
        return left


async def _outcomes(taking: Taking, place: Place) -> AsyncGenerator[LetterOutcome, None]:
    async with aclosing(taking.outcomes()) as outcomes:
        async for number, left in outcomes:
            yield LetterOutcome(key=key_of(place, number), left=left)
