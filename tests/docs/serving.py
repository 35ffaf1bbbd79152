"""A uvicorn with one of the example apps, as its page starts it."""

from __future__ import annotations

import asyncio
import re
import signal
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

from experimentframework_core.backplanes.sqlite import SqliteOptions, read_sqlite
from experimentframework_core.plugin import Selection
from tests.docs.pages import docs

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from experimentframework_core.envelope import Envelope


@contextmanager
def served(folder: str, app: str, *options: str, **environment: str) -> Iterator[str]:
    """Yield the address of an app; afterwards ask the server to end, and wait until it has.

    Args:
        folder: The example's folder.
        app: The module and the app in it, as for ``uvicorn``.
        options: More options of uvicorn.
        environment: The environment, beside a switch that keeps the folder clean.
    """
    process = subprocess.Popen(
        [sys.executable, "-m", "uvicorn", app, "--port", "0", "--no-access-log", *options],
        cwd=docs / "examples" / folder,
        env={"PYTHONDONTWRITEBYTECODE": "1", **environment},
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield _address_of(process)
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=100)
    finally:
        process.kill()
        process.communicate()


def _address_of(process: subprocess.Popen[str]) -> str:
    assert process.stderr is not None
    said = ""
    for line in process.stderr:
        said += line
        if found := re.search(r"http://127\.0\.0\.1:\d+", line):
            return found[0]
    raise AssertionError(said)


def stored(database: Path) -> list[Envelope]:
    """Return the events in an event database."""
    reader = read_sqlite(SqliteOptions(path=str(database)), Selection())

    async def read() -> list[Envelope]:
        return [event async for event in reader]

    return asyncio.run(read())
