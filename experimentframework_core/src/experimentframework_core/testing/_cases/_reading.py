# ruff: noqa: S101  the cases of the kit are tests
"""Cases about reading back, for plugins that declare ``readable``."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from experimentframework_core.codec import encode
from experimentframework_core.plugin import OptionsT, Selection
from experimentframework_core.testing._cases._harness import Harness
from experimentframework_core.testing._cases._samples import (
    NOON,
    Moved,
    one_of_each_type,
    story,
    written_before,
    written_by_others,
)
from experimentframework_core.testing._records import make_exposure, make_record, make_records

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable

    from experimentframework_core.envelope import Envelope


class ReadingCases(Harness[OptionsT]):
    """What ``read`` yields."""

    async def test_reads_what_was_delivered(self, options: OptionsT) -> None:
        """What is read, encoded again, is what was delivered: each type, each envelope field."""
        self._needs_read()
        records = [
            *one_of_each_type(),
            make_record(
                correlation_id="request-1",
                metadata={"rate": 0.5, "tags": ["a", "b"]},
                traceparent="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            ),
        ]
        await self.deliver(options, records)

        found = await self._bodies(options, Selection())

        assert set(found) == {record.body for record in records}

    async def test_reads_nothing_where_nothing_is(self, options: OptionsT) -> None:
        """A destination that is there and empty has nothing to read, and that is no error."""
        self._needs_read()
        async with self.opened(options):
            pass

        assert await self._bodies(options, Selection()) == []

    async def test_reads_by_type(self, options: OptionsT) -> None:
        """Only events of the given types are read."""
        await self._selects(
            options, Selection(types=("outcome", "conformanceNote")), ["outcome", "note"]
        )

    async def test_reads_by_experiment(self, options: OptionsT) -> None:
        """Only events of the given experiments are read."""
        await self._selects(options, Selection(experiments=("search",)), ["other experiment"])

    async def test_reads_by_subject(self, options: OptionsT) -> None:
        """Only events of the given subjects are read."""
        await self._selects(options, Selection(subjects=("u-3", "u-2")), ["other subject"])

    async def test_reads_by_correlation_id(self, options: OptionsT) -> None:
        """Only events with the given correlation id are read."""
        await self._selects(
            options, Selection(correlation_id="request-1"), ["exposure", "other experiment"]
        )

    async def test_reads_from_a_time(self, options: OptionsT) -> None:
        """``since`` is inclusive, and means the event's own time."""
        await self._selects(
            options, Selection(since=NOON + timedelta(hours=3)), ["other experiment", "note"]
        )

    async def test_reads_until_a_time(self, options: OptionsT) -> None:
        """``until`` is exclusive, and means the event's own time."""
        await self._selects(options, Selection(until=NOON + timedelta(hours=1)), ["exposure"])

    async def test_reads_what_meets_every_criterion(self, options: OptionsT) -> None:
        """Criteria given together must all hold."""
        together = Selection(
            types=("exposure",),
            experiments=("checkout",),
            subjects=("u-2",),
            since=NOON + timedelta(minutes=1),
            until=NOON + timedelta(hours=3),
        )
        await self._selects(options, together, ["other subject"])

    async def test_reads_in_the_declared_order(self, options: OptionsT) -> None:
        """Where order is declared, events of one ordering key come in order of delivery."""
        self._needs_read()
        if not self.features.ordered:
            pytest.skip("features.ordered is not declared")
        batches = [
            [
                make_record(make_exposure(experiment_name=experiment, subject_id=subject))
                for experiment in ("checkout", "search")
                for subject in ("u-1", "u-2")
            ]
            for _ in range(3)
        ]
        await self.deliver(options, *batches)

        found = await self._bodies(options, Selection())

        places = {body: place for place, body in enumerate(found)}
        by_key: dict[str | None, list[int]] = {}
        for record in (each for batch in batches for each in batch):
            by_key.setdefault(self.key_of(record, options), []).append(places[record.body])
        assert by_key == {key: sorted(each) for key, each in by_key.items()}

    async def test_reads_what_other_versions_wrote(self, options: OptionsT) -> None:
        """An old version comes as today's payload, and nothing unknown is dropped or changed."""
        self._needs_read()
        old, unknown = written_before(), written_by_others()
        await self.deliver(options, [old, *unknown])

        found = {each.event_id: each for each in await self.read(options, Selection())}

        assert found[old.event_id].payload == Moved(place="counter")
        bodies = {encode(found[each.event_id]) for each in unknown if each.event_id in found}
        assert bodies == {record.body for record in unknown}

    async def test_reads_records_as_they_were_delivered(self, options: OptionsT) -> None:
        """``read_records`` yields the delivered records, also of old versions, byte for byte."""
        self._needs_read()
        if (read_records := self.plugin.read_records) is None:
            pytest.skip("the plugin has no read_records")
        records = {
            record.body: record
            for record in (*one_of_each_type(), written_before(), *written_by_others())
        }
        await self.deliver(options, list(records.values()))

        found = {record.body: record async for record in read_records(options, Selection())}

        assert found == records

    async def test_follows_what_comes_later(self, options: OptionsT) -> None:
        """``follow`` yields what is there, then what is delivered later."""
        self._needs_read()
        early, late = make_records(2), make_records(2)
        await self.deliver(options, early)

        async with self._following(options) as (arrivals, reading):
            found = await self._next(arrivals, reading, number=2)
            await self.deliver(options, late)
            found += await self._next(arrivals, reading, number=2)

        assert set(found) == {record.body for record in (*early, *late)}

    async def test_following_ends_when_cancelled(self, options: OptionsT) -> None:
        """A reader that waits for new events can be cancelled."""
        self._needs_read()
        await self.deliver(options, make_records(2))

        async with self._following(options) as (arrivals, reading):
            await self._next(arrivals, reading, number=2)
            reading.cancel()

            assert not await self.ended(reading), "follow ended instead of waiting"

    def _needs_read(self) -> Callable[[OptionsT, Selection], AsyncIterator[Envelope]]:
        if self.plugin.read is None:
            pytest.skip("features.readable is not declared")
        return self.plugin.read

    async def _bodies(self, options: OptionsT, selection: Selection) -> list[bytes]:
        return [encode(envelope) for envelope in await self.read(options, selection)]

    async def _selects(
        self, options: OptionsT, selection: Selection, expected: Iterable[str]
    ) -> None:
        self._needs_read()
        records = story()
        await self.deliver(options, list(records.values()))

        found = set(await self._bodies(options, selection))

        names = {record.body: name for name, record in records.items()}
        assert sorted(names.get(body, repr(body)) for body in found) == sorted(expected)

    @asynccontextmanager
    async def _following(
        self, options: OptionsT
    ) -> AsyncIterator[tuple[asyncio.Queue[bytes], asyncio.Task[None]]]:
        arrivals: asyncio.Queue[bytes] = asyncio.Queue()

        async def follow() -> None:
            async for envelope in self._needs_read()(options, Selection(follow=True)):
                arrivals.put_nowait(encode(envelope))

        task = asyncio.get_running_loop().create_task(follow(), name="conformance.follow")
        try:
            yield arrivals, task
        finally:
            task.cancel()
            await asyncio.wait({task}, timeout=self.patience)

    async def _next(
        self, arrivals: asyncio.Queue[bytes], reading: asyncio.Task[None], *, number: int
    ) -> list[bytes]:
        """Return the next arrivals; fail if the reader ends or nothing comes."""
        found: list[bytes] = []
        while len(found) < number:
            waiting = asyncio.get_running_loop().create_task(arrivals.get())
            done, _ = await asyncio.wait(
                {waiting, reading}, timeout=self.patience, return_when=asyncio.FIRST_COMPLETED
            )
            if waiting not in done:
                waiting.cancel()
                assert not done, "follow ended instead of waiting for new events"
                self.hanging("waiting for an event that has been delivered")
            found.append(waiting.result())
        return found
