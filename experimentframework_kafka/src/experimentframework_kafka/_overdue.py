"""What to do about a producer that has had no answer for a while, or for a whole delivery."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

from experimentframework_core.errors import TransientError
from experimentframework_kafka._hindrances import hindrance
from experimentframework_kafka._producer import start_producer
from experimentframework_kafka._reaching import why_none_answers

if TYPE_CHECKING:
    from collections.abc import Iterable

    from aiokafka import AIOKafkaProducer
    from aiokafka.client import AIOKafkaClient

    from experimentframework_kafka._options import KafkaOptions

_SAID = "not acknowledged in time, the brokers may have it or not"


async def successor(
    producer: AIOKafkaProducer, topics: Iterable[str], options: KafkaOptions, patience: float
) -> tuple[AIOKafkaProducer | None, TransientError]:
    """Return why nothing came, and a new producer if this one is stuck.

    If a new one finds no broker either, or a partition cannot be written to, the old one goes on
    by itself when they are back: with idempotence nothing is then delivered twice.
    """
    from aiokafka.errors import KafkaError

    try:
        async with asyncio.timeout(patience):
            with suppress(KafkaError):
                if (why := await hindrance(topics, producer.client, options)) is not None:
                    return None, TransientError(f"{_SAID}; {why}")
            return await start_producer(options), TransientError(_SAID)
    except TransientError as error:
        return None, type(error)(f"{_SAID}; {error}")
    except TimeoutError:
        return None, TransientError(f"{_SAID}; no broker answers in time")


async def why_unanswered(options: KafkaOptions, client: AIOKafkaClient) -> TransientError | None:
    """Return why nothing comes, where no broker answers that is known; None where one does."""
    error = await why_none_answers(options, client)
    return None if error is None else type(error)(f"{_SAID}; {error}")
