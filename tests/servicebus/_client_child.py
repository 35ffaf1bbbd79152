"""A process that publishes until it is killed: ``_client_child.py connection-string queue folder``.

It prints the id of each event that is durable.
"""

from __future__ import annotations

import asyncio
import sys

from experimentframework_core import DataPlane
from experimentframework_core.config import BackplaneOptions, BufferOptions, DataPlaneOptions
from experimentframework_core.testing import make_exposure
from experimentframework_core.units import Secret
from experimentframework_servicebus import ServiceBusOptions

BATCH = 100
AT_ONCE = 50


def plane_options(connection_string: str, queue: str, folder: str) -> DataPlaneOptions:
    """Return the configuration of the process, and of the one that goes on after it."""
    options = ServiceBusOptions(
        connection_string=Secret(connection_string), queue_name=queue, flush_interval_ms=10
    )
    return DataPlaneOptions(
        backplane=BackplaneOptions(type="azureServiceBus", options=options),
        buffer=BufferOptions(type="disk", path=folder),
        batch_size=BATCH,
    )


async def _publish(connection_string: str, queue: str, folder: str) -> None:
    async with DataPlane(plane_options(connection_string, queue, folder)) as plane:
        while True:
            receipts = await asyncio.gather(
                *(plane.publish(make_exposure(), ack="durable") for _ in range(AT_ONCE))
            )
            print("\n".join(str(receipt.event_id) for receipt in receipts), flush=True)  # noqa: T201


if __name__ == "__main__":
    asyncio.run(_publish(*sys.argv[1:]))
