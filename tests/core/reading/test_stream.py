"""An application reads events one by one, in batches, as Arrow, as a frame."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING

import pytest

from experimentframework_core._reading.source import source_given
from experimentframework_core._reading.stream import EventStream
from experimentframework_core.backplanes.memory import InMemoryBackplane
from experimentframework_core.errors import ReplayError, TransientError
from experimentframework_core.plugin import Selection
from experimentframework_core.testing import make_records
from tests.core._sources import FakeSource, envelope

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from experimentframework_core.envelope import Envelope


def events(*ids: str) -> list[object]:
    return [envelope(each) for each in ids]


def broken(reason: str = "row 3: not JSON") -> ReplayError:
    return ReplayError(reason, record=b"{")


def stream(
    *held: object,
    on_unreadable: Callable[[ReplayError], None] | None = None,
    checkpoint: str | None = None,
) -> EventStream:
    source = FakeSource(held)  # type: ignore[arg-type]
    return EventStream(source.source(), Selection(checkpoint=checkpoint), on_unreadable)


class TestOneByOne:
    async def test_the_checkpoint_is_behind_the_event_given_last(self) -> None:
        """Given three events, When two are read, Then one from there gives the third."""
        read = stream(*events("a", "b", "c"))
        async for each in read:
            if each.event_id == "b":
                break

        rest = stream(*events("a", "b", "c"), checkpoint=read.checkpoint)

        assert [each.event_id async for each in rest] == ["c"]

    async def test_it_goes_on_after_a_cancelled_wait(self) -> None:
        """Given a stream that waits, When the wait times out, Then what comes later is given."""
        store = InMemoryBackplane()
        first, second = make_records(2)
        await store.deliver([first])
        read = EventStream(source_given(store), Selection(follow=True), None)
        events = aiter(read)
        found = [(await anext(events)).event_id]

        with pytest.raises(TimeoutError):
            await asyncio.wait_for(anext(events), 0.02)
        await store.deliver([second])
        found.append((await anext(events)).event_id)
        await read.aclose()

        assert found == [first.event_id, second.event_id]
        assert [each async for each in read] == []

    async def test_where_no_position_is_known_a_cancelled_wait_is_an_error(self) -> None:
        """Given no positions, When a wait was cancelled, Then it does not begin anew."""

        class Store(InMemoryBackplane):
            async def read(self, selection: Selection) -> AsyncIterator[Envelope]:  # type: ignore[override]
                async for each in super().read(selection):
                    yield each

        read = EventStream(source_given(Store()), Selection(follow=True), None)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(anext(aiter(read)), 0.02)

        with pytest.raises(ReplayError, match="has no checkpoint to go on from"):
            await anext(aiter(read))

    async def test_what_is_no_event_is_an_error_and_the_checkpoint_is_behind_it(self) -> None:
        """Given one among events, When they are read, Then it is raised, and may be passed by."""
        held = [*events("a"), broken(), *events("b")]
        read = stream(*held)
        found = []

        with pytest.raises(ReplayError, match="row 3") as caught:
            found += [each.event_id async for each in read]

        assert caught.value.record == b"{"
        rest = stream(*held, checkpoint=read.checkpoint)
        assert [each.event_id async for each in rest] == ["b"]

    async def test_who_wants_to_be_told_reads_past_it(self) -> None:
        """Given one among events, When somebody is told, Then the rest is read."""
        told: list[ReplayError] = []
        read = stream(*events("a"), broken(), *events("b"), on_unreadable=told.append)

        found = [each.event_id async for each in read]

        assert found == ["a", "b"]
        assert [str(error) for error in told] == ["row 3: not JSON"]
        assert read.unreadable == 1

    async def test_what_the_told_one_raises_ends_the_reading(self) -> None:
        """Given one who has enough, When it raises, Then that is what the reader gets."""

        def enough(_error: ReplayError) -> None:
            raise RuntimeError("too many")

        read = stream(broken(), *events("b"), on_unreadable=enough)

        with pytest.raises(RuntimeError, match="too many"):
            [each async for each in read]
        assert read.checkpoint == "1"


class TestBatches:
    async def test_the_last_has_what_is_left(self) -> None:
        """Given five events, When they are read by two, Then the last batch has one."""
        read = stream(*events("a", "b", "c", "d", "e"))

        sizes = [len(batch) async for batch in read.read_batches(2)]

        assert sizes == [2, 2, 1]

    @pytest.mark.parametrize("error", [broken(), TransientError("away")])
    async def test_what_was_read_before_an_error_comes_before_it(self, error: Exception) -> None:
        """Given an error behind a started batch, When read, Then the events come, then it."""
        read = stream(*events("a", "b", "c"), error)
        found: list[str] = []

        async def read_all() -> None:
            async for batch in read.read_batches(2):
                found.extend(each.event_id for each in batch)

        with pytest.raises(type(error)):
            await read_all()

        assert found == ["a", "b", "c"]

    async def test_an_empty_batch_is_refused(self) -> None:
        """Given no event at once, When asked for, Then the error says what is expected."""
        with pytest.raises(ValueError, match="size=0: a batch has at least one event"):
            [batch async for batch in stream().read_batches(0)]

    async def test_a_size_that_is_no_whole_number_is_refused(self) -> None:
        """Given half an event, When asked for, Then the error says what is expected."""
        with pytest.raises(TypeError, match=r"size=1\.5: expected a whole number"):
            [batch async for batch in stream().read_batches(1.5)]  # type: ignore[arg-type]

    def test_who_is_told_must_be_a_function(self) -> None:
        """Given a number for it, When a reading is asked for, Then that is refused at once."""
        with pytest.raises(TypeError, match="on_unreadable=5: expected a function, or None"):
            stream(on_unreadable=5)  # type: ignore[arg-type]

    @pytest.mark.parametrize("way", ["read_batches", "read_arrow"])
    async def test_the_checkpoint_is_behind_the_batch_given_last(self, way: str) -> None:
        """Given a batch that is begun, When it is not given, Then a later reading has its events.

        An error ends a batch as a cancelling does.
        """
        held = events("a", "b", "c", "d", "e")
        failing = RuntimeError("over")
        read = stream(*held[:3], failing, *held[3:])
        batches = getattr(read, way)(2)
        await anext(batches)

        with pytest.raises(RuntimeError):
            await anext(batches)

        rest = stream(*held, checkpoint=read.checkpoint)
        assert [each.event_id async for each in rest] == ["c", "d", "e"]

    async def test_an_arrow_batch_counts_when_it_is_given(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Given a batch that cannot be made, When it is asked for, Then it is not passed by."""

        def no_memory(_batch: object) -> None:
            raise MemoryError

        monkeypatch.setattr("experimentframework_core.arrow.record_batch", no_memory)
        read = stream(*events("a", "b", "c"))

        with pytest.raises(MemoryError):
            await anext(read.read_arrow(2))

        assert read.checkpoint is None

    async def test_the_checkpoint_at_the_end_is_behind_all(self) -> None:
        """Given what is no event behind the last, When all is read, Then it lies behind too."""
        read = stream(*events("a"), broken(), on_unreadable=lambda _error: None)
        batches = read.read_batches(2)

        await anext(batches)
        before = read.checkpoint
        assert [batch async for batch in batches] == []

        assert (before, read.checkpoint) == ("1", "2")

    async def test_leaving_early_closes_the_source(self) -> None:
        """Given a reader that leaves, When its batches are closed, Then the source is."""
        source = FakeSource(events("a", "b", "c"))  # type: ignore[arg-type]
        batches = EventStream(source.source(), Selection(), None).read_batches(1)
        await anext(batches)

        await batches.aclose()

        assert source.closed == 1


class TestArrow:
    async def test_batches_of_any_events_have_one_schema(self) -> None:
        """Given a few events, When read by two, Then each batch has the documented columns."""
        from experimentframework_core.arrow import schema

        read = stream(*events("a", "b", "c"))

        batches = [batch async for batch in read.read_arrow(2)]

        assert [batch.num_rows for batch in batches] == [2, 1]
        assert all(batch.schema == schema for batch in batches)

    async def test_the_loop_goes_on_while_a_batch_is_made(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Given a batch that takes as long as the loop, When it is made, Then the loop turns."""
        import threading

        turned = threading.Event()
        made_by: list[bool] = []
        monkeypatch.setattr(
            "experimentframework_core.arrow.record_batch",
            lambda _batch: made_by.append(turned.wait(10)),
        )
        asyncio.get_running_loop().call_soon(
            lambda: asyncio.get_running_loop().call_soon(turned.set)
        )

        [batch async for batch in stream(*events("a")).read_arrow()]

        assert made_by == [True]

    async def test_a_frame_has_all_of_them(self) -> None:
        """Given events of several batches, When made a frame, Then each is a row of it."""
        ids = [f"e-{number}" for number in range(5)]

        frame = await stream(*events(*ids)).to_polars()

        assert frame["event_id"].to_list() == ids
        assert str(frame.schema["timestamp"]) == "Datetime(time_unit='us', time_zone='UTC')"

    async def test_no_events_are_a_frame_with_all_columns(self) -> None:
        """Given nothing, When made a frame, Then it has the columns and no row."""
        from experimentframework_core.arrow import schema

        frame = await stream().to_polars()

        assert (frame.height, frame.columns) == (0, schema.names)

    async def test_what_has_no_end_is_no_frame(self) -> None:
        """Given a stream that follows, When made a frame, Then the error names another way."""
        source = FakeSource([]).source()

        with pytest.raises(ValueError, match=r"follow=True has no end.*read_arrow"):
            await EventStream(source, Selection(follow=True), None).to_polars()

    @pytest.mark.parametrize("missing", ["pyarrow", "polars"])
    async def test_a_missing_library_says_what_to_install(
        self, missing: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Given no pyarrow or polars, When a frame is made, Then the error names the extra."""
        monkeypatch.setitem(sys.modules, missing, None)
        monkeypatch.delitem(sys.modules, "experimentframework_core.arrow", raising=False)

        with pytest.raises(ModuleNotFoundError, match=r"experimentframework\[analysis"):
            await stream(*events("a")).to_polars()
