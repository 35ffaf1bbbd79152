"""A forked child cannot use its parent's plane, can open its own, and harms nothing by ending."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")

BEGINNING = """
    import asyncio, json, multiprocessing, os, sqlite3, sys, warnings
    from experimentframework_core import BackplaneOptions, DataPlane, DataPlaneOptions
    from experimentframework_core.backplanes.sqlite import SqliteOptions
    from experimentframework_core.errors import DataPlaneClosedError
    from experimentframework_core.testing import make_exposure

    warnings.simplefilter("ignore", DeprecationWarning)

    def make(path):
        node = BackplaneOptions(type="sqlite", options=SqliteOptions(path=path))
        return DataPlane(
            DataPlaneOptions(backplane=node, on_failure="drop", flush_interval_ms=1)
        )

    def count(path):
        connection = sqlite3.connect(path)
        (rows,) = connection.execute("select count(*) from events").fetchone()
        connection.close()
        return rows
"""


def run(tmp_path: Path, script: str, *arguments: str) -> Any:
    """Run the script in a process of its own; return the JSON of its last line."""
    source = textwrap.dedent(BEGINNING) + textwrap.dedent(script)
    ran = subprocess.run(
        [sys.executable, "-c", source, str(tmp_path / "parent.db"), *arguments],
        capture_output=True,
        text=True,
        timeout=250,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    return json.loads(ran.stdout.splitlines()[-1])


def test_each_way_in_is_refused_in_the_child(tmp_path: Path) -> None:
    """Given an open plane, when a forked child uses it, then each call says to open a new one."""
    said = run(
        tmp_path,
        """
        async def in_child(plane):
            said = {}
            for name in ("publish", "publish_nowait", "publish_threadsafe", "flush", "reload"):
                arguments = () if name in ("flush", "reload") else (make_exposure(),)
                try:
                    answer = getattr(plane, name)(*arguments)
                    if asyncio.iscoroutine(answer):
                        await answer
                except DataPlaneClosedError as error:
                    said[name] = str(error)
            said["health"] = (await plane.health()).description
            said["aclose"] = str(await plane.aclose())
            return said

        async def main():
            async with make(sys.argv[1]) as plane:
                await plane.publish(make_exposure(), ack="delivered")
                reading, writing = os.pipe()
                child = os.fork()
                if child == 0:
                    os.write(writing, json.dumps(await in_child(plane)).encode())
                    os._exit(0)
                os.waitpid(child, 0)
                return os.read(reading, 65536).decode()

        print(asyncio.run(main()))
        """,
    )

    assert said.pop("aclose") == "FlushResult(delivered=0, remaining=0, timed_out=False, kept=0)"
    ways = ["publish", "publish_nowait", "publish_threadsafe", "flush", "reload", "health"]
    assert list(said) == ways
    assert all("open a new plane" in each for each in said.values())


@pytest.mark.parametrize("ending", ["return", "sys.exit", "os._exit", "exception"])
def test_a_childs_end_harms_nothing_in_the_parent(tmp_path: Path, ending: str) -> None:
    """Given a worker process made by fork, when it ends in any way, the parent delivers on."""
    rows = run(
        tmp_path,
        """
        def child(plane, ending):
            if ending == "sys.exit":
                sys.exit(3)
            if ending == "os._exit":
                os._exit(3)
            if ending == "exception":
                raise RuntimeError("the child fails")

        async def main(path, ending):
            async with make(path) as plane:
                for _ in range(100):
                    await plane.publish(make_exposure())
                forking = multiprocessing.get_context("fork")
                process = forking.Process(target=child, args=(plane, ending))
                process.start()
                process.join()
                for _ in range(400):
                    await plane.publish(make_exposure())
                await plane.publish(make_exposure(), ack="delivered")
                await asyncio.to_thread(plane.publish_threadsafe, make_exposure())
            statistics = plane.statistics()
            assert statistics.backplanes["sqlite"].delivered == 502, statistics
            return count(path)

        print(asyncio.run(main(*sys.argv[1:])))
        """,
        ending,
    )

    assert rows == 502


def test_a_new_plane_works_in_the_child(tmp_path: Path) -> None:
    """Given a forked child, when it opens its own plane, then both processes deliver."""
    rows = run(
        tmp_path,
        """
        async def publish(plane, number):
            for _ in range(number):
                await plane.publish(make_exposure())

        async def in_child(path):
            async with make(path) as plane:
                await publish(plane, 30)

        def child(path):
            asyncio.run(in_child(path))

        async def main(path):
            async with make(path) as plane:
                await publish(plane, 10)
                forking = multiprocessing.get_context("fork")
                process = forking.Process(target=child, args=(path + ".child",))
                process.start()
                process.join()
                await publish(plane, 10)
            return [count(path), count(path + ".child"), process.exitcode]

        print(json.dumps(asyncio.run(main(sys.argv[1]))))
        """,
    )

    assert rows == [20, 30, 0]


def test_planes_opened_after_a_fork_before_the_loop_work_in_each_worker(tmp_path: Path) -> None:
    """Given workers forked before any loop, when each opens a plane, then all deliver."""
    counts = run(
        tmp_path,
        """
        async def work(path):
            async with make(path) as plane:
                for _ in range(20):
                    await plane.publish(make_exposure())

        children = []
        for worker in range(3):
            child = os.fork()
            if child == 0:
                asyncio.run(work(f"{sys.argv[1]}.{worker}"))
                os._exit(0)
            children.append(child)
        for child in children:
            os.waitpid(child, 0)
        print(json.dumps([count(f"{sys.argv[1]}.{worker}") for worker in range(3)]))
        """,
    )

    assert counts == [20, 20, 20]
