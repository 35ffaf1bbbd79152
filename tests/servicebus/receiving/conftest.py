"""A queue with sessions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.servicebus._wire import options_of

if TYPE_CHECKING:
    from experimentframework_servicebus import ServiceBusOptions
    from tests.peers.amqp.peer import ServiceBusPeer


@pytest.fixture
def sessions(peer: ServiceBusPeer, entity: str) -> ServiceBusOptions:
    """Return options of a queue with a session for each subject."""
    from tests.peers.amqp.definitions import Settings

    peer.queue(entity, Settings(sessions=True))
    return options_of(peer, entity, enable_sessions=True, session_strategy="subjectId")
