"""The sides of the benchmark ``servicebus``: the backplane, and a loop by hand over its client."""

from __future__ import annotations

from time import perf_counter, process_time
from typing import TYPE_CHECKING

from azure.servicebus import ServiceBusMessage, ServiceBusMessageBatch
from azure.servicebus.aio import ServiceBusClient
from azure.servicebus.exceptions import MessageSizeExceededError

from experimentframework_core import DataPlane
from experimentframework_core.codec import decode
from experimentframework_core.config import BackplaneOptions, BufferOptions, DataPlaneOptions
from experimentframework_core.plugin import OpenContext
from experimentframework_core.units import Secret
from experimentframework_servicebus import ServiceBusOptions, plugin
from experimentframework_servicebus._sending.batches import fill
from experimentframework_servicebus._sending.message import message_of
from tests.benchmarks._sending import costs, ready_records

if TYPE_CHECKING:
    from azure.servicebus.aio import ServiceBusSender

    from experimentframework_core.envelope import Record
    from tests.benchmarks._run import Figures

WARM = 500
_subjects = 5_000
_experiments = 2_000


async def backplane(*, connection_string: str, queue: str, batch: int, events: int) -> Figures:
    """Deliver ready records through the backplane, as the channel does."""
    records = ready_records(events + WARM, _subjects)
    async with plugin.open(
        _options(connection_string, queue), OpenContext(name="events")
    ) as opened:
        await opened.deliver(records[:WARM])
        return await costs(opened.deliver, records[WARM:], batch)


async def by_hand(*, connection_string: str, queue: str, batch: int, events: int) -> Figures:
    """Put the same records into batches of the client, and send each when it is full."""
    records = ready_records(events + WARM, _subjects)
    client = ServiceBusClient.from_connection_string(connection_string)
    async with client, client.get_queue_sender(queue) as sender:

        async def send(portion: list[Record]) -> None:
            await _send(sender, portion)

        await send(records[:WARM])
        return await costs(send, records[WARM:], batch)


async def _send(sender: ServiceBusSender, portion: list[Record]) -> None:
    batch = await sender.create_message_batch()
    for record in portion:
        message = _message(record)
        try:
            batch.add_message(message)
        except MessageSizeExceededError:
            await sender.send_messages(batch, timeout=30)
            batch = await sender.create_message_batch()
            batch.add_message(message)
    await sender.send_messages(batch, timeout=30)


def _message(record: Record) -> ServiceBusMessage:
    event_id, milliseconds = record.id_and_milliseconds()
    return ServiceBusMessage(
        record.body,
        message_id=event_id.decode(),
        subject=record.event_type,
        correlation_id=record.correlation_id,
        content_type="application/json",
        application_properties={
            "EventType": record.event_type,
            "SchemaVersion": record.schema_version,
            "Timestamp": {"TYPE": "LONG", "VALUE": milliseconds},  # type: ignore[dict-item]
            "traceparent": record.traceparent or "",
        },
    )


async def building(*, batch_bytes: int, messages: int) -> Figures:
    """Fill batches that nobody sends, as the backplane does and as a loop by hand does."""
    records = ready_records(messages, _subjects)
    options = ServiceBusOptions(queue_name="events")
    for number, record in enumerate(records[:WARM]):
        # What the client and the record find out once is found out.
        await fill(ServiceBusMessageBatch(batch_bytes), [message_of(record, options)] * 2)
        ServiceBusMessageBatch(batch_bytes).add_message(_message(records[number]))
    figures: Figures = {}
    began = process_time()
    made = [message_of(record, options) for record in records]
    figures["ours, made"] = process_time() - began
    began = process_time()
    while made:
        made = made[await fill(ServiceBusMessageBatch(batch_bytes), made) :]
    figures["ours, added"] = process_time() - began
    began = process_time()
    by_hand = [_message(record) for record in records]
    figures["by hand, made"] = process_time() - began
    began = process_time()
    batch = ServiceBusMessageBatch(batch_bytes)
    for message in by_hand:
        try:
            batch.add_message(message)
        except MessageSizeExceededError:
            batch = ServiceBusMessageBatch(batch_bytes)
            batch.add_message(message)
    figures["by hand, added"] = process_time() - began
    each = {name: seconds / messages * 1e6 for name, seconds in figures.items()}
    return each | {
        "ours": each["ours, made"] + each["ours, added"],
        "by hand": each["by hand, made"] + each["by hand, added"],
    }


async def lanes(
    *, connection_string: str, queue: str, events: int, concurrency: int, sessions: int
) -> Figures:
    """Publish to a plane with so many lanes, until all is delivered."""
    options = _options(connection_string, queue, sessions)
    node = BackplaneOptions(type="azureServiceBus", options=options, concurrency=concurrency)
    buffer = BufferOptions(max_events=events + WARM)
    async with DataPlane(DataPlaneOptions(backplane=node, buffer=buffer)) as plane:
        records = ready_records(events + WARM, sessions or _subjects, _experiments)
        given = [decode(each.body) for each in records]
        for event in given[:WARM]:
            await plane.publish(event)
        await plane.flush(30)
        began = perf_counter()
        for event in given[WARM:]:
            await plane.publish(event)
        flushed = await plane.flush(120)
        took = perf_counter() - began
    return {"per_second": events / took, "left": flushed.remaining}


def _options(connection_string: str, queue: str, sessions: int = 0) -> ServiceBusOptions:
    return ServiceBusOptions(
        connection_string=Secret(connection_string),
        queue_name=queue,
        enable_sessions=bool(sessions),
        session_strategy="subjectId" if sessions else "experimentKey",
    )
