"""Ways to publish, and buffers with little room."""

from __future__ import annotations

import asyncio
from typing import Any

from experimentframework_core import BufferOptions, DataPlane


async def publish_by(plane: DataPlane, way: str, event: Any) -> Any:
    """Publish by the method of that name, from where it is called."""
    if way == "publish_threadsafe":
        return await asyncio.to_thread(plane.publish_threadsafe, event)
    answer = getattr(plane, way)(event)
    return await answer if asyncio.iscoroutine(answer) else answer


def small(when_full: str, block_timeout_ms: int = 1000) -> BufferOptions:
    """Return a buffer for two events."""
    return BufferOptions(
        max_events=2,
        when_full=when_full,  # type: ignore[arg-type]
        block_timeout_ms=block_timeout_ms,
    )
