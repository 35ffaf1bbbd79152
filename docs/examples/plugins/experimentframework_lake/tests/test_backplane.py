"""Deliveries: what is replaced, what overlaps, what is the default."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import msgspec
import pytest

from experimentframework_core.errors import PermanentError, TransientError
from experimentframework_core.plugin import OpenContext
from experimentframework_core.testing import make_record, make_records
from experimentframework_lake import LakeOptions, plugin
from experimentframework_lake._store import Store

CONTEXT = OpenContext(name="lake")


@pytest.fixture
def options(tmp_path: Path) -> LakeOptions:
    """Return options of a lake on a disk."""
    return LakeOptions(url=f"file://{tmp_path}/lake")


def files(options: LakeOptions) -> list[Path]:
    """Return the objects of a lake."""
    return sorted(Path(options.url.removeprefix("file://")).rglob("*.*"))


async def test_a_batch_that_comes_again_replaces_its_object(options: LakeOptions) -> None:
    """Given a delivered batch, When another process delivers it again, Then it is there once."""
    batch = make_records(3)
    for _ in range(2):
        async with plugin.open(options, CONTEXT) as backplane:
            await backplane.deliver(batch)

    assert len(files(options)) == 1


async def test_a_batch_that_is_cut_differently_repeats_events(options: LakeOptions) -> None:
    """Given a delivered batch, When it comes again in other parts, Then nothing is replaced."""
    batch = make_records(3)
    async with plugin.open(options, CONTEXT) as backplane:
        for part in (batch, batch[:2], batch[2:]):
            await backplane.deliver(part)

    assert len(files(options)) == 3


async def test_of_a_refused_batch_nothing_is_written(options: LakeOptions) -> None:
    """Given a record that has no columns, When its batch is refused, Then no object is there."""
    parquet = msgspec.structs.replace(options, format="parquet")
    body = make_record().body.replace(b'"payload"', b'"nothing"')
    bad = msgspec.structs.replace(make_record(), body=body)

    async with plugin.open(parquet, CONTEXT) as backplane:
        with pytest.raises(PermanentError):
            await backplane.deliver([make_record(), bad])

    assert files(options) == []


async def test_a_cancelled_delivery_does_not_overlap_the_next(
    options: LakeOptions, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given a delivery that hangs, When it is cancelled, Then the next waits for its end."""
    began, go_on, order = threading.Event(), threading.Event(), []

    def put(_: Store, name: str, data: bytes) -> None:
        began.set()
        order.append("begin")
        go_on.wait(10)
        order.append("end")

    monkeypatch.setattr(Store, "put", put)
    async with plugin.open(options, CONTEXT) as backplane:
        hanging = asyncio.create_task(backplane.deliver(make_records(1)))
        await asyncio.to_thread(began.wait, 10)
        hanging.cancel()
        with pytest.raises(asyncio.CancelledError):
            await hanging
        following = asyncio.create_task(backplane.deliver(make_records(1)))
        await asyncio.sleep(0)
        go_on.set()
        await following

    assert order == ["begin", "end", "begin", "end"]


async def test_a_store_that_fails_in_the_middle_gets_the_whole_batch_again(
    options: LakeOptions, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given a batch of two objects, When the second fails once, Then both are there once."""
    batch = [*make_records(1), msgspec.structs.replace(make_record(), event_type="other")]
    put, calls = Store.put, []

    def flaky(store: Store, name: str, data: bytes) -> None:
        calls.append(name)
        if len(calls) == 2:
            raise TransientError("503")
        put(store, name, data)

    monkeypatch.setattr(Store, "put", flaky)
    async with plugin.open(options, CONTEXT) as backplane:
        with pytest.raises(TransientError):
            await backplane.deliver(batch)
        await backplane.deliver(batch)

    assert len(files(options)) == 2


def test_the_defaults_make_few_large_objects(options: LakeOptions) -> None:
    """Given nothing is said, When the channel asks, Then it fills for a minute."""
    assert plugin.channel_defaults is not None

    defaults = plugin.channel_defaults(options)

    assert (defaults.batch_size, defaults.flush_interval_ms) == (5000, 60_000)
