"""What becomes of events when one thing goes wrong on the wire."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace

from experimentframework_core.errors import TransientError
from experimentframework_core.plugin import OpenContext
from experimentframework_core.testing import make_exposure, make_record, make_records
from experimentframework_servicebus import plugin
from experimentframework_servicebus._connection.errors import BUSY_PAUSE, FULL_PAUSE
from tests.peers.delivering import deliver_all
from tests.servicebus._wire import CONTEXT, LEAKS, ids, options_of, stored, until

if TYPE_CHECKING:
    from experimentframework_core.envelope import Record
    from tests.peers.amqp.peer import ServiceBusPeer

pytestmark = pytest.mark.filterwarnings(*LEAKS)


def of_subjects(*subjects: str) -> list[Record]:
    return [make_record(make_exposure(subject_id=subject)) for subject in subjects]


async def test_a_link_that_is_taken_away_costs_nothing(peer: ServiceBusPeer, entity: str) -> None:
    """Given a link detached while idle, When events come, Then they are stored in that call."""
    from tests.peers.amqp.definitions import Settings

    peer.queue(entity, Settings(duplicate_seconds=600))
    records = make_records(4)

    async with plugin.open(options_of(peer, entity), CONTEXT) as backplane:
        await backplane.deliver(records[:2])
        peer.detach()
        await backplane.deliver(records[2:])

    assert stored(peer, entity) == ids(records)


async def test_a_connection_that_is_cut_costs_nothing(peer: ServiceBusPeer, queue: str) -> None:
    """Given a connection cut while idle, When events come, Then they are stored in that call."""
    records = make_records(4)

    async with plugin.open(options_of(peer, queue), CONTEXT) as backplane:
        await backplane.deliver(records[:2])
        peer.cut()
        await backplane.deliver(records[2:])

    assert stored(peer, queue) == ids(records)


async def test_a_lost_confirmation_is_sent_again_with_the_same_id(
    peer: ServiceBusPeer, entity: str
) -> None:
    """Given duplicate detection, When a confirmation is lost, Then each event is there once."""
    from tests.peers.amqp.definitions import Settings
    from tests.peers.amqp.faults import LOST_ACKNOWLEDGEMENT

    peer.queue(entity, Settings(duplicate_seconds=600))
    records = make_records(3)

    async with plugin.open(options_of(peer, entity, send_timeout_ms=200), CONTEXT) as backplane:
        peer.inject(LOST_ACKNOWLEDGEMENT)
        with pytest.raises(TransientError):
            await backplane.deliver(records)
        await deliver_all(backplane, records)

    assert stored(peer, entity) == ids(records)


async def test_a_cancelled_send_may_be_stored_and_comes_again(
    peer: ServiceBusPeer, entity: str
) -> None:
    """Given a cancelled delivery, When the same records come, Then they are there, once."""
    from tests.peers.amqp.definitions import Settings
    from tests.peers.amqp.faults import LOST_ACKNOWLEDGEMENT

    peer.queue(entity, Settings(sessions=True, duplicate_seconds=600))
    records = of_subjects("a", "b", "c")
    options = options_of(peer, entity, enable_sessions=True, session_strategy="subjectId")

    async with plugin.open(options, CONTEXT) as backplane:
        peer.inject(replace(LOST_ACKNOWLEDGEMENT, skip=1))
        delivering = asyncio.ensure_future(backplane.deliver(records))
        await until(lambda: peer.state.hanging == 1)
        delivering.cancel()
        with pytest.raises(asyncio.CancelledError):
            await delivering
        before = peer.state.duplicates
        await backplane.deliver(records)

    assert sorted(stored(peer, entity)) == sorted(ids(records))
    # The first session was confirmed, and was not sent again.
    assert peer.state.duplicates == before + 1


@pytest.mark.parametrize(
    ("condition", "pause"),
    [
        ("com.microsoft:server-busy", BUSY_PAUSE),
        ("amqp:resource-limit-exceeded", FULL_PAUSE),
    ],
)
async def test_back_pressure_asks_for_a_pause(
    peer: ServiceBusPeer, queue: str, condition: str, pause: float
) -> None:
    """Given a busy service or a full queue, When events come, Then they wait, on the same link."""
    from tests.peers.amqp.faults import Fault

    records = make_records(2)

    async with plugin.open(options_of(peer, queue), CONTEXT) as backplane:
        attached = peer.state.attached
        peer.inject(Fault(what="error", condition=condition))
        with pytest.raises(TransientError, match=f"'{queue}'") as raised:
            await backplane.deliver(records)
        await backplane.deliver(records)

    assert raised.value.retry_after == pause
    assert peer.state.attached == attached
    assert stored(peer, queue) == ids(records)


async def test_the_order_of_a_session_outlives_a_failure_in_its_middle(
    peer: ServiceBusPeer, entity: str
) -> None:
    """Given a session in several batches, When one is lost, Then none overtakes it."""
    from tests.peers.amqp.definitions import Settings
    from tests.peers.amqp.faults import Fault

    peer.queue(entity, Settings(sessions=True, largest=4096))
    records = of_subjects(*"a" * 60)
    options = options_of(peer, entity, enable_sessions=True, session_strategy="subjectId")

    async with plugin.open(options, CONTEXT) as backplane:
        peer.inject(Fault(what="error", condition="com.microsoft:server-busy", skip=2))
        failed = await deliver_all(backplane, records)

    assert failed == 1
    assert stored(peer, entity) == ids(records)


async def test_a_service_that_is_away_is_waited_for(own_peer: ServiceBusPeer) -> None:
    """Given a service that is away, When it is back, Then the same backplane delivers."""
    own_peer.queue("events")
    records = make_records(2)

    async with plugin.open(options_of(own_peer, "events"), CONTEXT) as backplane:
        own_peer.stop_listening()
        with pytest.raises(TransientError):
            await backplane.deliver(records)
        own_peer.listen()
        await backplane.deliver(records)

    assert stored(own_peer, "events") == ids(records)


async def test_a_service_that_hangs_holds_nobody_up(own_peer: ServiceBusPeer) -> None:
    """Given a service that hangs, When we deliver, ping and close, Then each ends in time."""
    own_peer.queue("events")
    loop = asyncio.get_running_loop()

    async with plugin.open(options_of(own_peer, "events"), CONTEXT) as backplane:
        # The opening had all its time: only what hangs is to be short.
        backplane._patience = 1  # type: ignore[attr-defined]
        own_peer.hang()
        began = loop.time()
        with pytest.raises(TransientError):
            await backplane.deliver(make_records(2))
        with pytest.raises(TransientError):
            await backplane.ping()  # type: ignore[attr-defined]

    # A second for each call, and two for links that do not close; it is slow, not stuck, at twenty.
    assert loop.time() - began < 20


async def test_a_service_that_hangs_is_not_opened_for_ever(own_peer: ServiceBusPeer) -> None:
    """Given a service that hangs, When it is opened, Then that fails in time."""
    own_peer.hang()
    context = OpenContext(name="events", delivery_timeout=1)

    with pytest.raises(TransientError, match="no answer in time"):
        await plugin.open(options_of(own_peer, "events"), context).__aenter__()


async def test_one_send_at_a_time_on_each_link(own_peer: ServiceBusPeer) -> None:
    """Given deliveries that overlap, When all are done, Then no link has had two under way."""
    own_peer.queue("events")
    batches = [make_records(20) for _ in range(20)]

    async with plugin.open(options_of(own_peer, "events"), CONTEXT) as backplane:
        await asyncio.gather(*map(backplane.deliver, batches))

    assert own_peer.state.at_once == 1
    assert len(stored(own_peer, "events")) == 400
