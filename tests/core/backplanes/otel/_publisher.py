"""A process that publishes durably to a collector that is away, and says what it is sure of."""

from __future__ import annotations

import asyncio
import sys

from experimentframework_core import DataPlane
from experimentframework_core.testing import make_exposure


async def publish(configuration: str) -> None:
    """Publish until it is killed; print each event's id once it is durable."""
    async with DataPlane.from_file(configuration) as plane:
        while True:
            receipt = await plane.publish(make_exposure(), ack="durable")
            print(receipt.event_id, flush=True)  # noqa: T201 - another process reads it


if __name__ == "__main__":
    asyncio.run(publish(sys.argv[1]))
