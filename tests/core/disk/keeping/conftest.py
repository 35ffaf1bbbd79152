"""Keepers and adoption run in virtual time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.core._virtual_time import VirtualTimeLoop

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable


def pytest_asyncio_loop_factories() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Run every test of this folder in virtual time."""
    return {"virtual": VirtualTimeLoop}
