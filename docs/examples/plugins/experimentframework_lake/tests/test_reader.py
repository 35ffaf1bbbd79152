"""Readings of a lake: what is skipped, and what is gone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

import msgspec
import pytest

from experimentframework_core.errors import ReplayError, TransientError
from experimentframework_core.plugin import OpenContext, Selection
from experimentframework_core.testing import make_record, make_records
from experimentframework_lake import LakeOptions, plugin
from experimentframework_lake._reader import read_lake, read_records
from experimentframework_lake._store import Store

NOON = datetime(2026, 11, 28, 12, tzinfo=UTC)


@pytest.fixture
def options(tmp_path: Path) -> LakeOptions:
    """Return options of a lake on a disk."""
    return LakeOptions(url=f"file://{tmp_path}/lake")


def files(options: LakeOptions) -> list[Path]:
    """Return the objects of a lake."""
    return sorted(Path(options.url.removeprefix("file://")).rglob("*.*"))


def failing(_: Store, name: str) -> bytes | None:
    """Read nothing, as in an outage."""
    raise TransientError(f"cannot read {name}: 503")


async def test_objects_of_other_days_are_not_opened(options: LakeOptions) -> None:
    """Given a damaged object of another day, When a day is read, Then it is not looked at."""
    days = [make_record(timestamp=NOON + timedelta(days=day)) for day in range(2)]
    async with plugin.open(options, OpenContext(name="lake")) as backplane:
        await backplane.deliver(days)
    files(options)[0].write_bytes(b"damaged")

    found = [each async for each in read_records(options, Selection(since=days[1].timestamp))]

    assert found == [days[1]]


async def test_objects_that_were_passed_over_are_behind(options: LakeOptions) -> None:
    """Given a reading of a day, When another goes on behind it, Then other days do not come."""
    days = [make_record(timestamp=NOON + timedelta(days=day)) for day in range(2)]
    async with plugin.open(options, OpenContext(name="lake")) as backplane:
        await backplane.deliver(days)
    reader = read_records(options, Selection(since=days[1].timestamp))
    first = [each async for each in reader]

    rest = [each async for each in read_records(options, Selection(checkpoint=reader.checkpoint))]

    assert (first, rest) == ([days[1]], [])


async def test_an_empty_lake_is_behind_nothing(options: LakeOptions) -> None:
    """Given an empty lake, When it is read, Then it has no checkpoint."""
    async with plugin.open(options, OpenContext(name="lake")):
        reader = read_lake(options, Selection())

    found = [each async for each in reader]

    assert (found, reader.checkpoint) == ([], None)


@pytest.mark.parametrize(("folders", "finds"), [(("type", "date"), True), (("type",), False)])
def test_folders_by_day_find_times(
    options: LakeOptions, folders: tuple[Literal["type", "date"], ...], *, finds: bool
) -> None:
    """Given the folders, When `tail` asks, Then only those by day spare it reading everything."""
    lake = msgspec.structs.replace(options, partition_by=folders)

    assert read_lake(lake, Selection()).finds_times is finds


async def test_a_damaged_object_is_told_and_passed(options: LakeOptions) -> None:
    """Given a damaged object, When the lake is read, Then it is told with its bytes, once."""
    days = [make_record(timestamp=NOON + timedelta(days=day)) for day in range(2)]
    async with plugin.open(options, OpenContext(name="lake")) as backplane:
        await backplane.deliver(days)
    files(options)[0].write_bytes(b"damaged")
    reader = read_lake(options, Selection())

    good = await anext(reader)
    with pytest.raises(ReplayError, match="not a gzip file") as raised:
        await anext(reader)

    assert good.event_id == days[1].event_id
    assert raised.value.record == b"damaged"
    assert [each async for each in reader] == []


async def test_a_begun_object_that_is_gone_is_counted(options: LakeOptions) -> None:
    """Given a reading in the middle of an object, When that is removed, Then its rest is lost."""
    async with plugin.open(options, OpenContext(name="lake")) as backplane:
        await backplane.deliver(make_records(5))
    reader = read_lake(options, Selection())
    await anext(reader)
    await reader.aclose()
    files(options)[0].unlink()
    again = read_lake(options, Selection(checkpoint=reader.checkpoint))

    with pytest.raises(ReplayError, match="is gone") as raised:
        await anext(again)
    rest = [each async for each in again]

    assert (raised.value.lost, rest) == (4, [])


async def test_a_reading_goes_on_after_an_outage(
    options: LakeOptions, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given a store that fails once, When the same reader is asked again, Then nothing is lost."""
    days = [make_record(timestamp=NOON + timedelta(days=day)) for day in range(2)]
    async with plugin.open(options, OpenContext(name="lake")) as backplane:
        await backplane.deliver(days)
    reader = read_records(options, Selection())
    found = [await anext(reader)]

    with monkeypatch.context() as outage:
        outage.setattr(Store, "get", failing)
        with pytest.raises(TransientError):
            await anext(reader)
    found += [each async for each in reader]

    assert sorted(each.event_id for each in found) == sorted(each.event_id for each in days)


async def test_progress_is_told(options: LakeOptions) -> None:
    """Given a reading, When it ends, Then all lies behind it."""
    async with plugin.open(options, OpenContext(name="lake")) as backplane:
        await backplane.deliver(make_records(2))
    reader = read_lake(options, Selection())

    before = reader.progress
    async for _ in reader:
        pass

    assert (before, reader.progress) == (None, 1.0)
