"""A plane reads back what its backplanes have stored."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from experimentframework_core import DataPlane, DataPlaneOptions
from experimentframework_core.backplanes.memory import InMemoryBackplane, InMemoryOptions
from experimentframework_core.backplanes.memory import plugin as in_memory
from experimentframework_core.backplanes.sqlite import SqliteOptions
from experimentframework_core.config import BackplaneOptions
from experimentframework_core.errors import ReplayError
from experimentframework_core.testing import make_exposure

if TYPE_CHECKING:
    from pathlib import Path

    from experimentframework_core._reading.stream import EventStream


def store(folder: Path, name: str) -> BackplaneOptions:
    return BackplaneOptions(
        type="sqlite", name=name, options=SqliteOptions(path=str(folder / f"{name}.db"))
    )


def group(*members: BackplaneOptions) -> DataPlaneOptions:
    return DataPlaneOptions(backplane=BackplaneOptions(type="composite", backplanes=members))


async def subjects(stream: EventStream) -> list[str]:
    return [envelope.payload.subject_id async for envelope in stream]


async def test_an_open_plane_reads_what_it_has_delivered(tmp_path: Path) -> None:
    """Given delivered events, When the open plane reads some, Then their payloads are typed."""
    options = DataPlaneOptions(backplane=store(tmp_path, "events"))
    async with DataPlane(options) as plane:
        for number in range(3):
            await plane.publish(make_exposure(subject_id=f"u-{number}"))
        await plane.flush()

        found = await subjects(plane.read(types=["exposure"], subjects=["u-0", "u-2"]))

    assert found == ["u-0", "u-2"]


async def test_a_plane_that_was_never_opened_reads_too(tmp_path: Path) -> None:
    """Given a store of an earlier plane, When a new one reads unopened, Then it needs no start."""
    options = DataPlaneOptions(backplane=store(tmp_path, "events"))
    async with DataPlane(options) as earlier:
        await earlier.publish(make_exposure(subject_id="u-1"))
    later = DataPlane(options)

    found = await subjects(later.read())

    assert found == ["u-1"]
    assert later.statistics().published == 0


async def test_a_backplane_object_with_a_read_is_read() -> None:
    """Given a store in memory that was made by hand, When its plane reads, Then it is that one."""
    memory = InMemoryBackplane()
    async with DataPlane(backplane=memory) as plane:
        await plane.publish(make_exposure(subject_id="u-1"))
        await plane.flush()

        found = await subjects(plane.read())

    assert found == ["u-1"]


async def test_a_plugin_that_is_given_is_the_one_that_reads() -> None:
    """Given a plugin beside the options, When the plane reads, Then by that plugin."""
    import msgspec

    asked: list[str] = []

    def read(options: InMemoryOptions, selection: object) -> object:
        asked.append(options.store)
        return InMemoryBackplane().read(selection)  # type: ignore[arg-type]

    mine = msgspec.structs.replace(in_memory, type="mine", read=read)
    plane = DataPlane(backplane=mine)

    found = await subjects(plane.read())

    assert (found, asked[:1]) == ([], ["default"])


async def test_of_several_the_named_one_is_read(tmp_path: Path) -> None:
    """Given two stores, of which one has an event, When that is named, Then it is found."""
    async with DataPlane(DataPlaneOptions(backplane=store(tmp_path, "two"))) as one:
        await one.publish(make_exposure(subject_id="u-1"))
    plane = DataPlane(group(store(tmp_path, "one"), store(tmp_path, "two")))

    found = await subjects(plane.read(backplane="two"))

    assert found == ["u-1"]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (None, r"the plane: say with backplane= which one to read: one \(sqlite\) or two \(sqlite"),
        ("tow", r"backplane='tow': there is none; the configuration has one, two, .*'two'\?"),
    ],
)
def test_a_plane_with_several_says_how_to_choose(
    name: str | None, expected: str, tmp_path: Path
) -> None:
    """Given two stores, When none or none of them is named, Then the error lists them."""
    log = BackplaneOptions(type="logging")
    plane = DataPlane(group(store(tmp_path, "one"), store(tmp_path, "two"), log))

    with pytest.raises(ValueError, match=expected):
        plane.read(backplane=name)


class Nowhere:
    """Takes events and gives none back."""

    async def deliver(self, batch: object) -> None:
        """Forget them."""


@pytest.mark.parametrize(
    ("plane", "name", "expected"),
    [
        (
            DataPlane(DataPlaneOptions(backplane=BackplaneOptions(type="logging"))),
            None,
            "the plane: has no backplane to read; logging cannot be read back",
        ),
        (
            DataPlane(DataPlaneOptions(backplane=BackplaneOptions(type="logging"))),
            "logging",
            "backplane='logging': logging cannot be read back",
        ),
        (DataPlane(backplane=Nowhere()), None, r"Nowhere cannot be read back: it has no read\("),
    ],
)
def test_what_cannot_be_read_is_said_before_anything_is_opened(
    plane: DataPlane, name: str | None, expected: str
) -> None:
    """Given a destination that gives nothing back, When read, Then the error comes at once."""
    with pytest.raises(ReplayError, match=expected):
        plane.read(backplane=name)


def test_a_checkpoint_of_another_source_is_refused_at_once(tmp_path: Path) -> None:
    """Given a checkpoint of Kafka, When a store is read from it, Then the error comes at once."""
    plane = DataPlane(DataPlaneOptions(backplane=store(tmp_path, "events")))

    with pytest.raises(ReplayError, match="checkpoints of an event database are row numbers"):
        plane.read(checkpoint='{"topic":{"0":1}}')
