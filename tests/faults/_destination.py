"""The program at the other end: takes batches, writes down what came, misbehaves when told.

It is told by lines of JSON on its standard input and answers each with a line. In its log stand
``E batch connection id subject`` for an event, ``B batch connection time count`` for a batch,
``X text`` for a body that nobody made, and ``C connection how`` for the end of a connection:
``cut`` by the destination or ``ended`` by the other side.
"""

from __future__ import annotations

import asyncio
import os
import socket
import struct
import sys
from itertools import count
from time import monotonic

import msgspec

from tests.faults import _events, _wire
from tests.peers.ports import free_port

_reset = struct.pack("ii", 1, 0)


class Manner(msgspec.Struct, frozen=True, kw_only=True):
    """How the destination behaves.

    Attributes:
        up: Whether it listens; going down resets every connection.
        flap: Seconds after which it goes down or up again; 0 stays.
        delay: Seconds before each answer.
        hang: Read everything, answer nothing.
        poison: Refuse for ever the events of which the checksum is a multiple of this; 0 none.
        refusal: How poison is refused: the whole batch, by index, or as a bug of the plugin.
    """

    up: bool = True
    flap: float = 0.0
    delay: float = 0.0
    hang: bool = False
    poison: int = 0
    refusal: str = "permanent"


class Destination:
    """A server, its connections and its log."""

    def __init__(self, log: str) -> None:
        """Open the log; `listen` opens the port."""
        self._log = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        self.manner = Manner()
        self.port = free_port()
        self._server: asyncio.Server | None = None
        self._writers: dict[int, asyncio.StreamWriter] = {}
        self._connections = count(1)
        self._batches = count(1)
        self._flapping: asyncio.Task[None] | None = None

    async def behave(self, manner: Manner) -> None:
        """Behave like that from now on."""
        if self._flapping is not None:
            self._flapping.cancel()
            self._flapping = None
        self.manner = manner
        await (self.listen() if manner.up else self._go_down())
        if manner.flap:
            self._flapping = asyncio.create_task(self._flap(manner.flap))

    async def listen(self) -> None:
        """Listen, on the same port as before."""
        if self._server is None:
            self._server = await asyncio.start_server(
                self._serve, "127.0.0.1", self.port, limit=2**24
            )

    async def _go_down(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
        for connection, writer in tuple(self._writers.items()):
            self._cut(connection, writer)

    def _cut(self, connection: int, writer: asyncio.StreamWriter) -> None:
        del self._writers[connection]
        self._write(f"C {connection} cut\n")
        raw: socket.socket = writer.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _reset)
        writer.transport.abort()

    async def _flap(self, seconds: float) -> None:
        while True:
            await asyncio.sleep(seconds)
            await (self._go_down() if self._server is not None else self.listen())

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = next(self._connections)
        self._writers[connection] = writer
        try:
            while True:
                answer = self._take(await _wire.read_batch(reader), connection)
                if self.manner.delay:
                    await asyncio.sleep(self.manner.delay)
                if not self.manner.hang:
                    _wire.write_answer(writer, answer)
                    await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            if self._writers.pop(connection, None) is not None:
                self._write(f"C {connection} ended\n")
                writer.transport.abort()

    def _take(self, bodies: list[bytes], connection: int) -> _wire.Answer:
        batch, lines, refused = next(self._batches), [], []
        for index, body in enumerate(bodies):
            try:
                event_id, subject, check = _events.read(body)
            except ValueError as error:
                lines.append(f"X {error}\n")
                continue
            if _events.is_poison(check, self.manner.poison):
                refused.append(index)
            else:
                lines.append(f"E {batch} {connection} {event_id} {subject}\n")
        if refused and self.manner.refusal != "partial":
            return msgspec.convert({"error": self.manner.refusal}, _wire.Answer)
        lines.append(f"B {batch} {connection} {monotonic()} {len(bodies)}\n")
        self._write("".join(lines))
        return _wire.Answer(refused=tuple(refused))

    def _write(self, text: str) -> None:
        os.write(self._log, text.encode())


async def _main(log: str) -> None:
    destination = Destination(log)
    await destination.listen()
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    _say(str(destination.port))
    while line := await reader.readline():
        await destination.behave(msgspec.json.decode(line, type=Manner))
        _say("done")


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(_main(sys.argv[1]))
