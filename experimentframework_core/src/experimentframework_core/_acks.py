"""Waiting for the acknowledgements of one event from all, or any, of its channels."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from experimentframework_core.errors import AckTimeoutError

if TYPE_CHECKING:
    from collections.abc import Sequence


async def gather_acks(
    acks: Sequence[asyncio.Future[None]], *, event_id: str, need_all: bool, timeout: float
) -> None:
    """Return once all (or any, without ``need_all``) of the acknowledgements are there.

    Raises:
        DeliveryError: One of them failed; or, when any would do, all of them.
        AckTimeoutError: ``timeout`` seconds were not enough.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + timeout
    pending: set[asyncio.Future[None]] = set(acks)
    wanted = len(acks) if need_all else 1
    reached = 0
    while reached < wanted:
        done, pending = await asyncio.wait(
            pending, timeout=deadline - loop.time(), return_when=asyncio.FIRST_COMPLETED
        )
        if not done:
            message = f"event {event_id}: not delivered within {timeout:g} s; it stays queued"
            raise AckTimeoutError(message, event_id=event_id)
        failures = [failure for ack in done if (failure := ack.exception())]
        reached += len(done) - len(failures)
        if failures and (need_all or not (pending or reached)):
            raise failures[0]
