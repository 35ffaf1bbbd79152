# ruff: noqa: S101  the cases of the kit are tests
"""A process that delivers and is killed before it can close anything."""

from __future__ import annotations

import asyncio
import os
import signal
import traceback
import warnings
from typing import TYPE_CHECKING

import pytest

from experimentframework_core.plugin import BackplanePlugin, OpenContext, OptionsT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from experimentframework_core.envelope import Record

CONFIRMED = b"confirmed"


async def assert_confirmed_by_a_lost_process(
    plugin: BackplanePlugin[OptionsT], options: OptionsT, records: Sequence[Record]
) -> None:
    """Deliver in a forked process that is killed right after; fail the case if it raised."""
    if not hasattr(os, "fork"):
        pytest.skip("this system has no fork")
    reading, writing = os.pipe()
    child = _fork()
    if child == 0:
        _deliver_and_die(plugin, options, records, writing)
    os.close(writing)
    loop = asyncio.get_running_loop()
    try:
        said = await loop.run_in_executor(None, _read_all, reading)
    finally:
        _bury(child)
    assert said == CONFIRMED, said.decode()


def _fork() -> int:
    with warnings.catch_warnings():
        # Newer Pythons warn where threads run; the child only delivers and dies.
        warnings.simplefilter("ignore", DeprecationWarning)
        return os.fork()


def _bury(child: int) -> None:
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)


def _read_all(descriptor: int) -> bytes:
    with os.fdopen(descriptor, "rb") as pipe:
        return pipe.read()


def _deliver_and_die(
    plugin: BackplanePlugin[OptionsT],
    options: OptionsT,
    records: Sequence[Record],
    descriptor: int,
) -> None:
    async def run() -> None:
        context = OpenContext(name="conformance")
        async with plugin.open(options, context) as backplane:
            await backplane.deliver(records)
            os.write(descriptor, CONFIRMED)
            os.kill(os.getpid(), signal.SIGKILL)

    try:
        asyncio.run(run())
    except BaseException:  # noqa: BLE001  the other process says it
        os.write(descriptor, traceback.format_exc().encode())
    finally:
        os._exit(1)
