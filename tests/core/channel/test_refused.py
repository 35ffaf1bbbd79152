"""Refused records on their way to the store, or dropped."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from experimentframework_core._channel.ledger import Ledger
from experimentframework_core._channel.refused import PendingDeadLetters
from experimentframework_core._log import Repeated
from experimentframework_core._rules.batch import Item
from experimentframework_core._rules.buffer import Buffer
from experimentframework_core._rules.schedule import Refusal
from experimentframework_core.errors import PermanentError
from tests.core._channels import LettersInMemory, make

if TYPE_CHECKING:
    import pytest


class Desk:
    """A ledger with records in its buffer, and what passes refusals on."""

    def __init__(self, store: LettersInMemory | None) -> None:
        self.buffer = Buffer(max_events=10, max_bytes=100_000)
        self.ledger = Ledger("kafka", self.buffer)
        self.letters = PendingDeadLetters(
            "kafka",
            store,
            ledger=self.ledger,
            timeout=5,
            warnings=Repeated(lambda: 0.0),
            origin="/srv/experiments.yaml",
        )

    def refuse(self, *names: str, lane: int = 0, details: str | None = None) -> None:
        for sequence, name in enumerate(names):
            record = make(name)
            self.buffer.offer(record)
            item = Item(record, sequence, 10.0, offered=4, attempts=1, first_failed_at=40.0)
            refusal = Refusal(item, "refused", PermanentError("too long"), details)
            self.letters.add(lane, [refusal], 100.0)


async def test_what_is_written_is_settled() -> None:
    """Given refusals, when they are written, then they are counted and their room is free."""
    store = LettersInMemory()
    desk = Desk(store)
    desk.refuse("a", "b")
    before = (
        desk.letters.pending(0),
        [item.sequence for item in desk.letters.items(0)],
        desk.buffer.events,
    )

    await desk.letters.write(0, 100.0)

    assert before == (True, [0, 1], 2)
    assert (desk.letters.pending(0), desk.buffer.events) == (False, 0)
    assert desk.ledger.dead_lettered.total() == 2


async def test_a_letter_has_the_whole_story() -> None:
    store = LettersInMemory()
    desk = Desk(store)
    desk.refuse("a", details="Traceback \ud800")

    await desk.letters.write(0, 100.0)

    (letter,) = store.letters
    assert (letter.attempts, letter.reason, letter.error) == (4, "refused", "too long")
    assert (letter.last_at - letter.first_at).total_seconds() == 60
    assert letter.traceback == "Traceback \\ud800"
    assert letter.origin == "/srv/experiments.yaml"


async def test_what_cannot_be_written_stays(caplog: pytest.LogCaptureFixture) -> None:
    """Given a store that fails, then letters stay, the error is told, and it rests a moment."""
    store = LettersInMemory()
    store.failure = OSError("disk full")
    desk = Desk(store)
    desk.refuse("a")

    await desk.letters.write(0, 100.0)
    await desk.letters.write(0, 0.0)

    assert desk.letters.pending(0)
    assert (desk.letters.error, store.attempts) == (store.failure, 1)
    assert "dead_letter_failed" in caplog.text


async def test_lanes_have_letters_of_their_own() -> None:
    store = LettersInMemory()
    desk = Desk(store)
    desk.refuse("a", lane=0)
    desk.refuse("b", lane=1)

    await desk.letters.write(1, 100.0)

    assert [letter.event_id for letter in store.letters] == ["b"]
    assert [item.record.event_id for item in desk.letters.leave(0)] == ["a"]
    assert not desk.letters.pending(0)


def test_without_a_store_refusals_are_dropped(caplog: pytest.LogCaptureFixture) -> None:
    """Given onFailure drop, then a refusal is counted, and said."""
    desk = Desk(None)

    with caplog.at_level(logging.WARNING):
        desk.refuse("a")

    assert desk.ledger.dropped_by_reason() == {"refused": 1}
    assert (desk.buffer.events, desk.letters.pending(0)) == (0, False)
    assert "events_dropped" in caplog.text
