# ruff: noqa: D106  the outer class says what the inner one does
"""Plugins that deliver badly."""

from __future__ import annotations

import asyncio
import unicodedata
from typing import TYPE_CHECKING, ClassVar

from experimentframework_core.errors import PermanentError, TransientError
from tests.conformance.bad_plugins.base import Bad, stores
from tests.conformance.reference_plugin import FileBackplane, FileOptions

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from experimentframework_core.envelope import Record
    from experimentframework_core.plugin import OpenContext


class LosesBatchesOfOne(Bad):
    fails: ClassVar = {"test_delivers_one_record"}

    class Broken(FileBackplane):
        def store(self, records: Iterable[Record]) -> None:
            kept = list(records)
            super().store(kept if len(kept) > 1 else [])

    plugin = stores(Broken)


class CutsLargeBatches(Bad):
    fails: ClassVar = {"test_delivers_many_records"}

    class Broken(FileBackplane):
        def store(self, records: Iterable[Record]) -> None:
            super().store(list(records)[:500])

    plugin = stores(Broken)


class WearsOut(Bad):
    fails: ClassVar = {"test_delivers_batch_after_batch"}

    class Broken(FileBackplane):
        delivered = 0

        async def deliver(self, batch: Sequence[Record]) -> None:
            self.delivered += 1
            if self.delivered <= 20:
                await super().deliver(batch)

    plugin = stores(Broken)


class RefusesAnEmptyBatch(Bad):
    fails: ClassVar = {"test_an_empty_batch_is_delivered_at_once"}

    class Broken(FileBackplane):
        async def deliver(self, batch: Sequence[Record]) -> None:
            if not batch:
                raise ValueError("nothing to deliver")
            await super().deliver(batch)

    plugin = stores(Broken)


class LosesAType(Bad):
    fails: ClassVar = {"test_delivers_every_type", "test_reads_what_was_delivered"}

    class Broken(FileBackplane):
        def store(self, records: Iterable[Record]) -> None:
            super().store(record for record in records if record.event_type != "governance")

    plugin = stores(Broken)


class ComposesUnicode(Bad):
    fails: ClassVar = {"test_bodies_arrive_byte_for_byte"}

    class Broken(FileBackplane):
        def append(self, bodies: Iterable[bytes]) -> None:
            super().append(unicodedata.normalize("NFC", body.decode()).encode() for body in bodies)

    plugin = stores(Broken)


class LosesLargeBodies(Bad):
    fails: ClassVar = {"test_a_large_body_arrives"}

    class Broken(FileBackplane):
        def append(self, bodies: Iterable[bytes]) -> None:
            super().append(body for body in bodies if len(body) < 64 * 1024)

    plugin = stores(Broken)


class WritesOnClosing(Bad):
    fails: ClassVar = {"test_what_is_confirmed_has_arrived"}

    class Broken(FileBackplane):
        def __init__(self, options: FileOptions, context: OpenContext) -> None:
            super().__init__(options, context)
            self.waiting: list[Record] = []

        def store(self, records: Iterable[Record]) -> None:
            self.waiting += records

        async def aclose(self) -> None:
            super().store(self.waiting)

    plugin = stores(Broken, durable=False)


class RefusesWhatItKnows(Bad):
    fails: ClassVar = {
        "test_delivers_the_same_batch_again",
        "test_delivers_again_after_a_cancellation",
    }

    class Broken(FileBackplane):
        def store(self, records: Iterable[Record]) -> None:
            kept = list(records)
            known = set(self.path.read_bytes().splitlines())
            if any(record.body in known for record in kept):
                raise PermanentError("duplicate key")
            super().store(kept)

    plugin = stores(Broken, deduplicates=False)


class SwallowsCancellation(Bad):
    fails: ClassVar = {"test_cancellation_is_obeyed"}

    class Broken(FileBackplane):
        async def deliver(self, batch: Sequence[Record]) -> None:
            try:
                await super().deliver(batch)
            except asyncio.CancelledError:
                return

    plugin = stores(Broken)


class TurnsCancellationIntoAnError(Bad):
    fails: ClassVar = {"test_cancellation_is_obeyed", "test_delivers_again_after_a_cancellation"}

    class Broken(FileBackplane):
        async def deliver(self, batch: Sequence[Record]) -> None:
            try:
                await super().deliver(batch)
            except asyncio.CancelledError:
                raise TransientError("interrupted") from None

    plugin = stores(Broken)


class IgnoresCancellation(Bad):
    fails: ClassVar = {"test_cancellation_is_obeyed", "test_delivers_again_after_a_cancellation"}
    patience = 1.0

    class Broken(FileBackplane):
        async def deliver(self, batch: Sequence[Record]) -> None:
            try:
                await super().deliver(batch)
            except asyncio.CancelledError:
                await asyncio.Event().wait()

    plugin = stores(Broken)


class ForgetsWhatWasCancelled(Bad):
    fails: ClassVar = {"test_delivers_again_after_a_cancellation"}

    class Broken(FileBackplane):
        def __init__(self, options: FileOptions, context: OpenContext) -> None:
            super().__init__(options, context)
            self.on_their_way: set[str] = set()

        async def deliver(self, batch: Sequence[Record]) -> None:
            new = [record for record in batch if record.event_id not in self.on_their_way]
            self.on_their_way |= {record.event_id for record in new}
            await super().deliver(new)
            self.on_their_way -= {record.event_id for record in new}

    plugin = stores(Broken)
