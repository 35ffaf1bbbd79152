"""Keeps a broker of our own until the process is interrupted: for trying things out by hand.

``python -m tests.peers.servicebus`` makes what ``docs/examples/service-bus.yaml`` needs: a topic
with a subscription. ``[--sessions] [--duplicates SECONDS] QUEUE ...`` makes queues instead. It has
the entities of the tests too, says how to reach it, and forgets everything when it ends.
"""

from __future__ import annotations

import argparse
import sys
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from tests.peers.amqp.definitions import Settings, Subscription
from tests.peers.amqp.peer import ServiceBusPeer
from tests.peers.servicebus_choice import variable
from tests.peers.servicebus_entities import entities

if TYPE_CHECKING:
    from collections.abc import Sequence

_topic: Final = "experiment-events"
_subscription: Final = "all"
_of_the_example: Final = "SERVICE_BUS"


def main(arguments: Sequence[str]) -> None:
    """Start it, and wait."""
    parser = argparse.ArgumentParser(prog="python -m tests.peers.servicebus")
    parser.add_argument("queues", nargs="*", metavar="QUEUE")
    parser.add_argument("--sessions", action="store_true", help="the queues require sessions")
    parser.add_argument("--duplicates", type=float, default=0.0, metavar="SECONDS")
    said = parser.parse_args(arguments)
    with ServiceBusPeer() as peer, suppress(KeyboardInterrupt):
        peer.define(*entities)
        if not said.queues:
            peer.topic(_topic, Subscription(name=_subscription, settings=Settings(sessions=True)))
        for name in said.queues:
            settings = Settings(sessions=said.sessions, duplicate_seconds=said.duplicates)
            peer.queue(name, settings)
        for name in (variable, _of_the_example):
            sys.stdout.write(f"export {name}='{peer.connection_string()}'\n")
        sys.stdout.flush()
        threading.Event().wait()


if __name__ == "__main__":
    main(sys.argv[1:])
