"""A forked child has copies of the connections, and leaves them to its parent."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.packaging.layout import root

if TYPE_CHECKING:
    from tests.sqlserver.engine.database import Engine

PROGRAM = """
import asyncio, ctypes, gc, os, sys
from experimentframework_core.units import Secret
from experimentframework_sqlserver import SqlServerOptions
from experimentframework_sqlserver._connection.pool import open_pool

async def main():
    pool = open_pool(SqlServerOptions(connection_string=Secret(os.environ["DATABASE"])))
    async with pool.session() as session:
        await session.run_alone("SELECT 1")
    child = os.fork()
    if child == 0:
        del session
        pool._idle.clear()
        gc.collect()
        if sys.argv[1] == "exit":
            return None
        os._exit(0)
    os.waitpid(child, 0)
    async with pool.session() as session:
        print((await session.run_alone("SELECT 2")).rows)
    await pool.close()
    return child

loop = asyncio.new_event_loop()
if loop.run_until_complete(main()) is None:
    # Closed here, the loop would take its parent's file descriptors out of the epoll they share.
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(loop))
    sys.exit(0)
loop.close()
"""


@pytest.mark.parametrize("end", ["exit", "_exit"])
def test_a_childs_end_leaves_the_connection_to_its_parent(engine: Engine, end: str) -> None:
    """Given an open connection, When a forked child ends, Then the parent goes on using it."""
    environment = os.environ | {"DATABASE": engine.connection_string, "PYTHONPATH": str(root)}

    done = subprocess.run(
        [sys.executable, "-W", "error::ResourceWarning", "-c", PROGRAM, end],
        env=environment,
        capture_output=True,
        text=True,
        timeout=250,
        check=False,
    )

    assert (done.stdout, done.stderr) == ("[(2,)]\n", "")
