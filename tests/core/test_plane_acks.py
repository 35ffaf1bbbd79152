"""Acknowledgements: when a publish that waits for one returns, and when it raises."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from experimentframework_core import AckTimeoutError, DeadLetterOptions, DeliveryError, RetryOptions
from experimentframework_core.config import DeadLetterStoreOptions
from experimentframework_core.errors import PermanentError, TransientError
from experimentframework_core.testing import (
    FaultyBackplane,
    Hang,
    fail,
    make_envelope,
    make_exposure,
)
from tests.core._planes import Backplanes, in_virtual_time, opened, sunk
from tests.core._publishing import small

if TYPE_CHECKING:
    from pathlib import Path


DOWN = TransientError("down")


async def test_delivered_is_acknowledged_after_delivery() -> None:
    """Given a good destination, when ack is delivered, then it has arrived at the return."""
    faulty = FaultyBackplane()

    async with opened(faulty, flush_interval_ms=1) as plane:
        receipt = await plane.publish(make_exposure(), ack="delivered")
        arrived = [record.event_id for record in sunk(faulty)]

    assert receipt.status == "delivered"
    assert arrived == [receipt.event_id]


async def test_the_configured_acknowledgement_is_the_default() -> None:
    """Given ack: delivered in the options, when a bare publish returns, then it has arrived."""
    async with opened(FaultyBackplane(), ack="delivered", flush_interval_ms=1) as plane:
        assert (await plane.publish(make_exposure())).status == "delivered"
        assert (await plane.publish(make_exposure(), ack="accepted")).status == "accepted"
        assert plane.publish_nowait(make_exposure()).status == "accepted"


@pytest.mark.parametrize(("ack", "said"), [("durable", "buffer on disk"), ("never", "expected")])
async def test_an_acknowledgement_that_cannot_be_given_is_refused(ack: Any, said: str) -> None:
    """Given durable without a disk buffer, or nonsense, when published, it is a ValueError."""
    async with opened(FaultyBackplane()) as plane:
        for _ in range(2):
            with pytest.raises(ValueError, match=said):
                await plane.publish(make_exposure(), ack=ack)
            await plane.publish(make_exposure())

    assert plane.statistics().rejected == 2


async def test_a_dead_lettered_event_is_a_delivery_error(tmp_path: Path) -> None:
    """Given a refusal, when delivered is awaited, then the error says that it is a dead letter."""
    refusing = FaultyBackplane(afterwards=fail(PermanentError("no such shop")))
    letters = DeadLetterOptions(options=DeadLetterStoreOptions(path=str(tmp_path / "dead.db")))

    async with opened(
        refusing, on_failure="deadLetter", dead_letter=letters, flush_interval_ms=1
    ) as plane:
        with pytest.raises(DeliveryError, match="dead-lettered"):
            await plane.publish(make_exposure(), ack="delivered")

    assert plane.statistics().backplanes["FaultyBackplane"].dead_lettered == 1


async def test_a_dropped_event_is_a_delivery_error() -> None:
    """Given onFailure: drop, when a refused event's delivery is awaited, the error says so."""
    refusing = FaultyBackplane(afterwards=fail(PermanentError("no such shop")))

    async with opened(refusing, flush_interval_ms=1) as plane:
        with pytest.raises(DeliveryError, match="dropped"):
            await plane.publish(make_exposure(), ack="delivered")


async def test_an_event_without_room_is_a_delivery_error() -> None:
    """Given a full buffer that drops, when delivery is awaited, then the error comes at once."""
    hang = Hang()
    async with opened(
        FaultyBackplane([hang]), buffer=small("dropNewest"), flush_interval_ms=1
    ) as plane:
        for _ in range(2):
            plane.publish_nowait(make_exposure())
        await hang.started.wait()
        with pytest.raises(DeliveryError, match="buffer_full"):
            await plane.publish(make_exposure(), ack="delivered")
        hang.release()


def test_an_expired_event_is_a_delivery_error() -> None:
    """Given maxAgeMs and an outage, when delivery is awaited, the error says that it expired."""

    async def scenario() -> None:
        down = FaultyBackplane(afterwards=fail(DOWN))
        async with opened(
            down, retry=RetryOptions(max_age_ms=3000), flush_interval_ms=1, shutdown_timeout_ms=10
        ) as plane:
            with pytest.raises(DeliveryError, match="expired"):
                await plane.publish(make_exposure(), ack="delivered")

    in_virtual_time(scenario())


def test_a_late_acknowledgement_times_out_and_the_event_arrives_later() -> None:
    """Given an outage longer than ackTimeoutMs, when it ends, then the event is delivered."""

    async def scenario() -> tuple[str, list[str]]:
        hang = Hang()
        faulty = FaultyBackplane([hang])
        async with opened(faulty, ack_timeout_ms=2000, flush_interval_ms=1) as plane:
            with pytest.raises(AckTimeoutError, match="queued") as caught:
                await plane.publish(make_exposure(), ack="delivered")
            assert sunk(faulty) == []
            hang.release()
        return caught.value.event_id, [record.event_id for record in sunk(faulty)]

    event_id, arrived = in_virtual_time(scenario())

    assert arrived == [event_id]


def test_an_acknowledgement_waits_through_an_outage() -> None:
    """Given an outage shorter than ackTimeoutMs, when it ends, then publish returns delivered."""

    async def scenario() -> str:
        faulty = FaultyBackplane([fail(DOWN)] * 4)
        async with opened(faulty, flush_interval_ms=1) as plane:
            return (await plane.publish(make_exposure(), ack="delivered")).status

    assert in_virtual_time(scenario()) == "delivered"


async def test_the_same_envelope_twice_at_once_is_acknowledged_twice() -> None:
    """Given one envelope published by two tasks, when it arrives, then both are told."""
    envelope = make_envelope()

    async with opened(FaultyBackplane(), flush_interval_ms=1) as plane:
        receipts = await asyncio.gather(
            *(plane.publish(envelope, ack="delivered") for _ in range(2))
        )

    assert [receipt.status for receipt in receipts] == ["delivered", "delivered"]


@pytest.mark.parametrize("require", ["all", "any"])
def test_a_composites_acknowledgement_needs_all_or_any(require: str) -> None:
    """Given one destination that is down, when delivered is awaited, then any is enough for any."""

    async def scenario() -> str:
        backplanes = Backplanes(up=FaultyBackplane(), down=FaultyBackplane(afterwards=fail(DOWN)))
        node = backplanes.group("composite", require=require)
        async with opened(
            backplanes.plugin, backplane=node, ack_timeout_ms=3000, flush_interval_ms=1
        ) as plane:
            try:
                return (await plane.publish(make_exposure(), ack="delivered")).status
            except AckTimeoutError:
                return "late"

    assert in_virtual_time(scenario()) == {"all": "late", "any": "delivered"}[require]
