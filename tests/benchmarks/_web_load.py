"""Asks for pages over connections that are kept, as a process of its own; told what by stdin."""

from __future__ import annotations

import asyncio
import re
import sys

CONNECTIONS = 8


async def ask(port: int, path: str, mode: str, count: int) -> None:
    """Send ``count`` requests over each connection, one after the other."""
    await asyncio.gather(*(_ask_on_one(port, path, mode, count) for _ in range(CONNECTIONS)))


async def _ask_on_one(port: int, path: str, mode: str, count: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    cookie = ""
    for number in range(count):
        target = f"/{path}?user=u-{number}&mode={mode}"
        request = f"GET {target} HTTP/1.1\r\nHost: a\r\nAccept-Encoding: gzip\r\n{cookie}\r\n"
        writer.write(request.encode())
        head = await reader.readuntil(b"\r\n\r\n")
        if found := re.search(rb"set-cookie: (session=[^;]+)", head):
            cookie = f"Cookie: {found[1].decode()}\r\n"
        status = head.split(b" ", 2)[1]
        if status != b"200":
            raise RuntimeError(f"{target}: {status.decode()}")
        length = re.search(rb"content-length: (\d+)", head)
        await reader.readexactly(int(length[1] if length else 0))
    writer.close()
    await writer.wait_closed()


def main() -> None:
    """Do what each line says, ``path mode count``, and answer when it is done."""
    port = int(sys.argv[1])
    with asyncio.Runner() as runner:
        for line in sys.stdin:
            path, mode, count = line.split()
            runner.run(ask(port, path, mode, int(count)))
            sys.stdout.write("done\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
