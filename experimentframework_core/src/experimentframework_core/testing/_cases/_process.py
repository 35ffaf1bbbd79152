"""A process that delivers and is killed before it can close anything."""

from __future__ import annotations

import asyncio
import os
import signal
import traceback
import warnings
from typing import TYPE_CHECKING, Final

import pytest

from experimentframework_core.errors import DeliveryError
from experimentframework_core.plugin import BackplanePlugin, OpenContext, OptionsT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from experimentframework_core.envelope import Record

CONFIRMED: Final = "confirmed"
FAILED: Final = "failed"


async def said_by_a_lost_process(
    plugin: BackplanePlugin[OptionsT],
    options: OptionsT,
    records: Sequence[Record],
    *,
    delivery_timeout: float,
) -> str:
    """Deliver in a forked process that is killed right after, or by writing to a full disk.

    Returns:
        `CONFIRMED`; `FAILED` and the traceback, where ``deliver`` raised what a plugin may raise;
        the traceback of anything else; or nothing where it died in the middle.
    """
    if not hasattr(os, "fork"):
        pytest.skip("this system has no fork")
    context = OpenContext(name="conformance", delivery_timeout=delivery_timeout)
    reading, writing = os.pipe()
    child = _fork()
    if child == 0:
        _deliver_and_die(plugin, options, context, records, writing)
    os.close(writing)
    loop = asyncio.get_running_loop()
    try:
        said = await loop.run_in_executor(None, _read_all, reading)
    finally:
        _bury(child)
    return said.decode()


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
    context: OpenContext,
    records: Sequence[Record],
    descriptor: int,
) -> None:
    def die(said: str) -> None:
        os.write(descriptor, said.encode())
        os.kill(os.getpid(), signal.SIGKILL)

    async def run() -> None:
        async with plugin.open(options, context) as backplane:
            try:
                await backplane.deliver(records)
            except DeliveryError:
                die(f"{FAILED}: {traceback.format_exc()}")
            except Exception:  # noqa: BLE001  the other process says it
                die(traceback.format_exc())
            die(CONFIRMED)

    try:
        _die_of_a_full_disk()
        asyncio.run(run())
    except BaseException:  # noqa: BLE001  the same
        die(traceback.format_exc())


def _die_of_a_full_disk() -> None:
    """Have a write beyond the limit of `full_disk` kill this process, and no core left of it."""
    import resource

    signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
