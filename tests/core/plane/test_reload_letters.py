"""Dead letters through reloads: where they go, and which files stay open."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from experimentframework_core import DeadLetterOptions, PermanentError
from experimentframework_core.config import DeadLetterStoreOptions
from experimentframework_core.testing import FaultyBackplane, fail
from tests.core._planes import check_accounts
from tests.core.plane._scene import Scene, publish, until

if TYPE_CHECKING:
    from pathlib import Path


def letters(path: Path, kind: str = "file") -> dict[str, Any]:
    """Return settings by which dead letters go to a file of that kind."""
    store = DeadLetterOptions(type=kind, options=DeadLetterStoreOptions(path=str(path)))
    return {"on_failure": "deadLetter", "dead_letter": store}


async def test_dead_letters_that_cannot_be_written_go_to_the_new_store(tmp_path: Path) -> None:
    """Given a dead-letter file in a wrong place, when a better one comes, then it takes them."""
    scene = Scene(a=FaultyBackplane([fail(PermanentError("bad"))]))
    (tmp_path / "file").touch()

    async with scene.plane(
        **letters(tmp_path / "file" / "x"), shutdown_timeout_ms=100, delivery_timeout_ms=500
    ) as plane:
        await publish(plane, 1)
        await plane.reload(scene.options(**letters(tmp_path / "good")))
        await publish(plane, 2)
        await plane.flush(10)
        statistics = plane.statistics().backplanes["a"]
        check_accounts(plane)

    assert (statistics.dead_lettered, statistics.delivered) == (1, 1)
    assert "bad" in (tmp_path / "good").read_text()


async def test_dead_letter_files_of_former_reloads_are_closed(tmp_path: Path) -> None:
    """Given files with letters, when others are named, then only the last one stays open."""
    scene = Scene(a=FaultyBackplane(afterwards=fail(PermanentError("bad"))))

    stores: list[Any] = []
    async with scene.plane(**letters(tmp_path / "0")) as plane:
        for number in (1, 2, 3):
            await publish(plane, number)
            await plane.flush()
            stores.append(plane._works._lines[0].newest.store)
            await plane.reload(scene.options(**letters(tmp_path / str(number))))
        await until(lambda: all(store._closed for store in stores))
        await publish(plane, 4)
        await plane.flush()
        kept = list(plane._works.stores.files)

    assert kept == [tmp_path / "3"]
    assert (tmp_path / "3").read_text().count("bad") == 1


async def test_a_dead_letter_file_that_is_named_again_is_used_again(tmp_path: Path) -> None:
    """Given a file of dead letters, when it goes and comes back, then it has all of them."""
    scene = Scene(a=FaultyBackplane(afterwards=fail(PermanentError("bad"))))

    async with scene.plane(**letters(tmp_path / "x", "sqlite")) as plane:
        for number, name in enumerate("yxx"):
            await publish(plane, number)
            await plane.flush()
            await plane.reload(
                scene.options(**letters(tmp_path / name, "sqlite"), batch_size=number + 1)
            )
        await publish(plane, 4)
        await plane.flush()
        check_accounts(plane)
        dead_lettered = plane.statistics().backplanes["a"].dead_lettered

    assert dead_lettered == 4
