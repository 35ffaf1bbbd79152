"""A consumer as a process: it receives, completes the first, says so, and waits to be killed."""

from __future__ import annotations

import asyncio
import sys

from experimentframework_core.units import Secret
from experimentframework_servicebus import ServiceBusOptions, receive


async def main(connection_string: str, queue: str) -> None:
    """Receive three events and complete the first."""
    options = ServiceBusOptions(connection_string=Secret(connection_string), queue_name=queue)
    async with receive(options) as events:
        first, *others = [await anext(events) for _ in range(3)]
        await first.complete()
        sys.stdout.write(f"{1 + len(others)}\n")
        sys.stdout.flush()
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
