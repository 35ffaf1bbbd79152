"""Reloading from the files that a plane was made from, when asked to or when they change."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING

import pytest

from experimentframework_core import (
    ConfigurationError,
    DataPlane,
    HealthStatus,
)
from experimentframework_core._plane.files import Files
from experimentframework_core.testing import make_exposure

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

WATCHED = "reload: {watch: true, intervalMs: 10}"


def written(path: Path, *settings: str) -> Path:
    """Write a configuration of a backplane in memory, with these settings."""
    lines = ("dataPlane:", "  backplane: {type: inMemory}", *(f"  {each}" for each in settings))
    path.write_text("\n".join(lines) + "\n")
    return path


async def until(true: Callable[[], bool]) -> None:
    """Return when that is so."""
    async with asyncio.timeout(30):
        while not true():  # noqa: ASYNC110 - it becomes true in a thread
            await asyncio.sleep(0.005)


async def test_the_files_are_read_again(tmp_path: Path) -> None:
    """Given a plane made from a file, when that has changed and it reloads, then it goes by it."""
    path = written(tmp_path / "e.yaml", "batchSize: 7")

    async with DataPlane.from_file(path) as plane:
        written(path, "batchSize: 8")
        result = await plane.reload()

    assert plane.options.batch_size == 8
    assert result.replaced == ("inMemory",)


async def test_a_bad_file_is_told_with_its_line(tmp_path: Path) -> None:
    """Given a file that has become wrong, when reloaded, health names file, line and time."""
    path = written(tmp_path / "e.yaml", "batchSize: 7")

    async with DataPlane.from_file(path) as plane:
        written(path, "batchSize: 8", "batchByte: 1", "flushIntervalMs: soon")
        with pytest.raises(ConfigurationError) as raised:
            await plane.reload()
        health = await plane.health()
        receipt = await plane.publish(make_exposure())

    assert len(raised.value.problems) == 2
    assert health.status is HealthStatus.DEGRADED
    assert health.refused_reload is not None
    assert health.refused_reload.problem.startswith(f"{path}:4:3: dataPlane.batchByte: unknown key")
    assert f"{health.refused_reload.at:%Y-%m-%dT%H:%M:%SZ}" in health.description
    assert (plane.options.batch_size, receipt.status) == (7, "accepted")


async def test_a_file_that_is_gone_changes_nothing(tmp_path: Path) -> None:
    """Given a file that was removed, when reloaded, then the error names it and the old goes on."""
    path = written(tmp_path / "e.yaml")

    async with DataPlane.from_file(path) as plane:
        path.unlink()
        with pytest.raises(ConfigurationError, match="cannot be read: No such file"):
            await plane.reload()
        receipt = await plane.publish(make_exposure())

    assert receipt.status == "accepted"


async def test_a_watched_file_is_reloaded(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Given a watched file, when it changes, goes bad and is mended, then the plane follows."""
    path = written(tmp_path / "e.yaml", WATCHED)
    caplog.set_level("INFO")

    async with DataPlane.from_file(path) as plane:
        written(path, WATCHED, "batchSize: 8")
        await until(lambda: plane.options.batch_size == 8)
        path.write_text("dataPlane: {backplane: {type: inMem")
        await until(lambda: "reload_refused" in caplog.text)
        half = await plane.health()
        written(path, WATCHED, "batchSize: 9")
        await until(lambda: plane.options.batch_size == 9)
        mended = await plane.health()

    assert half.refused_reload is not None
    assert half.refused_reload.problem.startswith(f"{path}:1:")
    assert mended.refused_reload is None
    assert caplog.text.count("reload_refused") == 1
    assert caplog.text.count("plane_reloaded") == 2


async def test_watching_ends_when_the_file_says_so(tmp_path: Path) -> None:
    """Given a watched file, when it says to watch no more, then later changes are left alone."""
    path = written(tmp_path / "e.yaml", WATCHED)

    async with DataPlane.from_file(path) as plane:
        written(path, "batchSize: 8")
        await until(lambda: plane.options.batch_size == 8)
        watching = plane._reloading._watching
        assert watching is not None
        await asyncio.wait((watching,), timeout=30)
        ended = watching.done()

    assert ended


async def test_closing_ends_the_watching(tmp_path: Path) -> None:
    """Given a watched file, when the plane closes, then nothing looks at it any longer."""
    path = written(tmp_path / "e.yaml", WATCHED)

    async with DataPlane.from_file(path) as plane:
        watching = plane._reloading._watching
    await asyncio.sleep(0)

    assert watching is not None
    assert watching.cancelled()


async def test_a_change_while_the_plane_was_opened_is_seen(tmp_path: Path) -> None:
    """Given a file that changes between its reading and the opening, it is reloaded too."""
    path = written(tmp_path / "e.yaml", WATCHED)
    plane = DataPlane.from_file(path)
    written(path, WATCHED, "batchSize: 8")

    async with plane:
        await until(lambda: plane.options.batch_size == 8)

    assert plane.options.batch_size == 8


async def test_a_journal_that_cannot_be_opened_is_tried_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Given a buffer's folder that is in the way of a file, when that is gone, it is reloaded."""
    path = written(tmp_path / "e.yaml", WATCHED)
    (tmp_path / "buffer").touch()

    async with DataPlane.from_file(path) as plane:
        written(path, WATCHED, f"buffer: {{type: disk, path: {tmp_path / 'buffer'}}}")
        await until(lambda: "watch_failed" in caplog.text)
        (tmp_path / "buffer").unlink()
        await until(lambda: plane.options.buffer.type == "disk")
        health = await plane.health()

    assert health.refused_reload is None


def look_twice(files: Files, change: Callable[[], object]) -> bool:
    """Return whether a change makes another mark, and none makes the same."""
    before = files.look()
    assert files.look() == before
    change()
    return files.look() != before


def test_a_change_of_equal_length_is_seen(tmp_path: Path) -> None:
    """Given a file that is written twice at once, when looked at, then the second one is seen."""
    path = written(tmp_path / "e.yaml", "batchSize: 7")
    files = Files([path])
    files.read()

    assert look_twice(files, lambda: written(path, "batchSize: 8"))


def test_a_link_that_leads_elsewhere_is_seen(tmp_path: Path) -> None:
    """Given a file behind links as in a ConfigMap, when the folder is swapped, that is seen."""
    for name, size in (("one", 7), ("two", 8)):
        (tmp_path / name).mkdir()
        written(tmp_path / name / "e.yaml", f"batchSize: {size}")
    (tmp_path / "data").symlink_to("one")
    (tmp_path / "e.yaml").symlink_to("data/e.yaml")
    files = Files([tmp_path / "e.yaml"])
    files.read()

    def swap() -> None:
        (tmp_path / "new").symlink_to("two")
        (tmp_path / "new").rename(tmp_path / "data")

    assert look_twice(files, swap)
    assert files.read()[0].batch_size == 8


def test_a_secret_in_a_file_of_its_own_is_looked_at(tmp_path: Path) -> None:
    """Given a value from another file, when that file changes, then that is seen."""
    (tmp_path / "salt").write_text("pepper")
    path = written(tmp_path / "e.yaml", "samplingSalt: ${file:salt}")
    files = Files([path])
    files.read()

    assert look_twice(files, lambda: (tmp_path / "salt").write_text("sugar!"))
    assert files.read()[0].sampling_salt == "sugar!"


def test_a_file_that_comes_into_the_folder_is_seen(tmp_path: Path) -> None:
    """Given a folder of configurations, when another file comes, then that is seen."""
    written(tmp_path / "experiments.yaml")
    files = Files([tmp_path])
    files.read()

    assert look_twice(files, lambda: written(tmp_path / "experiments.yml", "batchSize: 8"))


def test_a_file_that_goes_is_seen(tmp_path: Path) -> None:
    """Given a file, when it is removed, then that is seen, and read as an error."""
    path = written(tmp_path / "e.yaml")
    files = Files([path])
    files.read()

    assert look_twice(files, path.unlink)


def refuse(files: Files) -> None:
    """Read the files, which is refused."""
    with pytest.raises(ConfigurationError):
        files.read()


def age(folder: Path) -> None:
    """Have the folder look as if it had not been changed for long."""
    os.utime(folder, (0, 0))


def test_a_secret_that_comes_back_is_seen(tmp_path: Path) -> None:
    """Given a file of `${file:…}` that is gone, when it is there again, then that is seen."""
    (tmp_path / "secrets").mkdir()
    salt = tmp_path / "secrets" / "salt"
    files = Files([written(tmp_path / "e.yaml", f"samplingSalt: ${{file:{salt}}}")])
    refuse(files)

    assert look_twice(files, lambda: salt.write_text("pepper"))
    assert files.read()[0].sampling_salt == "pepper"


def test_the_only_file_of_a_folder_that_comes_back_is_seen(tmp_path: Path) -> None:
    """Given a folder without a configuration, when there is one again, then that is seen."""
    path = written(tmp_path / "experiments.yaml")
    files = Files([tmp_path])
    files.read()
    path.unlink()
    refuse(files)
    age(tmp_path)

    assert look_twice(files, lambda: written(path, "batchSize: 8"))
    assert files.read()[0].batch_size == 8


def test_a_file_in_whose_place_a_folder_was_is_seen(tmp_path: Path) -> None:
    """Given an empty folder of a file's name, when the file comes back, then that is seen."""
    path = tmp_path / "e.yaml"
    path.mkdir()
    files = Files([path])
    refuse(files)

    def put_back() -> None:
        path.rmdir()
        written(path)

    assert look_twice(files, put_back)


def test_the_last_file_of_a_pattern_that_comes_back_is_seen(tmp_path: Path) -> None:
    """Given a pattern that matches nothing, when a file comes, then that is seen."""
    path = tmp_path / "e.yaml"
    path.write_text("configurationPaths: [teams/*.yaml]\n")
    files = Files([path])
    refuse(files)
    (tmp_path / "teams").mkdir()
    refuse(files)
    age(tmp_path / "teams")

    assert look_twice(files, lambda: written(tmp_path / "teams" / "a.yaml", "batchSize: 8"))
    assert files.read()[0].batch_size == 8


@pytest.mark.parametrize("below", ["ExperimentDefinitions", "ExperimentDefinitions/shop"])
def test_a_file_that_comes_into_a_folder_of_definitions_is_seen(tmp_path: Path, below: str) -> None:
    """Given an empty folder of definitions, when the first file comes, then that is seen."""
    written(tmp_path / "experiments.yaml")
    folder = tmp_path / below
    folder.mkdir(parents=True)
    files = Files([tmp_path])
    files.read()
    age(folder)

    assert look_twice(files, lambda: written(folder / "a.yaml", "batchSize: 8"))
    assert files.read()[0].batch_size == 8


def test_what_was_looked_at_before_a_refusal_is_looked_at_still(tmp_path: Path) -> None:
    """Given a file that is refused now, when one changes that it named, then that is seen."""
    (tmp_path / "salt").write_text("pepper")
    path = written(tmp_path / "e.yaml", "samplingSalt: ${file:salt}")
    files = Files([path])
    files.read()
    path.write_text("dataPlane: {")
    refuse(files)

    assert look_twice(files, lambda: (tmp_path / "salt").write_text("sugar!"))


@pytest.mark.parametrize("paths", [(), ("experiments.yaml",)])
def test_relative_paths_are_those_of_the_folder_in_which_they_were_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, paths: tuple[str, ...]
) -> None:
    """Given a relative path, when the process goes elsewhere, then the same files are read."""
    (tmp_path / "elsewhere").mkdir()
    path = written(tmp_path / "experiments.yaml")
    monkeypatch.chdir(tmp_path)
    files = Files(paths)
    files.read()
    mark = files.look()
    monkeypatch.chdir(tmp_path / "elsewhere")
    unchanged = files.look() == mark
    written(path, "batchSize: 8")

    assert unchanged
    assert files.look() != mark
    assert files.read()[0].batch_size == 8


def test_a_relative_path_stays_so_in_a_problem(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given a relative path, when its file is wrong, then the problem names it as it was given."""
    written(tmp_path / "e.yaml", "batchSise: 8")
    monkeypatch.chdir(tmp_path)

    with pytest.raises(ConfigurationError, match=r"^(.*\s)?e\.yaml:3:3: dataPlane.batchSise"):
        Files(["e.yaml"]).read()


async def test_a_watched_secret_may_go_and_come_back(tmp_path: Path) -> None:
    """Given a watched secret, when it goes and comes back, then the plane goes by it."""
    salt = tmp_path / "salt"
    salt.write_text("pepper")
    path = written(tmp_path / "e.yaml", WATCHED, "samplingSalt: ${file:salt}")

    async with DataPlane.from_file(path) as plane:
        salt.unlink()
        await until(lambda: plane._reloading.refused is not None)
        salt.write_text("sugar")
        await until(lambda: plane.options.sampling_salt == "sugar")
        health = await plane.health()

    assert health.refused_reload is None
