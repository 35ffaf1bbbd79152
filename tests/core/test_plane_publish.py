"""What becomes of a published event: taken, filtered, refused, dropped, acknowledged."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from experimentframework_core import (
    AckTimeoutError,
    BackplaneOptions,
    BufferFullError,
    BufferOptions,
    DataPlane,
    DeadLetterOptions,
    DeliveryError,
    Exposure,
    InvalidEventError,
    RetryOptions,
)
from experimentframework_core.backplanes.memory import InMemoryBackplane
from experimentframework_core.config import DeadLetterStoreOptions
from experimentframework_core.errors import PermanentError, TransientError
from experimentframework_core.testing import (
    FaultyBackplane,
    Hang,
    fail,
    make_envelope,
    make_exposure,
    make_outcome,
)
from tests.core._planes import (
    Backplanes,
    check_accounts,
    envelopes,
    in_virtual_time,
    opened,
    sunk,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from experimentframework_core.envelope import Record

DOWN = TransientError("down")


class NoOp:
    """A destination that takes everything at once and keeps nothing."""

    def __init__(self) -> None:
        self.count = 0

    async def deliver(self, batch: Sequence[Record]) -> None:
        self.count += len(batch)


async def test_a_receipt_names_the_event_that_arrives() -> None:
    """Given an event, when it is published, then the receipt has the id of what arrives."""
    faulty = FaultyBackplane()

    async with opened(faulty) as plane:
        receipts = [await plane.publish(make_exposure()) for _ in range(3)]
        receipts.append(plane.publish_nowait(make_exposure()))

    assert [receipt.event_id for receipt in receipts] == [r.event_id for r in sunk(faulty)]
    assert {receipt.status for receipt in receipts} == {"accepted"}
    assert len({receipt.event_id for receipt in receipts}) == 4


@pytest.mark.parametrize("kind", ["noOp", "inMemory"])
async def test_a_tight_loop_of_100000_loses_none(kind: str) -> None:
    """Given the defaults, when 100,000 events are published in a tight loop, all are delivered."""
    backplane = NoOp() if kind == "noOp" else InMemoryBackplane()
    event = make_exposure()

    async with opened(backplane) as plane:
        for _ in range(100_000):
            await plane.publish(event)

    (channel,) = plane.statistics().backplanes.values()
    assert (plane.statistics().published, channel.delivered) == (100_000, 100_000)
    assert channel.dropped == {}


@pytest.mark.parametrize(
    ("setting", "event"),
    [
        ("enable_exposure_events", make_exposure()),
        ("enable_outcome_events", make_outcome()),
        ("enable_exposure_events", make_envelope(make_exposure())),
    ],
)
async def test_a_toggle_filters_its_events_only(setting: str, event: msgspec.Struct) -> None:
    """Given a type that is switched off, when it is published, it is filtered and counted."""
    faulty = FaultyBackplane()
    settings: dict[str, Any] = {setting: False}
    other = make_outcome() if setting == "enable_exposure_events" else make_exposure()

    async with opened(faulty, **settings) as plane:
        receipts = [await plane.publish(event), plane.publish_nowait(event)]
        await plane.publish(other)

    assert {(each.status, each.reason, each.event_id) for each in receipts} == {
        ("filtered", "toggle", None)
    }
    assert len(sunk(faulty)) == 1
    assert plane.statistics().filtered == {"toggle": 2}


async def test_the_toggle_comes_before_everything_else() -> None:
    """Given a type that is switched off, when a bad event comes, then nothing looks at it."""
    async with opened(FaultyBackplane(), enable_exposure_events=False) as plane:
        receipt = await plane.publish(make_exposure(subject_id=5))

    assert receipt.reason == "toggle"


@pytest.mark.parametrize("way", ["publish", "publish_nowait", "publish_threadsafe"])
async def test_what_is_no_event_is_refused(way: str) -> None:
    """Given things that are no registered payloads, when published, then the error says so."""

    class Stranger(msgspec.Struct):
        name: str

    things: list[Any] = [Stranger("a"), {"a": 1}, None, Stranger, "text"]
    async with opened(FaultyBackplane()) as plane:
        for thing in things:
            with pytest.raises(InvalidEventError, match="not a registered event type"):
                await publish_by(plane, way, thing)

    assert plane.statistics().rejected == len(things)


async def publish_by(plane: DataPlane, way: str, event: Any) -> Any:
    if way == "publish_threadsafe":
        return await asyncio.to_thread(plane.publish_threadsafe, event)
    answer = getattr(plane, way)(event)
    return await answer if asyncio.iscoroutine(answer) else answer


@pytest.mark.parametrize("way", ["publish", "publish_nowait", "publish_threadsafe"])
async def test_an_event_that_is_too_large_is_refused(way: str) -> None:
    """Given maxEventBytes, when a larger event comes, typed or whole, then it is refused."""
    large = make_exposure(attributes={"text": "x" * 2000})

    async with opened(FaultyBackplane(), max_event_bytes=2000) as plane:
        for event in (large, make_envelope(large)):
            with pytest.raises(InvalidEventError, match="maxEventBytes"):
                await publish_by(plane, way, event)
        await publish_by(plane, way, make_exposure())

    assert (plane.statistics().rejected, plane.statistics().accepted) == (2, 1)


async def test_the_smallest_limit_of_the_channels_holds() -> None:
    """Given two backplanes of which one takes small events, when a large one comes: refused."""
    backplanes = Backplanes(a=FaultyBackplane(), b=FaultyBackplane())
    node = backplanes.group(
        "composite", backplanes.node("a"), backplanes.node("b", max_event_bytes=500)
    )

    async with opened(backplanes.plugin, backplane=node) as plane:
        with pytest.raises(InvalidEventError, match="limit of 500"):
            await plane.publish(make_exposure(attributes={"text": "x" * 500}))


async def test_an_envelope_keeps_its_id_and_time() -> None:
    """Given a whole envelope, when it is published, then it arrives as it was."""
    envelope = make_envelope(
        event_id="0198c5a0-0000-7000-8000-00000000000a",
        timestamp=datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=UTC),
        correlation_id="c-1",
        metadata={"a": 1},
        traceparent="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    )
    faulty = FaultyBackplane()

    async with opened(faulty) as plane:
        receipt = await plane.publish(envelope)

    assert receipt.event_id == envelope.event_id
    assert envelopes(faulty) == [envelope]


@pytest.mark.parametrize("more", [{"correlation_id": "c"}, {"metadata": {}}])
async def test_an_envelope_has_its_own_correlation_id_and_metadata(more: dict[str, Any]) -> None:
    """Given an envelope, when a correlation id or metadata is given beside it, it is refused."""
    async with opened(FaultyBackplane()) as plane:
        with pytest.raises(InvalidEventError, match="its own"):
            await plane.publish(make_envelope(), **more)


@pytest.mark.parametrize("event_type", [5, None, ["exposure"], "outcome"])
async def test_an_envelope_with_a_wrong_type_is_refused(event_type: Any) -> None:
    """Given an envelope whose type is no text or another's, when published, the error names it."""
    envelope = msgspec.structs.replace(make_envelope(make_exposure()), event_type=event_type)

    async with opened(FaultyBackplane()) as plane:
        with pytest.raises(InvalidEventError) as caught:
            await plane.publish(envelope)

    assert caught.value.path == "event_type"


async def test_many_unregistered_types_are_counted_as_one() -> None:
    """Given envelopes of 2,000 unknown types, when published, then all arrive and are counted."""
    faulty = FaultyBackplane()

    async with opened(faulty) as plane:
        for number in range(2000):
            envelope = msgspec.structs.replace(
                make_envelope(event_id=f"e-{number}"), event_type=f"type{number}", payload={"a": 1}
            )
            await plane.publish(envelope)

    assert len(sunk(faulty)) == 2000
    assert plane.statistics().accepted == 2000


async def test_correlation_id_and_metadata_are_written() -> None:
    """Given both, when an event is published, then record and body have them."""
    faulty = FaultyBackplane()

    async with opened(faulty) as plane:
        await plane.publish(make_exposure(), correlation_id="request-7", metadata={"host": "a"})
        plane.publish_nowait(make_exposure(), correlation_id="request-8")

    assert [record.correlation_id for record in sunk(faulty)] == ["request-7", "request-8"]
    assert [each.metadata for each in envelopes(faulty)] == [{"host": "a"}, None]


async def test_events_of_the_caller_may_change_after_publish() -> None:
    """Given a dict in an event, when it is changed after publish, the event is as it was."""
    faulty = FaultyBackplane()
    attributes = {"step": 1}

    async with opened(faulty) as plane:
        await plane.publish(make_exposure(attributes=attributes))
        attributes["step"] = 2

    assert envelopes(faulty)[0].payload.attributes == {"step": 1}


# -- full buffers ---------------------------------------------------------------------------


def small(when_full: str, block_timeout_ms: int = 1000) -> BufferOptions:
    return BufferOptions(
        max_events=2,
        when_full=when_full,  # type: ignore[arg-type]
        block_timeout_ms=block_timeout_ms,
    )


@pytest.mark.parametrize("way", ["publish", "publish_nowait", "publish_threadsafe"])
@pytest.mark.parametrize(
    ("policy", "arrived"), [("dropNewest", ["0", "1"]), ("dropOldest", ["3", "4"])]
)
async def test_a_full_buffer_drops_by_its_policy(way: str, policy: str, arrived: list[str]) -> None:
    """Given room for two before a lane that has begun nothing, when five come, two arrive."""
    faulty = FaultyBackplane()
    settings = {"buffer": small(policy), "flush_interval_ms": 60_000, "batch_size": 1000}
    receipts = []

    async with opened(faulty.plugin([None]), **settings) as plane:
        for number in range(5):
            event = make_exposure(subject_id=str(number))
            receipts.append(await publish_by(plane, way, event))

    delivered = [record.subject for record in sunk(faulty)]
    (channel,) = plane.statistics().backplanes.values()
    assert channel.enqueued == 5
    assert len(delivered) + channel.dropped.get("buffer_full", 0) == 5
    if way == "publish_nowait":
        assert delivered == arrived
        statuses = [receipt.status for receipt in receipts]
        dropped = [("dropped", "buffer_full")] * 3
        assert statuses[:2] == ["accepted"] * 2
        if policy == "dropNewest":
            assert [(each.status, each.reason) for each in receipts[2:]] == dropped


def test_a_blocking_buffer_makes_publish_wait_for_room() -> None:
    """Given block, when the destination frees room in time, then publish goes on."""

    async def scenario() -> list[str | None]:
        hang = Hang()
        faulty = FaultyBackplane([hang])
        async with opened(faulty, buffer=small("block"), flush_interval_ms=1) as plane:
            for number in range(2):
                await plane.publish(make_exposure(subject_id=str(number)))
            await hang.started.wait()
            waiting = asyncio.ensure_future(plane.publish(make_exposure(subject_id="2")))
            await asyncio.sleep(0.5)
            assert not waiting.done()
            hang.release()
            await waiting
        return [record.subject for record in sunk(faulty)]

    assert in_virtual_time(scenario()) == ["0", "1", "2"]


def test_a_blocking_buffer_that_stays_full_raises() -> None:
    """Given block, when no room comes in time, then each way in raises BufferFullError."""

    async def scenario() -> DataPlane:
        hang = Hang()
        async with opened(
            FaultyBackplane([hang]), buffer=small("block", 700), flush_interval_ms=1
        ) as plane:
            for _ in range(2):
                await plane.publish(make_exposure())
            await hang.started.wait()
            loop = asyncio.get_running_loop()
            began = loop.time()
            with pytest.raises(BufferFullError, match=r"0\.7 s") as caught:
                await plane.publish(make_exposure())
            assert loop.time() - began == pytest.approx(0.7)
            assert caught.value.backplane == "FaultyBackplane"
            with pytest.raises(BufferFullError):
                plane.publish_nowait(make_exposure())
            hang.release()
        return plane

    statistics = in_virtual_time(scenario()).statistics()

    assert (statistics.rejected, statistics.accepted) == (2, 2)


def test_a_cancelled_wait_for_room_is_accounted() -> None:
    """Given a publish that waits for room, when it is cancelled, then no count is lost."""

    async def scenario() -> DataPlane:
        hang = Hang()
        async with opened(
            FaultyBackplane([hang]), buffer=small("block"), flush_interval_ms=1
        ) as plane:
            for _ in range(2):
                await plane.publish(make_exposure())
            await hang.started.wait()
            waiting = asyncio.ensure_future(plane.publish(make_exposure()))
            await asyncio.sleep(0.1)
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting
            hang.release()
        return plane

    statistics = in_virtual_time(scenario()).statistics()

    assert (statistics.published, statistics.rejected) == (3, 1)


# -- acknowledgements -------------------------------------------------------------------------


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


async def test_events_go_to_the_backplanes_that_take_them() -> None:
    """Given nodes with events, when types are published, then each goes where it is wanted."""
    exposures, outcomes = FaultyBackplane(), FaultyBackplane()
    backplanes = Backplanes(a=exposures, b=outcomes)
    node = backplanes.group(
        "composite",
        backplanes.node("a", events=("exposure",)),
        backplanes.node("b", events=("outcome", "exposure")),
    )
    governance = msgspec.structs.replace(make_envelope(), event_type="other", payload={"a": 1})

    async with opened(backplanes.plugin, backplane=node) as plane:
        await plane.publish(make_exposure())
        await plane.publish(make_outcome())
        receipt = await plane.publish(governance)

    assert [record.event_type for record in sunk(exposures)] == ["exposure"]
    assert [record.event_type for record in sunk(outcomes)] == ["exposure", "outcome"]
    assert (receipt.status, receipt.reason) == ("filtered", "unrouted")
    assert plane.statistics().accepted_by_type == {"exposure": 1, "outcome": 1}


async def test_a_configured_backplane_of_a_built_in_type_is_used() -> None:
    """Given type inMemory, when events are published, then its store of that name has them."""
    InMemoryBackplane.named().clear()

    async with opened(backplane=BackplaneOptions(type="inMemory")) as plane:
        await plane.publish(Exposure(
            experiment_name="checkout", variant_key="a", subject_id="u", selection_reason="hash"
        ))  # fmt: skip
    check_accounts(plane)

    assert [record.subject for record in InMemoryBackplane.named().records] == ["u"]
