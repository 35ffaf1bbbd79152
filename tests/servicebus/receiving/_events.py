"""What the tests of receiving share."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from experimentframework_servicebus import Consumer, Received

PATIENCE = 20
"""Seconds for which an event is waited for that comes, however busy the machine is."""


def names(received: Iterable[Received]) -> list[str]:
    """Return the ids of the events, or nothing where there is none."""
    return [each.envelope.event_id if each.envelope else "" for each in received]


async def some(events: Consumer, number: int) -> list[Received]:
    """Return the next events."""
    return [await anext(events) for _ in range(number)]
