"""What becomes of a published event: taken, filtered, refused, routed."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from experimentframework_core import BackplaneOptions, Exposure, InvalidEventError
from experimentframework_core.backplanes.memory import InMemoryBackplane
from experimentframework_core.testing import (
    FaultyBackplane,
    make_envelope,
    make_exposure,
    make_outcome,
)
from tests.core._planes import Backplanes, check_accounts, envelopes, opened, sunk
from tests.core._publishing import publish_by

if TYPE_CHECKING:
    from collections.abc import Sequence

    from experimentframework_core.envelope import Record


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
