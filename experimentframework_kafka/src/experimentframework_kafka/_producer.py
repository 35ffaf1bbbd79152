"""Starts and stops aiokafka's producer, which may not be able to do either by itself.

Everything that reaches into aiokafka's private parts is here.
"""

from __future__ import annotations

import asyncio
import os
import ssl
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from experimentframework_core.errors import TransientError, UnavailableError
from experimentframework_kafka._client import client_arguments, producer_arguments
from experimentframework_kafka._errors import delivery_error
from experimentframework_kafka._quiet import quieten

if TYPE_CHECKING:
    from aiokafka import AIOKafkaProducer

    from experimentframework_kafka._options import KafkaOptions

STOP_TIMEOUT = 2.0


async def start_producer(options: KafkaOptions) -> AIOKafkaProducer:
    """Return a producer that has found the cluster.

    Raises:
        TransientError: No broker answers.
        UnavailableError: The brokers refuse us, or a file of the options cannot be read.
    """
    from aiokafka import AIOKafkaProducer
    from aiokafka.errors import KafkaError

    quieten()
    producer = AIOKafkaProducer(**producer_arguments(options))
    try:
        await producer.start()
    except (KafkaError, OSError, TimeoutError) as error:
        await discard(producer)
        raise await why_unreachable(options) from error
    except BaseException:
        await discard(producer)
        raise
    return producer


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
    producer._message_accumulator.fail_all(ProducerClosed())  # noqa: SLF001
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


async def why_unreachable(options: KafkaOptions) -> TransientError:
    """Return why none of the brokers can be used: aiokafka itself only logs it."""
    from aiokafka.conn import create_conn
    from aiokafka.errors import KafkaError

    arguments: dict[str, Any] = {"client_id": "experimentframework", **client_arguments(options)}
    for unknown in ("metadata_max_age_ms", "retry_backoff_ms"):
        arguments.pop(unknown, None)
    arguments["max_idle_ms"] = arguments.pop("connections_max_idle_ms", None)
    said: list[str] = []
    for broker in arguments.pop("bootstrap_servers"):
        host, _, port = broker.rpartition(":")
        try:
            connection = await create_conn(host.strip("[]"), int(port), **arguments)
        except ssl.SSLCertVerificationError as error:
            return UnavailableError(
                f"cannot trust {broker}: {error}; security.cafile names who is trusted"
            )
        except (KafkaError, OSError, TimeoutError) as error:
            found = delivery_error(error, f"sign in at {broker}")
            if isinstance(found, UnavailableError):
                return found
            said.append(f"{broker}: {_reason(error)}")
        else:
            connection.close()
            said.append(f"{broker}: it answers now")
    return TransientError(f"no broker answers: {'; '.join(said)}")


def _reason(error: BaseException) -> str:
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, OSError) and error.errno:
        return os.strerror(error.errno)  # asyncio's own text has only the address.
    return str(error) or type(error).__name__
