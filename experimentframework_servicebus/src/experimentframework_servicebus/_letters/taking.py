"""Goes through the dead letters of one queue or subscription for those that are wanted."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from experimentframework_servicebus._letters.letter import size_of

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Coroutine, Sequence

    from azure.servicebus import ServiceBusReceivedMessage as Message

    from experimentframework_servicebus._letters.receiver import DeadReceiver

    Act: TypeAlias = Callable[[Sequence[Message]], Coroutine[object, object, Sequence[str | None]]]

GONE = "somebody else has it, or it is not there any more"
"""Why a letter was not met."""

PATIENCE = 60.0
"""Seconds without a wanted letter after which no more are looked for.

The service gives dead letters in order only. Those that are passed are locked for us, and come
again when that is over: where they are very many, we would never come to an end.
"""

MOST_HELD = 32 * 1024 * 1024
"""Bytes of letters that are kept to be given back; of others the locks run out by themselves."""


class Outcome(NamedTuple):
    """What became of a letter: its number, and why it is still there."""

    number: int
    left: str | None


class Taking:
    """Takes the wanted letters under locks, as they come, and has something done with them.

    Whatever else comes before them is locked meanwhile, and given back at the end.
    """

    def __init__(self, receiver: DeadReceiver, wanted: set[int], act: Act) -> None:
        """Begin with nothing taken.

        Args:
            receiver: Where they come from.
            wanted: The numbers of those that are wanted.
            act: Does it, and returns of each letter why it is still there.
        """
        self._receiver = receiver
        self._wanted = wanted
        self._act = act
        self._held: dict[int, Message] = {}
        self._bytes = 0

    async def outcomes(self) -> AsyncGenerator[Outcome, None]:
        """Yield the outcome of each wanted letter.

        Where it is cancelled, what is under way ends and has its outcomes, before the cancellation
        is raised; a second one is raised at once.

        Raises:
            TransientError: It cannot be gone on with; what has no outcome is still there.
        """
        now = asyncio.get_running_loop().time
        until = now() + PATIENCE
        try:
            while self._wanted and now() < until:
                messages = await self._receiver.take()
                if not messages:
                    break
                mine = self._hold(messages)
                if not mine:
                    continue
                left, cancelled = await self._acted(mine)
                until = now() + PATIENCE
                for message, why in zip(mine, left, strict=True):
                    number = message.sequence_number or 0
                    self._wanted.discard(number)
                    if why is None:
                        self._let_go(number)
                    yield Outcome(number, why)
                if cancelled:
                    raise asyncio.CancelledError
        finally:
            await self._receiver.give_back(self._held.values())
        for number in sorted(self._wanted):
            yield Outcome(number, GONE)

    async def _acted(self, messages: Sequence[Message]) -> tuple[Sequence[str | None], bool]:
        """Act to the end; return what is left, and whether it was cancelled meanwhile."""
        acting = asyncio.create_task(self._act(messages))
        try:
            try:
                await asyncio.wait((acting,))
            except asyncio.CancelledError:
                await asyncio.wait((acting,))
                return acting.result(), True
        finally:
            acting.cancel()
        return acting.result(), False

    def _hold(self, messages: Sequence[Message]) -> list[Message]:
        """Keep all of these, and return those that are wanted."""
        mine = []
        for message in messages:
            number = message.sequence_number or 0
            self._let_go(number)
            self._held[number] = message
            self._bytes += size_of(message)
            if number in self._wanted:
                mine.append(message)
        while self._bytes > MOST_HELD and len(self._held) > len(messages):
            self._let_go(next(iter(self._held)))
        return mine

    def _let_go(self, number: int) -> None:
        message = self._held.pop(number, None)
        if message is not None:
            self._bytes -= size_of(message)
