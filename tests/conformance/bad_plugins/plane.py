# ruff: noqa: D106  the outer class says what the inner one does
"""Plugins that work by themselves and fail behind a data plane."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from tests.conformance.bad_plugins.base import Bad, stores
from tests.conformance.reference_plugin import FileBackplane

if TYPE_CHECKING:
    from collections.abc import Sequence

    from experimentframework_core.envelope import Record


class TakesListsOnly(Bad):
    fails: ClassVar = {"test_the_data_plane_delivers_everything"}

    class Broken(FileBackplane):
        async def deliver(self, batch: Sequence[Record]) -> None:
            await super().deliver([] + batch)  # type: ignore[operator]  # noqa: RUF005  the fault

    plugin = stores(Broken)
