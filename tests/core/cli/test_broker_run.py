"""A run over a broker's dead letters: its counts, and its end before the last one."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from typing import TYPE_CHECKING

import pytest

from experimentframework_core._reading.source import Source
from experimentframework_core.broker_letters import LetterOutcome
from experimentframework_core.cli._broker_letters import Chosen
from experimentframework_core.cli._broker_run import Run
from experimentframework_core.plugin import ChannelSettings
from tests.core.cli._broker import broker, letter, plugin

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Collection

    from experimentframework_core.broker_letters import BrokerDeadLetters

SOURCE = Source("pigeon", plugin, ChannelSettings())


def run_of(*keys: str) -> Run:
    """Return a run over these letters."""
    return Run(SOURCE, Chosen(list(keys), more=False), "requeued")


async def test_a_signal_ends_it_with_what_is_done() -> None:
    """Given a signal behind the first letter, When it runs, Then one is done and two are left."""
    broker.reset(*map(letter, "abc"))

    async def act(letters: BrokerDeadLetters, keys: Collection[str]) -> Outcomes:
        async for outcome in letters.requeue(keys):
            yield outcome
            os.kill(os.getpid(), signal.SIGINT)
            await asyncio.Event().wait()

    run = run_of("a", "b", "c")
    await run.take(act)

    assert (run.stopped_by, run.ok, run.adds_up) == (signal.SIGINT, False, True)
    assert (run.done, run.as_document()["notReached"]) == (1, 2)


async def test_what_ends_behind_a_signal_is_counted() -> None:
    """Given a plugin that ends what is under way, When a signal comes, Then that is counted."""

    async def act(_letters: BrokerDeadLetters, _keys: Collection[str]) -> Outcomes:
        os.kill(os.getpid(), signal.SIGINT)
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
        yield LetterOutcome(key="a")
        yield LetterOutcome(key="b", left="it is large")
        raise asyncio.CancelledError

    run = run_of("a", "b", "c")
    await run.take(act)

    assert (run.stopped_by, run.done, run.left) == (signal.SIGINT, 1, {"it is large": 1})
    assert (run.adds_up, run.as_document()["notReached"]) == (True, 1)


@pytest.mark.parametrize("keys", [["a", "a"], ["z"]])
async def test_a_fate_too_many_does_not_add_up(keys: list[str]) -> None:
    """Given a plugin that tells of a letter twice, or of a strange one, Then that is said."""

    async def act(_letters: BrokerDeadLetters, _keys: Collection[str]) -> Outcomes:
        for key in keys:
            yield LetterOutcome(key=key)

    run = run_of("a")
    await run.take(act)

    assert not run.adds_up
    assert "The counts do not add up" in list(run.troubles())[-1]


async def test_reasons_that_differ_each_time_are_told_together() -> None:
    """Given more reasons than anybody reads, When it runs, Then the rest is one."""
    keys = [str(number) for number in range(50)]

    async def act(_letters: BrokerDeadLetters, _keys: Collection[str]) -> Outcomes:
        for key in keys:
            yield LetterOutcome(key=key, left=f"request {key}")

    run = run_of(*keys)
    await run.take(act)

    assert (len(run.left), run.left["for other reasons"], run.adds_up) == (21, 30, True)


if TYPE_CHECKING:
    Outcomes = AsyncGenerator[LetterOutcome, None]
