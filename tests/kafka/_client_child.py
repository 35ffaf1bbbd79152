"""A process that publishes to Kafka until it is killed: ``_client_child.py brokers topic folder``.

It prints the id of each event that is durable.
"""

from __future__ import annotations

import asyncio
import sys

from experimentframework_core import DataPlane
from experimentframework_core.config import BackplaneOptions, BufferOptions, DataPlaneOptions
from experimentframework_core.testing import make_exposure
from experimentframework_kafka import KafkaOptions

AT_ONCE = 50


def plane_options(brokers: str, topic: str, folder: str) -> DataPlaneOptions:
    """Return the configuration of the process, and of the one that goes on after it."""
    options = KafkaOptions(brokers=brokers, topic=topic, linger_ms=10)
    return DataPlaneOptions(
        backplane=BackplaneOptions(type="kafka", options=options),
        buffer=BufferOptions(type="disk", path=folder),
    )


async def _publish(brokers: str, topic: str, folder: str) -> None:
    async with DataPlane(plane_options(brokers, topic, folder)) as plane:
        while True:
            receipts = await asyncio.gather(
                *(plane.publish(make_exposure(), ack="durable") for _ in range(AT_ONCE))
            )
            print("\n".join(str(receipt.event_id) for receipt in receipts), flush=True)  # noqa: T201


if __name__ == "__main__":
    asyncio.run(_publish(*sys.argv[1:]))
