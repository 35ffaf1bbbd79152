"""The store in memory: bounds, duplicates, names, reading."""

from __future__ import annotations

import threading
from uuid import uuid4

import msgspec
import pytest

from experimentframework_core.backplanes import memory
from experimentframework_core.backplanes.memory import (
    InMemoryBackplane,
    InMemoryOptions,
    open_in_memory,
    plugin,
    read_in_memory,
)
from experimentframework_core.codec import decode
from experimentframework_core.errors import ReplayError
from experimentframework_core.plugin import OpenContext, Selection
from experimentframework_core.testing import BackplaneConformance, make_record, make_records


class TestConformance(BackplaneConformance[InMemoryOptions]):
    plugin = plugin

    @pytest.fixture
    def options(self) -> InMemoryOptions:
        return InMemoryOptions(store=str(uuid4()))

    async def plant(self, options: InMemoryOptions, body: bytes) -> bool:
        record = msgspec.structs.replace(make_record(), body=b'{"eventId":"0"}' + body)
        await InMemoryBackplane.named(options.store).deliver([record])
        return True


@pytest.fixture
def options() -> InMemoryOptions:
    return InMemoryOptions(store=str(uuid4()))


async def test_keeps_what_was_delivered() -> None:
    """Records and envelopes can be looked at, oldest first."""
    backplane = InMemoryBackplane()
    records = make_records(3)

    await backplane.deliver(records)

    assert backplane.records == records
    assert backplane.envelopes() == [decode(record.body) for record in records]


async def test_keeps_the_newest() -> None:
    """Beyond ``max_events`` the oldest go first."""
    backplane = InMemoryBackplane(max_events=3)
    records = make_records(5)

    await backplane.deliver(records[:2])
    await backplane.deliver(records[2:])

    assert backplane.records == records[2:]


async def test_keeps_an_event_once() -> None:
    """An event that comes again is kept where and as it was."""
    backplane = InMemoryBackplane()
    records = [make_record(event_id="e-1"), make_record(event_id="e-2")]

    await backplane.deliver([*records, make_record(event_id="e-1")])

    assert backplane.records == records


async def test_can_be_cleared() -> None:
    """A test can begin with nothing; what is forgotten can be delivered again."""
    backplane = InMemoryBackplane()
    records = make_records(2)
    await backplane.deliver(records)

    backplane.clear()
    await backplane.deliver(records)

    assert backplane.records == records


async def test_a_store_is_found_by_its_name(options: InMemoryOptions) -> None:
    """What a configured backplane kept is there when it is closed, under its store's name."""
    records = make_records(2)

    async with open_in_memory(options, OpenContext(name="any")) as backplane:
        await backplane.deliver(records)

    assert InMemoryBackplane.named(options.store).records == records
    assert InMemoryBackplane.named(str(uuid4())).records == []


async def test_the_last_to_open_a_store_decides_its_size(options: InMemoryOptions) -> None:
    """``maxEvents`` holds from the next delivery on."""
    records = make_records(3)
    small = InMemoryOptions(store=options.store, max_events=2)

    async with open_in_memory(options, OpenContext(name="any")) as backplane:
        await backplane.deliver(records[:2])
    async with open_in_memory(small, OpenContext(name="any")) as backplane:
        await backplane.deliver(records[2:])

    assert backplane.records == records[1:]


async def test_a_checkpoint_holds_when_events_are_gone(options: InMemoryOptions) -> None:
    """A reading goes on behind its checkpoint, and says how many events are kept no longer."""
    small = InMemoryOptions(store=options.store, max_events=2)
    records = make_records(5)
    async with open_in_memory(small, OpenContext(name="any")) as backplane:
        await backplane.deliver(records[:2])
        reader = read_in_memory(small, Selection())
        await anext(reader)

        await backplane.deliver(records[2:])
        rest = read_in_memory(small, Selection(checkpoint=reader.checkpoint))
        with pytest.raises(ReplayError, match="cannot read 2 events") as told:
            await anext(rest)

        assert (told.value.lost, rest.checkpoint) == (2, "3")
        assert [e.event_id async for e in rest] == [r.event_id for r in records[3:]]


async def test_a_reading_from_the_beginning_begins_with_what_is_kept() -> None:
    """Nothing is lost for a reading that stood nowhere."""
    backplane = InMemoryBackplane.named(name := str(uuid4()))
    backplane.max_events = 2
    records = make_records(5)
    await backplane.deliver(records)

    found = [e.event_id async for e in read_in_memory(InMemoryOptions(store=name), Selection())]

    assert found == [record.event_id for record in records[3:]]


async def test_a_checkpoint_of_another_process_is_refused(options: InMemoryOptions) -> None:
    """A checkpoint behind the store's end would pass over what comes next."""
    reader = read_in_memory(options, Selection(checkpoint="7"))

    with pytest.raises(ReplayError, match="the store in memory ends at 0"):
        await anext(reader)


async def test_what_is_no_event_is_given_as_it_is_stored(options: InMemoryOptions) -> None:
    """A record that does not decode is an error with its bytes, and the reading goes on."""
    broken = msgspec.structs.replace(make_record(), body=b'{"eventId":"a","timestamp":"b"')
    good = make_record()
    await InMemoryBackplane.named(options.store).deliver([broken, good])
    reader = read_in_memory(options, Selection())

    with pytest.raises(ReplayError, match="cannot read event 1") as told:
        await anext(reader)

    assert told.value.record == broken.body
    assert [e.event_id async for e in reader] == [good.event_id]


def test_a_foreign_checkpoint_is_refused(options: InMemoryOptions) -> None:
    """A checkpoint of another reader is an error that shows it."""
    with pytest.raises(ReplayError, match="checkpoint 'x'"):
        read_in_memory(options, Selection(checkpoint="x"))


async def test_following_waits_for_more(
    options: InMemoryOptions, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A reader that follows gives what comes later; closing it ends it."""
    monkeypatch.setattr(memory, "poll_interval", 0.0)
    backplane = InMemoryBackplane.named(options.store)
    first, second = make_records(2)
    reader = read_in_memory(options, Selection(follow=True))

    await backplane.deliver([first])
    found = [await anext(reader)]
    await backplane.deliver([second])
    found.append(await anext(reader))
    await reader.aclose()

    assert [envelope.event_id for envelope in found] == [first.event_id, second.event_id]
    with pytest.raises(StopAsyncIteration):
        await anext(reader)


async def test_can_be_looked_at_from_other_threads() -> None:
    """A thread that looks while events arrive sees a consistent state."""
    backplane = InMemoryBackplane(max_events=50)
    stop = threading.Event()
    sizes: list[int] = []

    def look() -> None:
        while not stop.is_set():
            sizes.append(len(backplane.records))

    thread = threading.Thread(target=look)
    thread.start()
    for _ in range(100):
        await backplane.deliver(make_records(20))
    stop.set()
    thread.join()

    assert sizes
    assert max(sizes) <= 50
