"""The process: ``python -m tests.peers.amqp [CERTIFICATE]``.

It is told by lines of JSON on its standard input, and answers each with a line; the first line that
it writes are its ports. It ends with its standard input, so that it does not outlive a test.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from tests.peers.amqp.broker import Broker
from tests.peers.amqp.control import Answer, Order
from tests.peers.amqp.message import shown
from tests.peers.amqp.queue import Queue
from tests.peers.amqp.server import Server
from tests.peers.obey import orders, say

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.peers.amqp.control import Burial
    from tests.peers.amqp.message import Shown


async def _main(certificate: Path | None) -> None:
    broker = Broker()
    server = Server(broker, certificate)
    await server.listen()
    sweeping = asyncio.create_task(broker.sweep(), name="sweep")
    say(msgspec.json.encode(server.ports))
    async for line in orders():
        order = msgspec.json.decode(line, type=Order)
        say(msgspec.json.encode(await _obey(broker, server, order)))
    sweeping.cancel()


async def _obey(broker: Broker, server: Server, order: Order) -> Answer:
    for definition in order.define:
        broker.namespace.define(definition)
    if order.release:
        broker.release()
    if order.listening:
        await server.listen()
    if order.listening is False:
        await server.stop()
    if order.deaf:
        broker.deaf = True
    if order.cut or order.listening is False:
        broker.cut_all()
    if order.detach is not None:
        broker.detach_senders(order.detach)
    _set_clock(broker, order)
    if order.bury is not None:
        _bury(broker, order.bury)
    broker.faults.add(order.faults)
    return Answer(state=broker.state, messages=_read(broker, order.read))


def _set_clock(broker: Broker, order: Order) -> None:
    if order.back:
        broker.put_back()
    if order.forward:
        broker.put_forward(order.forward)
        broker.tick()


def _bury(broker: Broker, burial: Burial) -> None:
    entity = broker.namespace.find(burial.path)
    assert isinstance(entity, Queue), burial.path
    entity.bury(burial.reason, burial.description)


def _read(broker: Broker, path: str | None) -> list[Shown]:
    entity = None if path is None else broker.namespace.find(path)
    return [] if entity is None else [shown(each) for each in entity.messages()]


def _run(arguments: Sequence[str]) -> None:
    asyncio.run(_main(Path(arguments[0]) if arguments else None))


if __name__ == "__main__":
    _run(sys.argv[1:])
