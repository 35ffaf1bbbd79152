"""The backplane that fails by a script."""

from __future__ import annotations

import asyncio
from itertools import repeat

import pytest

from experimentframework_core.errors import (
    PartialBatchError,
    PermanentError,
    TransientError,
    UnavailableError,
)
from experimentframework_core.plugin import ChannelSettings, Features, OpenContext
from experimentframework_core.testing import (
    FaultyBackplane,
    Hang,
    Sink,
    deliver,
    fail,
    make_records,
    refuse,
    slow,
    swallow,
)


async def test_delivers_what_no_script_forbids() -> None:
    """Given no script, when a batch is delivered, then it arrives and the call is recorded."""
    sink, batch = Sink(), make_records(3)
    faulty = FaultyBackplane(inner=sink)

    await faulty.deliver(batch)

    assert sink.records == batch
    assert [(call.batch, call.lane) for call in faulty.calls] == [(tuple(batch), 0)]


async def test_takes_one_fault_per_delivery() -> None:
    """Given a script, when it is over, then deliveries succeed."""
    sink, batch = Sink(), make_records(2)
    faulty = FaultyBackplane([fail(TransientError("down")), deliver], inner=sink)

    with pytest.raises(TransientError, match="down"):
        await faulty.deliver(batch)
    await faulty.deliver(batch)
    await faulty.deliver(batch)

    assert sink.records == batch * 2


async def test_a_script_may_be_endless() -> None:
    """Given an endless script, then every delivery gets its fault."""
    faulty = FaultyBackplane(repeat(fail(UnavailableError("no such topic"))))

    for _ in range(3):
        with pytest.raises(UnavailableError):
            await faulty.deliver(make_records(1))

    assert len(faulty.calls) == 3


async def test_afterwards_holds_when_the_script_is_over() -> None:
    """Given another fault for afterwards, then it holds for ever."""
    sink = Sink()
    faulty = FaultyBackplane([deliver], inner=sink, afterwards=swallow)

    await faulty.deliver(make_records(2))
    await faulty.deliver(make_records(2))

    assert len(sink.records) == 2


@pytest.mark.parametrize(("after", "arrived"), [(0, 0), (2, 2), (None, 5)])
async def test_fails_after_some_records(after: int | None, arrived: int) -> None:
    """Given a failure after n records, then those have arrived; None means the whole batch."""
    sink = Sink()
    faulty = FaultyBackplane([fail(OSError("reset"), after=after)], inner=sink)

    with pytest.raises(OSError, match="reset"):
        await faulty.deliver(make_records(5))

    assert len(sink.records) == arrived


async def test_refuses_a_batch_as_a_whole() -> None:
    """Given a refused record, when it is in a batch, then nothing of the batch arrives."""
    sink, batch = Sink(), make_records(3)
    bad = batch[1].event_id
    faulty = FaultyBackplane(afterwards=refuse(lambda record: record.event_id == bad), inner=sink)

    with pytest.raises(PermanentError):
        await faulty.deliver(batch)
    await faulty.deliver(batch[:1])

    assert sink.records == batch[:1]


async def test_refuses_some_of_a_batch() -> None:
    """Given partial refusal, then the others arrive and the refused index is named."""
    sink, batch, reason = Sink(), make_records(3), TransientError("later")
    bad = batch[1].event_id
    fault = refuse(lambda record: record.event_id == bad, reason, partially=True)

    with pytest.raises(PartialBatchError) as raised:
        await FaultyBackplane([fault], inner=sink).deliver(batch)

    assert raised.value.failures == {1: reason}
    assert sink.records == [batch[0], batch[2]]


async def test_hangs_until_released() -> None:
    """Given a hang, when it is released, then the batch arrives."""
    hang, sink, batch = Hang(), Sink(), make_records(1)
    task = asyncio.create_task(FaultyBackplane([hang], inner=sink).deliver(batch))
    await hang.started.wait()

    hang.release()
    await task

    assert sink.records == batch


async def test_a_hang_obeys_cancellation() -> None:
    """Given a hang, when it is cancelled, then it ends and nothing arrives."""
    hang, sink = Hang(), Sink()
    task = asyncio.create_task(FaultyBackplane([hang], inner=sink).deliver(make_records(1)))
    await hang.started.wait()

    task.cancel()
    await asyncio.wait({task})

    assert task.cancelled()
    assert sink.records == []


async def test_a_stubborn_hang_ignores_cancellation() -> None:
    """Given a hang that ignores two cancellations, then the third one ends it."""
    hang = Hang(stubborn=2)
    task = asyncio.create_task(FaultyBackplane([hang]).deliver(make_records(1)))
    await hang.started.wait()

    for _ in range(3):
        task.cancel()
        await asyncio.wait({task}, timeout=0)

    assert task.cancelled()
    assert hang.cancellations == 3


async def test_slow_delivers_in_the_end() -> None:
    """Given a slow delivery, then the batch arrives all the same."""
    sink, batch = Sink(), make_records(1)

    await FaultyBackplane([slow(0)], inner=sink).deliver(batch)

    assert sink.records == batch


async def test_counts_calls_that_overlap() -> None:
    """Given a delivery that runs, when another one begins on its lane, then it is counted."""
    hang = Hang()
    faulty = FaultyBackplane([hang, deliver, deliver])
    task = asyncio.create_task(faulty.deliver(make_records(1)))
    await hang.started.wait()

    await faulty.deliver_on(1, make_records(1))
    await faulty.deliver_on(0, make_records(1))

    assert faulty.overlaps == 1
    hang.release()
    await task


async def test_opening_fails_by_a_script_too() -> None:
    """Given a script for opening, then that many attempts fail, and lanes share the backplane."""
    faulty = FaultyBackplane()
    plugin = faulty.plugin([UnavailableError("no")], features=Features(ordered=True))
    context = OpenContext(name="faulty", lane=1, lanes=2)

    with pytest.raises(UnavailableError):
        async with plugin.open(ChannelSettings(), context):
            pass
    async with plugin.open(ChannelSettings(), context) as backplane:
        await backplane.deliver(make_records(1))

    assert [call.lane for call in faulty.calls] == [1]
    assert (faulty.opened, faulty.closed) == (1, 1)
    assert plugin.features.ordered
