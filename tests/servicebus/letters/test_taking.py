"""Which dead letters are met, which are locked meanwhile, and when it ends."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, cast

import pytest
from azure.servicebus.amqp import AmqpAnnotatedMessage

from experimentframework_core.errors import TransientError
from experimentframework_servicebus._letters.taking import GONE, Outcome, Taking
from tests.servicebus.letters._received import received

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from azure.servicebus import ServiceBusReceivedMessage as Message

    from experimentframework_servicebus._letters.receiver import DeadReceiver


def message(number: int) -> Message:
    """Return a message with this number."""
    annotations = {b"x-opt-sequence-number": {"TYPE": "LONG", "VALUE": number}}
    return received(AmqpAnnotatedMessage(data_body=b"x" * 1000, annotations=annotations))  # type: ignore[arg-type]


def numbers(messages: Collection[Message]) -> list[int]:
    """Return their numbers."""
    return [each.sequence_number or 0 for each in messages]


class Receiver:
    """Gives the batches of a test, then nothing.

    Attributes:
        back: What was given back.
        acted: What was to be done with, by call.
        left: Why letters are left, by number.
    """

    def __init__(self, *batches: list[int], fails: bool = False) -> None:
        self._batches = [list(map(message, batch)) for batch in batches]
        self._fails = fails
        self.back: list[int] = []
        self.acted: list[list[int]] = []
        self.left: dict[int, str] = {}

    async def take(self) -> Sequence[Message]:
        if not self._batches and self._fails:
            raise TransientError("no answer")
        return self._batches.pop(0) if self._batches else []

    async def act(self, messages: Sequence[Message]) -> list[str | None]:
        self.acted.append(numbers(messages))
        return [self.left.get(each) for each in numbers(messages)]

    async def give_back(self, messages: Collection[Message]) -> None:
        self.back += numbers(messages)

    def taking(self, *wanted: int) -> Taking:
        return Taking(cast("DeadReceiver", self), set(wanted), self.act)


async def test_the_wanted_ones_are_acted_on_and_no_more_are_taken() -> None:
    """Given many, When the last wanted one was met, Then what is behind it is not locked."""
    receiver = Receiver([1, 2], [3, 4], [5, 6])

    outcomes = [each async for each in receiver.taking(2, 3).outcomes()]

    assert outcomes == [Outcome(2, None), Outcome(3, None)]
    assert (receiver.acted, receiver.back) == ([[2], [3]], [1, 4])


async def test_what_is_left_is_given_back_at_the_end() -> None:
    """Given one that cannot be done, When it goes on, Then it is given back with the others."""
    receiver = Receiver([1, 2, 3])
    receiver.left = {2: "too large"}

    outcomes = [each async for each in receiver.taking(1, 2).outcomes()]

    assert outcomes == [Outcome(1, None), Outcome(2, "too large")]
    assert receiver.back == [2, 3]


async def test_what_is_not_met_is_said_to_be_gone() -> None:
    """Given wanted ones that do not come, When nothing comes any more, Then they are gone."""
    receiver = Receiver([1])

    outcomes = [each async for each in receiver.taking(8, 1, 7).outcomes()]

    assert outcomes == [Outcome(1, None), Outcome(7, GONE), Outcome(8, GONE)]


async def test_a_failure_gives_back_what_is_locked() -> None:
    """Given a service that fails, When it does, Then it is told, and what is held is given back."""
    receiver = Receiver([1, 2], fails=True)
    outcomes = []

    with pytest.raises(TransientError):
        outcomes += [each async for each in receiver.taking(2, 9).outcomes()]

    assert receiver.back == [1]


async def test_whoever_leaves_gives_back_what_is_locked() -> None:
    """Given a reader that leaves early, When it is closed, Then what is held is given back."""
    receiver = Receiver([1, 2, 3])
    outcomes = receiver.taking(1, 2, 3).outcomes()

    await anext(outcomes)
    await outcomes.aclose()

    assert receiver.back == [2, 3]


async def test_it_ends_where_only_others_come(monkeypatch: pytest.MonkeyPatch) -> None:
    """Given others that come again and again, When patience is over, Then it ends."""
    monkeypatch.setattr("experimentframework_servicebus._letters.taking.PATIENCE", -1.0)
    receiver = Receiver(*[[1]] * 5)

    outcomes = [each async for each in receiver.taking(9).outcomes()]

    assert outcomes == [Outcome(9, GONE)]


async def test_what_is_held_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Given more than may be held, When they are passed, Then the first are not given back."""
    monkeypatch.setattr("experimentframework_servicebus._letters.taking.MOST_HELD", 5000)
    receiver = Receiver([1, 2], [3, 4], [5, 6, 9])

    outcomes = [each async for each in receiver.taking(9).outcomes()]

    assert outcomes == [Outcome(9, None)]
    assert receiver.back == [5, 6]


async def test_a_cancellation_lets_what_is_under_way_end() -> None:
    """Given it acts, When it is cancelled, Then those have outcomes, and no more are taken."""
    receiver = Receiver([1, 2], [3])
    acting, finish = asyncio.Event(), asyncio.Event()

    async def act(messages: Sequence[Message]) -> list[str | None]:
        acting.set()
        await finish.wait()
        return await receiver.act(messages)

    outcomes: list[Outcome] = []

    async def run() -> None:
        taking = Taking(cast("DeadReceiver", receiver), {1, 2, 3}, act)
        async for each in taking.outcomes():
            outcomes.append(each)  # noqa: PERF401 - what came before the cancellation counts

    running = asyncio.create_task(run())
    await acting.wait()
    running.cancel()
    await asyncio.sleep(0)
    finish.set()
    await asyncio.wait((running,))

    assert running.cancelled()
    assert (outcomes, receiver.acted) == ([Outcome(1, None), Outcome(2, None)], [[1, 2]])


async def test_a_second_cancellation_ends_at_once() -> None:
    """Given it was cancelled and acts still, When it is cancelled again, Then so is the act."""
    receiver = Receiver([1])
    acting = asyncio.Event()
    ended: list[str] = []

    async def act(_messages: Sequence[Message]) -> list[str | None]:
        acting.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("act")
        return []

    running = asyncio.ensure_future(
        anext(Taking(cast("DeadReceiver", receiver), {1}, act).outcomes())
    )
    await acting.wait()
    running.cancel()
    await asyncio.sleep(0)
    assert not running.done()
    running.cancel()
    await asyncio.wait((running,))

    assert (running.cancelled(), ended, receiver.back) == (True, ["act"], [1])
