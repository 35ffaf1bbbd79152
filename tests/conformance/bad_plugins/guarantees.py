# ruff: noqa: D106  the outer class says what the inner one does
"""Plugins that do not keep what their features declare."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import msgspec

from experimentframework_core.errors import PartialBatchError, PermanentError, TransientError
from tests.conformance.bad_plugins.base import Bad, but, stores
from tests.conformance.reference_plugin import FileBackplane, FileOptions, FileReader

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from experimentframework_core.envelope import Record
    from experimentframework_core.plugin import OpenContext


class KnowsOnlyItsOwnDuplicates(Bad):
    fails: ClassVar = {"test_stores_a_record_once"}

    class Broken(FileBackplane):
        def __init__(self, options: FileOptions, context: OpenContext) -> None:
            super().__init__(options, context)
            self.known: set[bytes] = set()

        def store(self, records: Iterable[Record]) -> None:
            new = dict.fromkeys(r.body for r in records if r.body not in self.known)
            self.known |= set(new)
            self.append(new)

    plugin = stores(Broken)


class OverlooksDuplicatesOfOneBatch(Bad):
    fails: ClassVar = {"test_stores_a_record_once_of_one_batch"}

    class Broken(FileBackplane):
        def store(self, records: Iterable[Record]) -> None:
            known = set(self.path.read_bytes().splitlines())
            self.append([record.body for record in records if record.body not in known])

    plugin = stores(Broken)


class TurnsBatchesRound(Bad):
    fails: ClassVar = {"test_keeps_the_order_of_a_key", "test_reads_in_the_declared_order"}

    class Broken(FileBackplane):
        def store(self, records: Iterable[Record]) -> None:
            super().store(list(records)[::-1])

    plugin = stores(Broken)


class SharesNoKeys(Bad):
    fails: ClassVar = {
        "test_keeps_the_order_of_a_key",
        "test_holds_back_what_follows_a_transient_failure",
    }
    plugin = but(ordering_key=lambda record, options: record.event_id)


class OvertakesAFailedRecord(Bad):
    fails: ClassVar = {"test_holds_back_what_follows_a_transient_failure"}

    class Broken(FileBackplane):
        def refused(self, batch: Sequence[Record]) -> dict[int, TransientError | PermanentError]:
            failures = super().refused(batch)
            return {i: e for i, e in failures.items() if batch[i].variant in ("flaky", "poison")}

    plugin = stores(Broken)


class CountsFromOne(Bad):
    fails: ClassVar = {"test_names_the_refused_records"}

    class Broken(FileBackplane):
        async def deliver(self, batch: Sequence[Record]) -> None:
            try:
                await super().deliver(batch)
            except PartialBatchError as error:
                raise PartialBatchError(
                    {i + 1: e for i, e in error.failures.items()}
                    if any(isinstance(e, PermanentError) for e in error.failures.values())
                    else error.failures
                ) from None

    plugin = stores(Broken)


class NamesNobody(Bad):
    fails: ClassVar = {"test_names_the_refused_records"}

    class Broken(FileBackplane):
        async def deliver(self, batch: Sequence[Record]) -> None:
            try:
                await super().deliver(batch)
            except PartialBatchError as error:
                raise error.failures[min(error.failures)] from None

    plugin = stores(Broken)


class GivesNoPoison(Bad):
    """Declares partial failures and shows none."""

    fails: ClassVar = {"test_names_the_refused_records"}

    def poison(self, options: FileOptions) -> Record | None:
        return None


class WholeBatchBackplane(FileBackplane):
    """Refuses a batch with poison as a whole."""

    async def deliver(self, batch: Sequence[Record]) -> None:
        poisoned = any(record.variant == "poison" for record in batch)
        if poisoned:
            self.store_of_refused(batch)
            raise PermanentError("poison")
        await super().deliver(batch)

    def store_of_refused(self, batch: Sequence[Record]) -> None:
        """Store nothing."""


class RefusesTheWholeBatch(Bad):
    """This is allowed."""

    fails: ClassVar[set[str]] = set()
    plugin = stores(WholeBatchBackplane, partial_failures=False)


class DeliversHalfOfARefusedBatch(Bad):
    fails: ClassVar = {"test_refuses_the_batch_as_a_whole"}

    class Broken(WholeBatchBackplane):
        def store_of_refused(self, batch: Sequence[Record]) -> None:
            if len(batch) > 1:
                self.store(batch[:1])

    plugin = stores(Broken, partial_failures=False)


class BreaksByARefusal(Bad):
    fails: ClassVar = {"test_delivers_after_a_refusal"}

    class Broken(FileBackplane):
        broken = False

        async def deliver(self, batch: Sequence[Record]) -> None:
            if self.broken:
                raise RuntimeError("the link is detached")
            self.broken = any(record.variant == "poison" for record in batch)
            await super().deliver(batch)

    plugin = stores(Broken)


class LivesInTheProcess(Bad):
    fails: ClassVar = {
        "test_what_is_confirmed_survives_the_process",
        "test_goes_on_behind_what_is_no_event",
    }
    kept: ClassVar[dict[Path, list[bytes]]] = {}

    class Broken(FileBackplane):
        def store(self, records: Iterable[Record]) -> None:
            kept = LivesInTheProcess.kept.setdefault(self.path, [])
            kept += [b for b in dict.fromkeys(r.body for r in records) if b not in kept]

    class Reader(FileReader):
        def lines(self) -> list[bytes]:
            return list(LivesInTheProcess.kept.get(self._path, ()))

    plugin = msgspec.structs.replace(stores(Broken), read=Reader)
