"""Several lanes: side by side, each with its keys in order, each instance alone with its call."""

from __future__ import annotations

import asyncio
import random
from collections import defaultdict
from typing import TYPE_CHECKING

from experimentframework_core.errors import PartialBatchError, PermanentError, TransientError
from experimentframework_core.status import HealthStatus
from experimentframework_core.testing import FaultyBackplane, Hang, Sink, fail, slow
from tests.core._channels import LettersInMemory, make

if TYPE_CHECKING:
    from collections.abc import Sequence

    from experimentframework_core.envelope import Record
    from experimentframework_core.plugin import Backplane
    from experimentframework_core.testing import Fault
    from tests.core.channel.conftest import Workshop


def by_key(records: Sequence[Record]) -> dict[str, list[int]]:
    found: defaultdict[str, list[int]] = defaultdict(list)
    for record in records:
        found[str(record.experiment)].append(int(record.event_id))
    return found


async def test_lanes_deliver_side_by_side(open_channel: Workshop) -> None:
    """Given four lanes and 1 s per delivery, then four batches take one second, not four."""
    faulty = FaultyBackplane(afterwards=slow(1))
    channel = open_channel(faulty, concurrency=4)
    for number in range(100):
        channel.offer(make(number, f"key-{number % 20}"))
    began = asyncio.get_running_loop().time()

    await channel.flush(None)

    assert {call.lane for call in faulty.calls} == {0, 1, 2, 3}
    assert asyncio.get_running_loop().time() - began == 1
    assert (faulty.opened, faulty.overlaps) == (4, 0)


async def test_a_key_keeps_its_lane_and_order_through_trouble(open_channel: Workshop) -> None:
    """Given random failures on four lanes, then each key arrives in order, and all of it."""
    chance = random.Random(7)
    sink = Sink()
    faulty = FaultyBackplane(inner=sink, afterwards=troubled(chance))
    channel = open_channel(faulty, concurrency=4, batch_size=20, draw=chance.random)

    for number in range(1500):
        channel.offer(make(number, f"key-{chance.randrange(30)}"))
        if number % 10 == 0:
            await asyncio.sleep(0.01)
    await channel.flush(None)

    arrived = by_key(sink.records)
    assert sum(map(len, arrived.values())) == 1500
    assert all(numbers == sorted(numbers) for numbers in arrived.values())
    assert faulty.overlaps == 0
    lanes = defaultdict(set)
    for call in faulty.calls:
        for record in call.batch:
            lanes[record.experiment].add(call.lane)
    assert all(len(used) == 1 for used in lanes.values())


async def test_a_stuck_lane_does_not_hold_up_the_others(open_channel: Workshop) -> None:
    """Given one lane that hangs, then the keys of the others arrive."""
    hang, sink = Hang(), Sink()
    faulty = FaultyBackplane([hang], inner=sink)
    channel = open_channel(faulty, concurrency=4, batch_size=1)
    for number in range(40):
        channel.offer(make(number, f"key-{number}"))

    await channel.flush(5)
    (stuck,) = [call for call in faulty.calls if call.at == faulty.calls[0].at][:1]
    arrived = len(sink.records)
    hang.release()
    await channel.flush(None)

    assert 20 <= arrived < 40
    assert stuck.batch[0] not in sink.records[:arrived]
    assert len(sink.records) == 40


async def test_lanes_share_one_breaker(open_channel: Workshop) -> None:
    """Given a destination that is down, then all lanes together probe it at the breaker's pace."""
    faulty = FaultyBackplane(afterwards=fail(TransientError("down")))
    channel = open_channel(faulty, concurrency=4)
    for number in range(100):
        channel.offer(make(number, f"key-{number}"))

    await channel.flush(600)
    late = [call for call in faulty.calls if call.at > faulty.calls[0].at + 120]

    assert channel.health().status is HealthStatus.UNHEALTHY
    assert len(late) <= 480 / 15
    faulty._afterwards = slow(0)
    await channel.flush(None)


async def test_dead_letters_of_all_lanes(open_channel: Workshop, letters: LettersInMemory) -> None:
    """Given refused records on every lane, then all of them reach the store."""
    channel = open_channel(
        FaultyBackplane(afterwards=fail(PermanentError("no"))), concurrency=4, batch_size=5
    )
    for number in range(40):
        channel.offer(make(number, f"key-{number}"))

    await channel.flush(None)

    assert sorted(int(letter.event_id) for letter in letters.letters) == list(range(40))


def troubled(chance: random.Random) -> Fault:
    """Fail in every transient way; an ordered destination stops a key at its first failure."""

    async def fault(inner: Backplane, batch: Sequence[Record]) -> None:
        await asyncio.sleep(chance.random() / 10)
        luck = chance.random()
        if luck < 0.2:
            raise TransientError("down")
        if luck < 0.25:
            raise RuntimeError("bug")
        bad_keys = {record.experiment for record in batch if chance.random() < 0.05}
        failures = {
            index: TransientError("later")
            for index, record in enumerate(batch)
            if record.experiment in bad_keys
        }
        await inner.deliver([each for index, each in enumerate(batch) if index not in failures])
        if failures:
            raise PartialBatchError(failures)

    return fault
