"""Whether a queue requires sessions: only who receives is told, and nothing is received."""

from __future__ import annotations

from typing import TYPE_CHECKING

from azure.servicebus.exceptions import ServiceBusError

from experimentframework_servicebus._connection.client import SOCKET_TIMEOUT
from experimentframework_servicebus._connection.errors import speaks_of_sessions

if TYPE_CHECKING:
    from azure.servicebus.aio import ServiceBusClient

    from experimentframework_servicebus._connection.calls import Calls


async def requires_sessions(
    client: ServiceBusClient, queue: str, calls: Calls, timeout: float
) -> bool | None:
    """Return whether a queue requires sessions; None where we may not receive, or nobody says."""
    receiver = client.get_queue_receiver(queue, socket_timeout=SOCKET_TIMEOUT)
    try:
        await calls.run(receiver.__aenter__(), timeout, name=f"{queue}.sessions")
    except (ServiceBusError, TimeoutError) as error:
        return True if speaks_of_sessions(error) else None
    finally:
        calls.start(receiver.close(), name=f"{queue}.close")
    return False


def why_not(queue: str, *, required: bool | None, enabled: bool) -> str | None:
    """Return what is wrong with a queue's sessions and ours; None if nothing is, or is known."""
    if required is None or required == enabled:
        return None
    if required:
        return f"'{queue}' requires sessions; say enableSessions: true"
    return (
        f"'{queue}' requires no sessions, so it does not keep their order; create it anew with "
        "--enable-session true, or leave enableSessions out"
    )
