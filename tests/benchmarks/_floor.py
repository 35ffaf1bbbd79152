"""The floor: the least that a publish has to do, written by hand and inlined."""

from __future__ import annotations

from collections import deque
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import msgspec
from uuid_utils import uuid7

from experimentframework_core.envelope import Envelope

if TYPE_CHECKING:
    from experimentframework_core.events import Exposure

_now = datetime.now
_encode = msgspec.json.Encoder().encode

queue: deque[bytes] = deque()
_append = queue.append


def floor(event: Exposure) -> None:
    """Make an id and a time, build the envelope, encode it, keep the bytes."""
    _append(
        _encode(
            Envelope(
                event_id=str(uuid7()),
                timestamp=_now(UTC),
                event_type="exposure",
                schema_version="1.0.0",
                payload=event,
            )
        )
    )


def encoded_size(event: Exposure) -> int:
    """Return how many bytes the event's body has."""
    floor(event)
    return len(queue.pop())
