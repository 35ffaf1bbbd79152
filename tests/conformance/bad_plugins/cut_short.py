# ruff: noqa: D106  the outer class says what the inner one does
"""Plugins that lose, tear, repeat or mix up what was cut short."""

from __future__ import annotations

from contextlib import nullcontext, suppress
from typing import TYPE_CHECKING, ClassVar

from experimentframework_core.errors import PartialBatchError, PermanentError, TransientError
from experimentframework_core.testing import full_disk
from experimentframework_core.testing._cases._cut_short import CutShortCases
from tests.conformance.bad_plugins.base import Breaking, stores
from tests.conformance.reference_plugin import FileBackplane, FileOptions, plugin
from tests.conformance.test_reference_plugin import ReferenceConformance

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from contextlib import AbstractAsyncContextManager

    from experimentframework_core.envelope import Record

TOLD = "test_what_is_cut_short_is_told_truly"
COMES_AGAIN = "test_what_was_cut_short_arrives_in_the_end"
DIES = "test_a_process_that_dies_in_a_batch_loses_nothing"


class BadCutShort(Breaking, CutShortCases[FileOptions]):
    """A plugin that breaks a rule when it is cut short: with those cases alone."""

    plugin = plugin
    options = ReferenceConformance.options

    def cut_short(
        self, options: FileOptions, batch: Sequence[Record]
    ) -> AbstractAsyncContextManager[None]:
        return full_disk(options.path, room=len(batch[0].body) + 100)


class CutsNothing(BadCutShort):
    fails: ClassVar = {TOLD, DIES}

    def cut_short(
        self, options: FileOptions, batch: Sequence[Record]
    ) -> AbstractAsyncContextManager[None]:
        return nullcontext()


class GluesToWhatWasCut(BadCutShort):
    fails: ClassVar = {TOLD, COMES_AGAIN, DIES}

    class Broken(FileBackplane):
        def mend(self) -> None:
            pass

    plugin = stores(Broken)


class LeavesHalfALine(BadCutShort):
    """Until the next delivery."""

    fails: ClassVar = {TOLD}

    class Broken(FileBackplane):
        def append(self, bodies: Iterable[bytes]) -> None:
            super().mend()
            super().append(bodies)

        def mend(self) -> None:
            pass

    plugin = stores(Broken)


class ThinksOfNoProcessBefore(BadCutShort):
    fails: ClassVar = {DIES}

    class Broken(FileBackplane):
        def append(self, bodies: Iterable[bytes]) -> None:
            try:
                super().append(bodies)
            except TransientError:
                super().mend()
                raise

        def mend(self) -> None:
            pass

    plugin = stores(Broken)


class ConfirmsAHalf(BadCutShort):
    fails: ClassVar = {TOLD, COMES_AGAIN}

    class Broken(FileBackplane):
        def append(self, bodies: Iterable[bytes]) -> None:
            with suppress(TransientError):
                super().append(bodies)

    plugin = stores(Broken)


class ConfirmsAllButTheFirst(BadCutShort):
    fails: ClassVar = {TOLD, COMES_AGAIN}

    class Broken(FileBackplane):
        async def deliver(self, batch: Sequence[Record]) -> None:
            try:
                await super().deliver(batch)
            except TransientError as error:
                raise PartialBatchError({0: error}) from None

    plugin = stores(Broken)


class RefusesForLackOfRoom(BadCutShort):
    fails: ClassVar = {TOLD, COMES_AGAIN}

    class Broken(FileBackplane):
        async def deliver(self, batch: Sequence[Record]) -> None:
            try:
                await super().deliver(batch)
            except TransientError as error:
                failures = dict.fromkeys(range(len(batch)), PermanentError(str(error)))
                raise PartialBatchError(failures) from None

    plugin = stores(Broken)


class RepeatsWhatHadArrived(BadCutShort):
    fails: ClassVar = {COMES_AGAIN}

    class Broken(FileBackplane):
        failed = False

        def store(self, records: Iterable[Record]) -> None:
            try:
                if self.failed:
                    self.append([record.body for record in records])
                else:
                    super().store(records)
            except TransientError:
                self.failed = True
                raise

    plugin = stores(Broken)


class LetsTheLastGoFirst(BadCutShort):
    fails: ClassVar = {COMES_AGAIN}

    class Broken(FileBackplane):
        def store(self, records: Iterable[Record]) -> None:
            kept, before = list(records), self.path.read_bytes()
            try:
                super().store(kept)
            except TransientError:
                self.path.write_bytes(before)
                super().store(kept[-1:])
                raise

    plugin = stores(Broken)
