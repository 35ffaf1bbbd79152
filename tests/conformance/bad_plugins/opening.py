# ruff: noqa: D106  the outer class says what the inner one does
"""Plugins that open or close badly."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, ClassVar

from experimentframework_core.errors import (
    PartialBatchError,
    PermanentError,
    TransientError,
    UnavailableError,
)
from experimentframework_core.testing import make_record
from tests.conformance.bad_plugins.base import Bad, but, stores
from tests.conformance.reference_plugin import FileBackplane, FileOptions

if TYPE_CHECKING:
    from collections.abc import Sequence

    from experimentframework_core.envelope import Record
    from experimentframework_core.plugin import OpenContext


class HangsOnAnUnusedClose(Bad):
    fails: ClassVar = {
        "test_opens_a_backplane_and_closes_it",
        "test_an_exception_of_the_caller_passes_through",
        "test_reads_nothing_where_nothing_is",
    }
    patience = 1.0

    class Broken(FileBackplane):
        used = False

        async def deliver(self, batch: Sequence[Record]) -> None:
            self.used = True
            await super().deliver(batch)

        async def ping(self) -> None:
            self.used = True

        async def aclose(self) -> None:
            if not self.used:
                await asyncio.Event().wait()

    plugin = stores(Broken)


class EmptiesTheDestinationOnOpening(Bad):
    fails: ClassVar = {
        "test_opens_again_after_closing",
        "test_follows_what_comes_later",
        "test_goes_on_after_a_cancelled_wait",
        "test_reads_on_from_a_checkpoint",
        "test_goes_on_behind_what_is_no_event",
    }
    patience = 1.0

    class Broken(FileBackplane):
        async def open(self) -> None:
            await super().open()
            if self.lane == 0:
                self.path.write_bytes(b"")

    plugin = stores(Broken)


class HidesExceptions(Bad):
    fails: ClassVar = {"test_an_exception_of_the_caller_passes_through"}

    class Opened:
        def __init__(self, options: FileOptions, context: OpenContext) -> None:
            self._backplane = FileBackplane(options, context)

        async def __aenter__(self) -> FileBackplane:
            await self._backplane.open()
            return self._backplane

        async def __aexit__(self, kind: object, error: object, place: object) -> bool:
            return isinstance(error, Exception) and not isinstance(error, PartialBatchError)

    plugin = but(open=Opened)


class PingDelivers(Bad):
    fails: ClassVar = {"test_ping_answers_while_the_destination_does"}

    class Broken(FileBackplane):
        async def ping(self) -> None:
            self.store([make_record()])

    plugin = stores(Broken)


class OutageIsARefusal(Bad):
    fails: ClassVar = {"test_an_unreachable_destination_is_no_refusal"}

    class Broken(FileBackplane):
        async def open(self) -> None:
            try:
                await super().open()
            except UnavailableError as error:
                raise PermanentError(str(error)) from error

    plugin = stores(Broken)


class OutageIsAForeignError(Bad):
    fails: ClassVar = {
        "test_an_unreachable_destination_is_no_refusal",
        "test_ping_fails_if_the_destination_is_unreachable",
    }

    class Broken(FileBackplane):
        async def open(self) -> None:
            self.path.touch()

    plugin = stores(Broken)


class PingAlwaysAnswers(Bad):
    fails: ClassVar = {"test_ping_fails_if_the_destination_is_unreachable"}

    class Broken(FileBackplane):
        async def open(self) -> None:
            if self.path.parent.exists():
                await super().open()

        async def ping(self) -> None:
            return

        async def deliver(self, batch: Sequence[Record]) -> None:
            if not self.path.parent.exists():
                raise TransientError("no folder")
            await super().deliver(batch)

    plugin = stores(Broken)


class TakesOneLaneOnly(Bad):
    fails: ClassVar = {"test_lanes_work_side_by_side"}

    class Broken(FileBackplane):
        async def open(self) -> None:
            if self.lane > 0:
                raise UnavailableError("already open")
            await super().open()

    plugin = stores(Broken)
