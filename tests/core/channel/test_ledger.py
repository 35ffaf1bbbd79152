"""Every event's fate: counted once, its room given back, its waiters told."""

from __future__ import annotations

import asyncio

import pytest

from experimentframework_core._channel.ledger import Ledger
from experimentframework_core._rules.buffer import Buffer
from experimentframework_core.errors import (
    AckTimeoutError,
    DataPlaneClosedError,
    DeliveryError,
)
from tests.core._channels import ids, items, make, make_many


@pytest.fixture
def buffer() -> Buffer:
    return Buffer(max_events=3, max_bytes=1_000_000)


@pytest.fixture
def ledger(buffer: Buffer) -> Ledger:
    return Ledger("kafka", buffer)


def test_counts_by_type_and_gives_room_back(buffer: Buffer, ledger: Ledger) -> None:
    """Given three records with three fates, then each is counted and the buffer is empty."""
    records = make_many("abc")
    for record in records:
        buffer.offer(record)

    ledger.deliver(records[:1], [0])
    ledger.dead_letter(items(records[1:2]))
    ledger.expire(items(records[2:]))

    assert (ledger.delivered, ledger.dead_lettered, ledger.expired) == (
        {"exposure": 1},
        {"exposure": 1},
        {"exposure": 1},
    )
    assert (buffer.events, buffer.bytes, ledger.settled) == (0, 0, 3)


def test_counts_drops_by_reason(buffer: Buffer, ledger: Ledger) -> None:
    """Given drops before and after the buffer, then the reasons are told and room is right."""
    records = make_many("ab")
    for record in records:
        buffer.offer(record)

    ledger.drop(items(records), "shutdown")
    ledger.refuse(make("c"), "buffer_full")

    assert ledger.dropped_by_reason() == {"shutdown": 2, "buffer_full": 1}
    assert (ledger.refused, ledger.settled, buffer.events) == (1, 2, 0)


async def test_an_acknowledgement_ends_with_the_delivery(buffer: Buffer, ledger: Ledger) -> None:
    record = make("a")
    buffer.offer(record)
    ack = ledger.ack("a")

    ledger.deliver([record], [0])

    assert await ack is None  # type: ignore[func-returns-value]


@pytest.mark.parametrize(
    ("fate", "says"),
    [
        (lambda ledger, records: ledger.dead_letter(items(records)), "was dead-lettered"),
        (lambda ledger, records: ledger.expire(items(records)), "expired"),
        (
            lambda ledger, records: ledger.drop(items(records), "shutdown"),
            r"was dropped \(shutdown\)",
        ),
    ],
    ids=["dead letter", "expired", "dropped"],
)
async def test_an_acknowledgement_fails_with_any_other_fate(
    buffer: Buffer, ledger: Ledger, fate: object, says: str
) -> None:
    record = make("a")
    buffer.offer(record)
    ack = ledger.ack("a")

    fate(ledger, [record])  # type: ignore[operator]

    with pytest.raises(DeliveryError, match=f"event a {says} at backplane 'kafka'"):
        await ack


async def test_an_acknowledgement_that_nobody_awaits_is_forgotten(
    buffer: Buffer, ledger: Ledger
) -> None:
    """Given a caller that gave up, when its event is settled, then nothing is left behind."""
    record = make("a")
    buffer.offer(record)
    ledger.forget(record, ledger.ack("a"))
    other = ledger.ack("a")

    ledger.deliver([record], [0])
    await other
    await asyncio.sleep(0)

    assert ledger._acks == {}


class TestWrites:
    async def test_end_when_the_journal_holds_the_record(self, ledger: Ledger) -> None:
        """Given two records of one id, when one is written, then only its own wait ends."""
        first, second = make("a"), make("a")
        waits = ledger.write_of(first), ledger.write_of(second)

        ledger.written([first])

        assert [wait.done() for wait in waits] == [True, False]

    async def test_end_with_a_delivery(self, buffer: Buffer, ledger: Ledger) -> None:
        """Given a record that is delivered before it is written, then the wait ends well."""
        record = make("a")
        buffer.offer(record)
        wait = ledger.write_of(record)

        ledger.deliver([record], [0])

        assert wait.done()
        assert wait.exception() is None

    async def test_fail_with_any_other_fate(self, buffer: Buffer, ledger: Ledger) -> None:
        """Given a record that is dropped before it is written, then the wait fails."""
        record = make("a")
        buffer.offer(record)
        wait = ledger.write_of(record)

        ledger.drop(items([record]), "buffer_full")

        assert isinstance(wait.exception(), DeliveryError)

    async def test_are_forgotten(self, ledger: Ledger) -> None:
        record = make("a")

        ledger.forget(record, ledger.write_of(record))

        assert ledger._writes == {}

    @pytest.mark.parametrize("kind", ["ack", "write"])
    async def test_are_forgotten_when_their_time_ran_out(self, ledger: Ledger, kind: str) -> None:
        """Given a wait that ended by its deadline, then nothing of it is held until delivery."""
        record = make("a")
        wait = ledger.ack(record.event_id) if kind == "ack" else ledger.write_of(record)
        wait.set_exception(AckTimeoutError("late", event_id="a"))

        ledger.forget(record, wait)

        assert (ledger._acks, ledger._writes) == ({}, {})


class TestWaiting:
    async def test_for_room_is_first_come_first_served(
        self, buffer: Buffer, ledger: Ledger
    ) -> None:
        first = make_many("abc")
        for record in first:
            buffer.offer(record)
        waiting = [ledger.room_for(record) for record in make_many("de")]

        ledger.deliver(first[:1], [0])
        after_one = [future.done() for future in waiting]
        ledger.deliver(first[1:], [1])

        assert after_one == [True, False]
        assert [future.done() for future in waiting] == [True, True]
        assert ids(buffer.queues[0].records) == list("abcde")

    async def test_ends_for_all_at_the_closing(self, buffer: Buffer, ledger: Ledger) -> None:
        buffer.hold_back(newcomers=True)
        waiting = [ledger.room_for(record) for record in make_many("de")]

        ledger.turn_away(DataPlaneClosedError("closed"))

        for future in waiting:
            with pytest.raises(DataPlaneClosedError):
                await future
        assert buffer.offer(make("f"))

    async def test_passes_over_those_who_gave_up(self, buffer: Buffer, ledger: Ledger) -> None:
        first = make_many("abc")
        for record in first:
            buffer.offer(record)
        gone, patient = ledger.room_for(make("d")), ledger.room_for(make("e"))
        gone.cancel()

        ledger.deliver(first[:1], [0])

        assert patient.done()
        assert ids(buffer.queues[0].records) == list("abce")
