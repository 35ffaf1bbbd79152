"""A queue's sessions and ours are compared before the first event."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from experimentframework_core.errors import UnavailableError
from experimentframework_servicebus import plugin
from experimentframework_servicebus._sending.sessions import why_not
from tests.peers.amqp.definitions import Settings, Subscription
from tests.peers.amqp.faults import Fault
from tests.servicebus._wire import CONTEXT, LEAKS, options_of

if TYPE_CHECKING:
    from tests.peers.amqp.peer import ServiceBusPeer

pytestmark = pytest.mark.filterwarnings(*LEAKS)


@pytest.mark.parametrize("enabled", [True, False])
@pytest.mark.parametrize("required", [True, False, None])
def test_only_a_known_difference_is_told(
    required: bool | None,  # noqa: FBT001
    enabled: bool,  # noqa: FBT001
) -> None:
    """Given what a queue requires, When it is compared, Then only a difference is a problem."""
    why = why_not("events", required=required, enabled=enabled)

    assert (why is not None) is (required is not None and required != enabled)


@pytest.mark.parametrize(
    ("required", "expected"),
    [(True, "requires sessions; say enableSessions: true"), (False, "requires no sessions")],
)
async def test_looking_at_the_queue_tells_the_difference(
    peer: ServiceBusPeer,
    entity: str,
    required: bool,  # noqa: FBT001
    expected: str,
) -> None:
    """Given a queue of the other kind, When it is looked at, Then that is told."""
    peer.queue(entity, Settings(sessions=required))
    options = options_of(peer, entity, enable_sessions=not required)

    async with plugin.open(options, CONTEXT) as backplane:
        with pytest.raises(UnavailableError, match=f"'{entity}' {expected}"):
            await backplane.ping()  # type: ignore[attr-defined]


async def test_a_topic_does_not_require_sessions(peer: ServiceBusPeer, entity: str) -> None:
    """Given a topic as queueName, When it is looked at, Then nobody is told of sessions."""
    peer.topic(entity, Subscription(name="all", settings=Settings()))

    async with plugin.open(options_of(peer, entity), CONTEXT) as backplane:
        await backplane.ping()  # type: ignore[attr-defined]


async def test_who_may_not_receive_is_not_told(peer: ServiceBusPeer, entity: str) -> None:
    """Given a key that may only send, When the queue is looked at, Then it is well."""
    peer.queue(entity, Settings(sessions=True))

    async with plugin.open(options_of(peer, entity), CONTEXT) as backplane:
        refusal = Fault(what="error", at="attach", skip=1, condition="amqp:unauthorized-access")
        peer.inject(refusal)
        await backplane.ping()  # type: ignore[attr-defined]

    assert peer.state.faults == 0
