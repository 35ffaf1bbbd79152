# ruff: noqa: S101  the cases of the kit are tests
"""Cases about what a plugin declares in its features."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest

from experimentframework_core.errors import PartialBatchError, PermanentError, TransientError
from experimentframework_core.plugin import OptionsT
from experimentframework_core.testing._cases._harness import Harness
from experimentframework_core.testing._cases._process import CONFIRMED, said_by_a_lost_process
from experimentframework_core.testing._cases._samples import interleaved
from experimentframework_core.testing._records import make_exposure, make_record, make_records

if TYPE_CHECKING:
    from experimentframework_core.envelope import Record
    from experimentframework_core.plugin import Features


def _needs(features: Features, guarantee: str) -> None:
    if not getattr(features, guarantee):
        pytest.skip(f"features.{guarantee} is not declared")


class GuaranteeCases(Harness[OptionsT]):
    """Exactly the declared guarantees."""

    async def test_stores_a_record_once(self, options: OptionsT) -> None:
        """Deduplicates: records delivered again, with new ones between, are there once."""
        _needs(self.features, "deduplicates")
        records = make_records(6)

        await self.deliver(options, records[:4], records[2:])
        await self.deliver(options, records)

        assert Counter(await self.delivered(options)) == Counter(map(self.shown, records))

    async def test_stores_a_record_once_of_one_batch(self, options: OptionsT) -> None:
        """Deduplicates: a record that is twice in a batch is there once."""
        _needs(self.features, "deduplicates")
        records = make_records(3)

        await self.deliver(options, [*records, *records])

        assert Counter(await self.delivered(options)) == Counter(map(self.shown, records))

    async def test_keeps_the_order_of_a_key(self, options: OptionsT) -> None:
        """Ordered: records of one key arrive as they were delivered, batch after batch."""
        _needs(self.features, "ordered")
        records = interleaved(keys=3, each=40)
        batches = [records[at : at + 8] for at in range(0, len(records), 8)]

        await self.deliver(options, *batches)

        self.assert_in_order(options, await self.delivered(options), records)

    async def test_holds_back_what_follows_a_transient_failure(self, options: OptionsT) -> None:
        """Ordered: once a record failed for now, no later one of its key arrives in that call."""
        _needs(self.features, "ordered")
        flaky = self.flaky(options)
        if flaky is None:
            pytest.skip("the conformance class gives no `flaky` record")
        before, after = self._like(flaky), self._like(flaky)
        assert self.key_of(after, options) == self.key_of(flaky, options), "the keys differ"

        async with self.opened(options) as backplane:
            with pytest.raises((TransientError, PartialBatchError)) as raised:
                await self.bounded(backplane.deliver([before, flaky, after]))

        arrived = await self.delivered(options)
        assert self.shown(after) not in arrived, (
            "a later record of the failed one's key has arrived"
        )
        if isinstance(raised.value, PartialBatchError):
            assert set(raised.value.failures) >= {1, 2}, "name what was held back, too"

    async def test_names_the_refused_records(self, options: OptionsT) -> None:
        """Partial failures: the refused indexes are named, and all others have arrived."""
        _needs(self.features, "partial_failures")
        bad = self._poison(options)
        good = make_records(3)

        async with self.opened(options) as backplane:
            with pytest.raises(PartialBatchError) as raised:
                await self.bounded(backplane.deliver([good[0], bad, *good[1:]]))

        assert {i: type(e) for i, e in raised.value.failures.items()} == {1: PermanentError}
        await self.assert_arrived(options, good)

    async def test_refuses_the_batch_as_a_whole(self, options: OptionsT) -> None:
        """No partial failures: a refused record makes PermanentError, and nothing has arrived."""
        bad = self.poison(options)
        if self.features.partial_failures or bad is None:
            pytest.skip("features.partial_failures is declared, or there is no `poison` record")
        good = make_records(2)

        async with self.opened(options) as backplane:
            with pytest.raises(PermanentError):
                await self.bounded(backplane.deliver([good[0], bad, good[1]]))

        assert await self.delivered(options) == []

    async def test_delivers_after_a_refusal(self, options: OptionsT) -> None:
        """An instance that has refused a record delivers the next batch."""
        bad = self.poison(options)
        if bad is None:
            pytest.skip("the conformance class gives no `poison` record")
        good = make_records(2)

        async with self.opened(options) as backplane:
            with pytest.raises((PermanentError, PartialBatchError)):
                await self.bounded(backplane.deliver([bad]))
            await self.bounded(backplane.deliver(good), "deliver after a refusal")

        await self.assert_arrived(options, good)

    async def test_what_is_confirmed_survives_the_process(self, options: OptionsT) -> None:
        """Durable: a process delivers and is killed at once; its records are there."""
        _needs(self.features, "durable")
        records = make_records(20)

        async with self.in_time("the process that delivers"):
            said = await said_by_a_lost_process(
                self.plugin, options, records, delivery_timeout=self.patience
            )

        assert said == CONFIRMED, said
        await self.assert_arrived(options, records)

    def _poison(self, options: OptionsT) -> Record:
        bad = self.poison(options)
        if bad is None:
            pytest.fail("features.partial_failures is declared: override `poison` to show it")
        return bad

    @staticmethod
    def _like(record: Record) -> Record:
        return make_record(
            make_exposure(
                experiment_name=record.experiment or "checkout",
                subject_id=record.subject or "subject",
                tenant_id=record.tenant,
            )
        )
