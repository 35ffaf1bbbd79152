# ruff: noqa: D106  the outer class says what the inner one does
"""Plugins that read back badly."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import msgspec

from experimentframework_core._reading.encoded import EncodedAgain
from experimentframework_core.errors import ReplayError
from tests.conformance.bad_plugins.base import Bad, but
from tests.conformance.reference_plugin import FileOptions, FileReader, field

if TYPE_CHECKING:
    from collections.abc import Callable

    from experimentframework_core.envelope import Envelope
    from experimentframework_core.plugin import BackplanePlugin, Selection


class ReadsWithoutTraceparent(Bad):
    fails: ClassVar = {"test_reads_what_was_delivered"}

    class Reader(FileReader):
        async def __anext__(self) -> Envelope:
            return msgspec.structs.replace(await super().__anext__(), traceparent=None)

    plugin = but(read=Reader)


class ReadsRecordsLifted(Bad):
    fails: ClassVar = {"test_reads_records_as_they_were_delivered"}

    @staticmethod
    def again(options: FileOptions, selection: Selection) -> EncodedAgain:
        return EncodedAgain(FileReader(options, selection))

    plugin = but(read_records=again)


class FailsOnNothing(Bad):
    fails: ClassVar = {
        "test_reads_nothing_where_nothing_is",
        "test_an_empty_batch_is_delivered_at_once",
        "test_ping_answers_while_the_destination_does",
    }

    class Reader(FileReader):
        def lines(self) -> list[bytes]:
            found = super().lines()
            if not found:
                raise LookupError("the file is empty")
            return found

    plugin = but(read=Reader)


def reads(
    name: str, matches: Callable[[Selection, Envelope], bool]
) -> BackplanePlugin[FileOptions]:
    """Return the reference plugin with one criterion of its reader replaced."""
    place = ("types", "experiments", "subjects", "correlation_id", "since", "until").index(name)

    class Reader(FileReader):
        def tests(self, envelope: Envelope) -> list[bool]:
            tests = super().tests(envelope)
            tests[place] = matches(self.selection, envelope)
            return tests

    return but(read=Reader)


class ReadsOneTypeOnly(Bad):
    fails: ClassVar = {"test_reads_by_type"}
    plugin = reads(
        "types", lambda wanted, found: not wanted.types or found.event_type == wanted.types[0]
    )


class ReadsOtherExperiments(Bad):
    fails: ClassVar = {"test_reads_by_experiment"}
    plugin = reads(
        "experiments",
        lambda wanted, found: (
            not (wanted.experiments and wanted.types)
            or field(found, "experiment_name") in wanted.experiments
        ),
    )


class ReadsOneSubjectOnly(Bad):
    fails: ClassVar = {"test_reads_by_subject"}
    plugin = reads(
        "subjects",
        lambda wanted, found: (
            not wanted.subjects or field(found, "subject_id") == wanted.subjects[0]
        ),
    )


class ReadsOtherCorrelations(Bad):
    fails: ClassVar = {"test_reads_by_correlation_id"}
    plugin = reads("correlation_id", lambda wanted, found: True)


class SinceIsExclusive(Bad):
    fails: ClassVar = {"test_reads_from_a_time"}
    plugin = reads(
        "since", lambda wanted, found: wanted.since is None or found.timestamp > wanted.since
    )


class UntilIsInclusive(Bad):
    fails: ClassVar = {"test_reads_until_a_time"}
    plugin = reads(
        "until", lambda wanted, found: wanted.until is None or found.timestamp <= wanted.until
    )


class OneCriterionIsEnough(Bad):
    fails: ClassVar = {"test_reads_what_meets_every_criterion"}

    class Reader(FileReader):
        def tests(self, envelope: Envelope) -> list[bool]:
            wanted = self.selection
            tests = super().tests(envelope)
            given = [
                wanted.types,
                wanted.experiments,
                wanted.subjects,
                wanted.correlation_id,
                wanted.since,
                wanted.until,
            ]
            return [any(t for t, g in zip(tests, given, strict=True) if g) or not any(given)]

    plugin = but(read=Reader)


class CheckpointIsOneTooFar(Bad):
    fails: ClassVar = {"test_reads_on_from_a_checkpoint", "test_goes_on_behind_what_is_no_event"}

    class Reader(FileReader):
        @property
        def checkpoint(self) -> str:
            return str(self._position + 1)

    plugin = but(read=Reader)


class CheckpointMovesAtTheEndOnly(Bad):
    fails: ClassVar = {"test_reads_on_from_a_checkpoint", "test_goes_on_behind_what_is_no_event"}

    class Reader(FileReader):
        @property
        def checkpoint(self) -> str:
            return str(self._position if self._position == len(self._lines) else 0)

    plugin = but(read=Reader)


class TakesAnyCheckpoint(Bad):
    fails: ClassVar = {"test_refuses_what_is_no_checkpoint"}

    class Reader(FileReader):
        def __init__(self, options: FileOptions, selection: Selection) -> None:
            if not (selection.checkpoint or "").isdecimal():
                selection = msgspec.structs.replace(selection, checkpoint=None)
            super().__init__(options, selection)

    plugin = but(read=Reader)


class PassesOverWhatIsNoEvent(Bad):
    fails: ClassVar = {"test_goes_on_behind_what_is_no_event"}

    class Reader(FileReader):
        async def __anext__(self) -> Envelope:
            try:
                return await super().__anext__()
            except ReplayError:
                return await super().__anext__()

    plugin = but(read=Reader)


class KeepsToItselfWhatIsStored(Bad):
    fails: ClassVar = {"test_goes_on_behind_what_is_no_event"}

    class Reader(FileReader):
        def decoded(self, line: bytes) -> Envelope:
            try:
                return super().decoded(line)
            except ReplayError as error:
                raise ReplayError(str(error)) from None

    plugin = but(read=Reader)


class LeavesItsFileOpen(Bad):
    fails: ClassVar = {"test_closing_early_releases_what_was_opened"}
    patience = 1.0
    left: ClassVar[list[object]] = []

    class Reader(FileReader):
        async def aclose(self) -> None:
            LeavesItsFileOpen.left.append(Path(os.devnull).open("rb"))  # noqa: SIM115, ASYNC230

    plugin = but(read=Reader)


class ReadsTheLatestFirst(Bad):
    fails: ClassVar = {
        "test_reads_in_the_declared_order",
        "test_keeps_the_order_of_a_key",
        "test_reads_on_from_a_checkpoint",
    }

    class Reader(FileReader):
        def lines(self) -> list[bytes]:
            found = super().lines()
            return found if self.selection.follow else found[::-1]

    plugin = but(read=Reader)


class DropsUnknownVersions(Bad):
    fails: ClassVar = {"test_reads_what_other_versions_wrote"}

    class Reader(FileReader):
        def tests(self, envelope: Envelope) -> list[bool]:
            return [*super().tests(envelope), not envelope.schema_version.startswith("9")]

    plugin = but(read=Reader)


class FollowEnds(Bad):
    fails: ClassVar = {"test_follows_what_comes_later", "test_following_ends_when_cancelled"}

    class Reader(FileReader):
        async def wait(self) -> None:
            raise StopAsyncIteration

    plugin = but(read=Reader)


class FollowSeesNothingNew(Bad):
    fails: ClassVar = {"test_follows_what_comes_later"}
    patience = 1.0

    class Reader(FileReader):
        async def wait(self) -> None:
            await asyncio.Event().wait()

    plugin = but(read=Reader)


class CancellationEndsTheReading(Bad):
    fails: ClassVar = {"test_goes_on_after_a_cancelled_wait"}

    class Reader(FileReader):
        ended = False

        async def __anext__(self) -> Envelope:
            if self.ended:
                raise StopAsyncIteration
            try:
                return await super().__anext__()
            except asyncio.CancelledError:
                self.ended = True
                raise

    plugin = but(read=Reader)


class FollowSwallowsCancellation(Bad):
    fails: ClassVar = {"test_following_ends_when_cancelled"}

    class Reader(FileReader):
        async def __anext__(self) -> Envelope:
            try:
                return await super().__anext__()
            except asyncio.CancelledError:
                raise StopAsyncIteration from None

    plugin = but(read=Reader)
