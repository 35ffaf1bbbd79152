"""Fixtures for the tests of an application that publishes.

Take them in with ``pytest_plugins = ["experimentframework_core.testing.fixtures"]``, in the root
``conftest.py`` or in a test file.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from experimentframework_core.codec import decode
from experimentframework_core.config import (
    DataPlaneOptions,
    DeadLetterOptions,
    DeadLetterStoreOptions,
)
from experimentframework_core.plane import DataPlane

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from experimentframework_core.envelope import Envelope, Record

MakePlane = Callable[..., DataPlane]


class _Recorder:
    def __init__(self, recorded: list[Envelope]) -> None:
        self._recorded = recorded

    async def deliver(self, batch: Sequence[Record]) -> None:
        self._recorded += [decode(record.body) for record in batch]


@pytest.fixture
def recorded() -> list[Envelope]:
    """What the planes of `make_plane` have delivered in this test, in order."""
    return []


@pytest.fixture
def make_plane(recorded: list[Envelope], tmp_path: Path) -> MakePlane:
    """Return a function that makes a data plane which delivers into ``recorded``.

    The plane is not open yet: ``async with make_plane() as plane``. The function takes
    `DataPlaneOptions`; by default dead letters stay in the test's folder.
    """
    store = DeadLetterStoreOptions(path=str(tmp_path / "dead-letters.db"))
    usual = DataPlaneOptions(dead_letter=DeadLetterOptions(options=store))

    def make(options: DataPlaneOptions = usual) -> DataPlane:
        return DataPlane(options, backplane=_Recorder(recorded))

    return make
