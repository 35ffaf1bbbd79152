"""An ASGI application with a plane in its lifespan, for servers that are told to end.

The plan is in the environment. Each worker reports to a file of its own.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import msgspec

from tests.faults._endings import Application
from tests.faults._plan import Plan

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

plan_variable = "EXPERIMENTFRAMEWORK_FAULTS_PLAN"

Message = dict[str, Any]


def _plan_of_worker() -> Plan:
    plan = msgspec.json.decode(os.environ[plan_variable], type=Plan)
    name = f"{plan.process}w{os.getpid()}"
    report = plan.report.replace(".report", f"-{os.getpid()}.report")
    return msgspec.structs.replace(plan, process=name, report=report)


async def app(
    scope: Message,
    receive: Callable[[], Awaitable[Message]],
    send: Callable[[Message], Awaitable[None]],
) -> None:
    """Publish between startup and shutdown; there is nothing to request."""
    if scope["type"] != "lifespan":
        return
    await receive()
    application = Application(_plan_of_worker())
    async with application.plane:
        await application.publisher.one(durable=True)
        application.publisher.start()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await application.publisher.stop()
    application.tell()
    await send({"type": "lifespan.shutdown.complete"})
