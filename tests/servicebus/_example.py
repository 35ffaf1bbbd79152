"""The example configuration of the documentation, with the command, as a user has them."""

from __future__ import annotations

import os
import sysconfig
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tests.docs.pages import docs

if TYPE_CHECKING:
    from tests.peers.amqp.peer import ServiceBusPeer

COMMAND: Final = Path(sysconfig.get_path("scripts")) / "experimentframework"
EXAMPLE: Final = docs / "examples/service-bus.yaml"
EVENTS: Final = docs / "examples/events.ndjson"
TOPIC: Final = "experiment-events"
SUBSCRIPTION: Final = "all"


def define(peer: ServiceBusPeer) -> None:
    """Make the topic of the example, and its subscription."""
    from tests.peers.amqp.definitions import Settings, Subscription

    peer.topic(TOPIC, Subscription(name=SUBSCRIPTION, settings=Settings(sessions=True)))


def environment(connection_string: str, folder: Path) -> dict[str, str]:
    """Return what the example asks of the environment; what it keeps is in ``folder``."""
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "SERVICE_BUS": connection_string,
        "EXPERIMENTFRAMEWORK_STATE": str(folder),
    }
