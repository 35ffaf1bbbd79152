# ruff: noqa: S101  the cases of the kit are tests
"""Cases about a destination that takes a part of a batch and then fails."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from experimentframework_core.errors import PartialBatchError, TransientError
from experimentframework_core.plugin import OptionsT
from experimentframework_core.testing._cases._harness import Harness
from experimentframework_core.testing._cases._process import (
    CONFIRMED,
    FAILED,
    said_by_a_lost_process,
)
from experimentframework_core.testing._cases._samples import interleaved
from experimentframework_core.testing._records import make_records

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import AbstractAsyncContextManager

    from experimentframework_core.envelope import Record
    from experimentframework_core.plugin import Backplane

PAUSE = 0.05
"""Seconds before what failed comes again."""

HURRY = 2
"""A client that tries again by itself has that share of the patience, and the rest is left."""


class CutShortCases(Harness[OptionsT]):
    """What becomes of a batch that was cut short, where `cut_short` says how to do that."""

    async def test_what_is_cut_short_is_told_truly(self, options: OptionsT) -> None:
        """What ``deliver`` does not call failed is there, and nothing is there in half."""
        before, batch = make_records(3), interleaved(keys=3, each=40)
        cut = self._cut(options, batch)

        async with self.opened(options, hurry=HURRY) as backplane:
            await self.bounded(backplane.deliver(before))
            async with cut:
                failed = await self._failed(backplane, batch)

            arrived = set(await self.delivered(options))
        told = [record for index, record in enumerate(batch) if index not in failed]
        missing = [r.event_id for r in (*before, *told) if self.shown(r) not in arrived]
        assert missing == [], "these count as delivered, and are not there"
        foreign = arrived - {self.shown(record) for record in (*before, *batch)}
        assert foreign == set(), "this is there, and was never delivered"
        assert failed, "`cut_short` cuts nothing: the whole batch was delivered"

    async def test_what_was_cut_short_arrives_in_the_end(self, options: OptionsT) -> None:
        """What failed comes again, behind records of others: all is there, as it is declared."""
        before, batch, after = (interleaved(keys=3, each=each) for each in (1, 40, 1))
        others = make_records(3)
        cut = self._cut(options, batch)

        async with self.opened(options, hurry=HURRY) as backplane:
            await self.bounded(backplane.deliver(before))
            async with cut:
                failed = await self._failed(backplane, batch)
            # Another instance comes first: what is spoilt behind the cut is not what comes again.
            await self.deliver(options, others)
            await self._deliver_again(backplane, [batch[index] for index in failed])
            await self._deliver_again(backplane, after)

        await self._assert_all_as_declared(options, [*before, *batch, *others, *after])

    async def test_a_process_that_dies_in_a_batch_loses_nothing(self, options: OptionsT) -> None:
        """Durable: a process is killed in the middle; the next one delivers the batch again."""
        if not self.features.durable:
            pytest.skip("features.durable is not declared")
        before, batch = interleaved(keys=3, each=1), interleaved(keys=3, each=40)
        others = make_records(3)
        cut = self._cut(options, batch)
        await self.deliver(options, before)

        async with cut, self.in_time("the process that dies"):
            said = await said_by_a_lost_process(
                self.plugin, options, batch, delivery_timeout=self.patience / HURRY
            )

        assert said != CONFIRMED, "`cut_short` cuts nothing: the whole batch was delivered"
        assert said == "" or said.startswith(FAILED), f"the process had another end: {said}"
        async with self.opened(options) as backplane:
            await self._deliver_again(backplane, others)
            await self._deliver_again(backplane, batch)
        await self._assert_all_as_declared(options, [*before, *batch, *others])

    def _cut(self, options: OptionsT, batch: Sequence[Record]) -> AbstractAsyncContextManager[None]:
        cut = self.cut_short(options, batch)
        if cut is None:
            pytest.skip("the conformance class gives no `cut_short`")
        return cut

    async def _failed(self, backplane: Backplane, batch: Sequence[Record]) -> list[int]:
        """Deliver, and return the indexes of what comes again; a refusal fails the case."""
        try:
            await self.bounded(backplane.deliver(batch))
        except TransientError:
            return list(range(len(batch)))
        except PartialBatchError as error:
            refused = [e for e in error.failures.values() if not isinstance(e, TransientError)]
            assert refused == [], "a destination that fails in the middle refuses nothing for ever"
            return sorted(error.failures)
        return []

    async def _deliver_again(self, backplane: Backplane, batch: Sequence[Record]) -> None:
        """Deliver as a channel does: what failed comes again, in order."""
        async with self.in_time("what was cut short"):
            while failed := await self._failed(backplane, batch):
                batch = [batch[index] for index in failed]
                await asyncio.sleep(PAUSE)

    async def _assert_all_as_declared(self, options: OptionsT, records: Sequence[Record]) -> None:
        await self.assert_arrived(options, records)
        arrived = await self.delivered(options)
        if self.features.deduplicates:
            assert Counter(arrived) == Counter(map(self.shown, records))
        if self.features.ordered:
            self.assert_in_order(options, arrived, records)
