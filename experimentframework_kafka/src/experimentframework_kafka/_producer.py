"""Starts and stops aiokafka's producer, which may not be able to do either by itself.

Everything that reaches into aiokafka's private parts is here.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

from experimentframework_core.errors import TransientError
from experimentframework_kafka._client import beginning_at, producer_arguments
from experimentframework_kafka._errors import delivery_error
from experimentframework_kafka._quiet import quieten
from experimentframework_kafka._reaching import first_that_answers, why_lost

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from aiokafka import AIOKafkaProducer
    from aiokafka.client import AIOKafkaClient

    from experimentframework_kafka._addresses import Address
    from experimentframework_kafka._options import KafkaOptions

STOP_TIMEOUT = 2.0

LOOK_AFTER = 4.0
"""Seconds after which it is looked why a start does not get on."""


async def start_producer(options: KafkaOptions) -> AIOKafkaProducer:
    """Return a producer that has found the cluster.

    Raises:
        TransientError: No broker answers.
        UnavailableError: The brokers refuse us, or a file of the options cannot be read.
    """
    from aiokafka import AIOKafkaProducer
    from aiokafka.errors import KafkaError

    broker = await first_that_answers(options)
    arguments = producer_arguments(options)
    producer = AIOKafkaProducer(**beginning_at(broker, arguments))
    quieten()
    try:
        await get_on(producer.start(), broker, options, producer.client)
    except (KafkaError, OSError, TimeoutError) as error:
        await discard(producer)
        raise starting_error(error, broker) from error
    except BaseException:
        await discard(producer)
        raise
    return producer


def starting_error(error: BaseException, broker: Address) -> TransientError:
    """Return what it means that a client does not start although ``broker`` answers."""
    found = delivery_error(error, f"start at {broker}, which answers")
    return found if isinstance(found, TransientError) else TransientError(str(found))


async def get_on(
    starting: Coroutine[object, object, None],
    broker: Address,
    options: KafkaOptions,
    client: AIOKafkaClient,
) -> None:
    """Wait for the start of a client; where it does not get on, find out why.

    Raises:
        TransientError: No broker answers that ``broker`` names; aiokafka would try for ever.
        aiokafka.errors.KafkaError: What the start raises.
    """
    start = asyncio.ensure_future(starting)
    try:
        done, _ = await asyncio.wait({start}, timeout=LOOK_AFTER)
        if not done and (why := await why_lost(broker, options, client)) is not None:
            raise why
        await start
    finally:
        start.cancel()
        await asyncio.wait({start}, timeout=STOP_TIMEOUT)


async def stop(producer: AIOKafkaProducer) -> None:
    """Stop a producer with nothing on its way; one that does not stop in time is discarded."""
    stopping = asyncio.ensure_future(producer.stop())
    try:
        done, _ = await asyncio.wait({stopping}, timeout=STOP_TIMEOUT)
    except asyncio.CancelledError:
        stopping.cancel()
        await discard(producer)
        raise
    if done and not stopping.cancelled() and stopping.exception() is None:
        return
    stopping.cancel()
    await discard(producer)


async def discard(producer: AIOKafkaProducer) -> None:
    """End a producer that may be stuck: what is on its way fails, its connections are cut.

    ``AIOKafkaProducer.stop`` waits for all that is on its way, with idempotence for ever.
    """
    from aiokafka.errors import ProducerClosed

    producer._closed = True  # noqa: SLF001 - else it complains when it is collected
    accumulator = producer._message_accumulator  # noqa: SLF001
    left = {each for batches in accumulator._batches.values() for each in batches}  # noqa: SLF001
    # Where the end of a batch looks for it: one that is to be sent again is not there.
    accumulator._pending_batches |= left  # noqa: SLF001
    accumulator.fail_all(ProducerClosed())
    for batch in left:
        batch._drain_waiter.exception()  # noqa: SLF001 - else asyncio says that nobody looked
    ending = [asyncio.ensure_future(producer.client.close())]
    if (task := producer._sender.sender_task) is not None:  # noqa: SLF001
        task.remove_done_callback(producer._sender._fail_all)  # noqa: SLF001 - it fails itself
        task.cancel()
        ending.append(task)
    await asyncio.wait(ending, timeout=STOP_TIMEOUT)
    for each in ending:
        each.cancel()  # A second time: the sender awaits its requests when cancelled once.
    await asyncio.wait(ending, timeout=STOP_TIMEOUT)
    for each in ending:
        if each.done() and not each.cancelled():
            with suppress(Exception):
                each.result()
