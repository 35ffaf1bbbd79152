"""The process: ``python -m tests.peers.tds FOLDER PORT USER PASSWORD``.

It is told by lines of JSON on its standard input, and answers each with a line; the first line that
it writes is its port. It ends with its standard input, so that it does not outlive a test.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from tests.peers.obey import orders, say
from tests.peers.tds.control import Answer, Order
from tests.peers.tds.server import Server

if TYPE_CHECKING:
    from collections.abc import Sequence


async def _main(folder: str, port: str, user: str, password: str) -> None:
    server = Server(Path(folder), user, password)
    await server.listen(int(port))
    say(str(server.port).encode())
    async for line in orders():
        say(msgspec.json.encode(_obey(server, msgspec.json.decode(line, type=Order))))


def _obey(server: Server, order: Order) -> Answer:
    if order.create is not None:
        server.create(order.create)
    if order.release:
        server.release()
    if order.cut:
        server.cut_all()
    server.faults.add(order.faults)
    rows = None if order.query is None else server.rows(*order.query)
    return Answer(state=server.state, rows=rows)


def _run(arguments: Sequence[str]) -> None:
    folder, port, user, password = arguments
    asyncio.run(_main(folder, port, user, password))


if __name__ == "__main__":
    _run(sys.argv[1:])
