# ruff: noqa: S101  the cases of the kit are tests
"""Cases about delivery that every plugin passes."""

from __future__ import annotations

from experimentframework_core.plugin import OptionsT
from experimentframework_core.testing._cases._harness import Harness
from experimentframework_core.testing._cases._samples import (
    difficult_texts,
    large_record,
    one_of_each_type,
)
from experimentframework_core.testing._records import make_records

MANY = 1000
BATCHES = 30
LARGE = 200 * 1024
TURNS = (0, 1, 2, 3, 5, 8, 13)


class DeliveryCases(Harness[OptionsT]):
    """What a backplane does with the records it is given."""

    async def test_delivers_one_record(self, options: OptionsT) -> None:
        """A batch of one arrives."""
        records = make_records(1)

        await self.deliver(options, records)

        await self.assert_arrived(options, records)

    async def test_delivers_many_records(self, options: OptionsT) -> None:
        """A batch of 1,000 arrives, whatever the destination's own limits are."""
        records = make_records(MANY)

        await self.deliver(options, records)

        await self.assert_arrived(options, records)

    async def test_delivers_batch_after_batch(self, options: OptionsT) -> None:
        """One instance delivers any number of batches."""
        batches = [make_records(3) for _ in range(BATCHES)]

        await self.deliver(options, *batches)

        await self.assert_arrived(options, [record for batch in batches for record in batch])

    async def test_an_empty_batch_is_delivered_at_once(self, options: OptionsT) -> None:
        """A batch without records returns, and nothing arrives."""
        await self.deliver(options, [])

        assert await self.delivered(options) == []

    async def test_delivers_every_type(self, options: OptionsT) -> None:
        """Each built-in type arrives, and so does a custom one without experiment and subject."""
        records = one_of_each_type()

        await self.deliver(options, records)

        await self.assert_arrived(options, records)

    async def test_bodies_arrive_byte_for_byte(self, options: OptionsT) -> None:
        """Text of any script, emoji, quotes and line ends arrive as they were encoded."""
        records = difficult_texts()

        await self.deliver(options, records)

        await self.assert_bodies_arrived(options, records)

    async def test_a_large_body_arrives(self, options: OptionsT) -> None:
        """A body of 200 KiB arrives among small ones."""
        records = [*make_records(2), large_record(LARGE), *make_records(2)]

        await self.deliver(options, records)

        await self.assert_bodies_arrived(options, records)

    async def test_what_is_confirmed_has_arrived(self, options: OptionsT) -> None:
        """When ``deliver`` returns, the records are at the other side; closing adds nothing."""
        records = make_records(5)

        async with self.opened(options) as backplane:
            await self.bounded(backplane.deliver(records))

            await self.assert_arrived(options, records)

    async def test_delivers_the_same_batch_again(self, options: OptionsT) -> None:
        """Records that have been delivered before are taken again without an error."""
        records = make_records(4)

        await self.deliver(options, records, records)

        await self.assert_arrived(options, records)

    async def test_cancellation_is_obeyed(self, options: OptionsT) -> None:
        """A cancelled ``deliver`` ends with CancelledError, or is done: it never hides it."""
        batches = [make_records(20) for _ in TURNS]
        confirmed = []

        async with self.opened(options) as backplane:
            for batch, turns in zip(batches, TURNS, strict=True):
                if await self.cancelled(backplane.deliver(batch), after=turns):
                    confirmed += batch

        arrived = set(await self.delivered(options))
        lost = [record.event_id for record in confirmed if self.shown(record) not in arrived]
        assert lost == []

    async def test_delivers_again_after_a_cancellation(self, options: OptionsT) -> None:
        """After a cancelled ``deliver`` the same records arrive through the same instance."""
        batches = [make_records(20) for _ in TURNS]

        async with self.opened(options) as backplane:
            for batch, turns in zip(batches, TURNS, strict=True):
                await self.cancelled(backplane.deliver(batch), after=turns)
                await self.bounded(backplane.deliver(batch), "deliver after a cancellation")

        await self.assert_arrived(options, [record for batch in batches for record in batch])
