"""A plane made before a fork works in parent and child; each way to end keeps what it promises."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")

BEGINNING = """
    import json, multiprocessing, os, signal, sqlite3, sys, threading, warnings
    from experimentframework_core import BackplaneOptions, BufferOptions, DataPlaneOptions
    from experimentframework_core.backplanes.sqlite import SqliteOptions
    from experimentframework_core.errors import DataPlaneClosedError
    from experimentframework_core.sync import SyncDataPlane
    from experimentframework_core.testing import make_exposure

    warnings.simplefilter("ignore", DeprecationWarning)
    database, ending = sys.argv[1:]

    def make(**settings):
        node = BackplaneOptions(type="sqlite", options=SqliteOptions(path=database))
        return SyncDataPlane(DataPlaneOptions(backplane=node, on_failure="drop", **settings))

    def publish(plane, number, **more):
        for _ in range(number):
            plane.publish(make_exposure(), **more)

    def on_disk(**settings):
        return make(buffer=BufferOptions(type="disk", path=database + ".buffer"), **settings)

    def wait_for(child):
        _, status = os.waitpid(child, 0)
        assert status == 0, status
"""

COUNT = """
    connection = sqlite3.connect(database)
    print(connection.execute("select count(*), count(distinct event_id) from events").fetchone()[0])
    connection.close()
"""


def run(tmp_path: Path, script: str, ending: str = "", *, good: int = 0) -> str:
    """Run the script in a process of its own, which ends with ``good``; return what it printed."""
    source = textwrap.dedent(BEGINNING) + textwrap.dedent(script)
    ran = subprocess.run(
        [
            sys.executable,
            "-W",
            "error::ResourceWarning",
            "-c",
            source,
            str(tmp_path / "db"),
            ending,
        ],
        capture_output=True,
        text=True,
        timeout=250,
        check=False,
    )
    assert ran.returncode == good, ran.stderr
    assert "Traceback" not in ran.stderr, ran.stderr
    return ran.stdout


def stored(tmp_path: Path) -> int:
    """Return how many events are in the database."""
    return int(run(tmp_path, COUNT))


def test_each_process_opens_it_anew(tmp_path: Path) -> None:
    """Given an open plane, When parent and child publish on, Then each event arrives once."""
    said: Any = json.loads(
        run(
            tmp_path,
            """
            plane = make()
            publish(plane, 100)
            reading, writing = os.pipe()
            child = os.fork()
            if child == 0:
                publish(plane, 30)
                os.write(writing, str(plane.statistics().published).encode())
                sys.exit(0)
            wait_for(child)
            publish(plane, 20)
            print(json.dumps([plane.statistics().published, int(os.read(reading, 99))]))
            """,
        )
    )

    assert said == [120, 30]
    assert stored(tmp_path) == 150


def test_the_childs_counts_are_its_own(tmp_path: Path) -> None:
    """Given an open plane, When a child asks before it publishes, Then nothing is counted."""
    said = run(
        tmp_path,
        """
        plane = make()
        publish(plane, 100)
        child = os.fork()
        if child == 0:
            print(plane.statistics().published)
            sys.exit(0)
        wait_for(child)
        """,
    )

    assert said == "0\n"


@pytest.mark.parametrize("ending", ["return", "sys.exit", "os._exit", "collect"])
def test_a_childs_end_harms_nothing_in_the_parent(tmp_path: Path, ending: str) -> None:
    """Given an open plane, When a child ends in any way, Then the parent goes on."""
    run(
        tmp_path,
        """
        import gc

        def work(plane):
            publish(plane, 10, ack="delivered")
            if ending == "collect":
                del plane
                gc.collect()
            elif ending == "os._exit":
                os._exit(0)
            elif ending == "sys.exit":
                sys.exit(0)

        plane = make(flush_interval_ms=1)
        publish(plane, 10)
        for _ in range(2):
            process = multiprocessing.get_context("fork").Process(target=work, args=(plane,))
            process.start()
            process.join()
            assert process.exitcode == 0
            publish(plane, 10, ack="delivered", timeout=10)
        """,
        ending,
    )

    assert stored(tmp_path) == 50


def test_a_fork_while_another_thread_publishes(tmp_path: Path) -> None:
    """Given a thread that publishes, When the process forks again and again, Then all works."""
    said = run(
        tmp_path,
        """
        plane = make()
        go_on = threading.Event()
        published = 0

        def work():
            global published
            while not go_on.is_set():
                publish(plane, 1)
                published += 1
                go_on.wait(0.0001)

        thread = threading.Thread(target=work)
        thread.start()
        for _ in range(10):
            child = os.fork()
            if child == 0:
                publish(plane, 5)
                plane.close()
                os._exit(0)
            wait_for(child)
        go_on.set()
        thread.join()
        print(published)
        """,
    )

    assert stored(tmp_path) == int(said) + 50


def test_a_fork_while_the_loop_imports_a_driver(tmp_path: Path) -> None:
    """Given a delivery that is importing its driver, When it forks, Then the child delivers too."""
    (tmp_path / "slow_driver.py").write_text(
        "import time\ntime.sleep(0.3)\n\ndef connect(): ...\n", encoding="utf-8"
    )

    said = run(
        tmp_path,
        """
        import os.path
        from experimentframework_core.testing import Sink

        sys.path.insert(0, os.path.dirname(database))
        importing = threading.Event()

        class Lazy(Sink):
            async def deliver(self, batch):
                importing.set()
                from slow_driver import connect

        options = DataPlaneOptions(flush_interval_ms=1, on_failure="drop")
        plane = SyncDataPlane(options, backplane=Lazy())
        plane.publish(make_exposure())
        importing.wait()
        child = os.fork()
        print(plane.publish(make_exposure(), ack="delivered").status, flush=True)
        if child == 0:
            sys.exit(0)
        wait_for(child)
        """,
    )

    assert said.split() == ["delivered", "delivered"]


def test_a_child_works_by_the_options_of_the_last_reload(tmp_path: Path) -> None:
    """Given a plane that was reloaded, When it forks, Then the child delivers where it did."""
    said = run(
        tmp_path,
        """
        plane = make()
        publish(plane, 1)
        node = BackplaneOptions(type="sqlite", options=SqliteOptions(path=database + ".new"))
        plane.reload(DataPlaneOptions(backplane=node, on_failure="drop"))
        child = os.fork()
        if child == 0:
            publish(plane, 2)
            sys.exit(0)
        wait_for(child)
        plane.close()
        found = sqlite3.connect(database + ".new").execute("select count(*) from events")
        print(found.fetchone()[0])
        """,
    )

    assert said == "2\n"


def test_a_fork_does_not_wait_for_ever(tmp_path: Path) -> None:
    """Given a plugin that blocks the loop, When the process forks, Then both go on."""
    said = run(
        tmp_path,
        """
        import time
        from experimentframework_core import _pausing
        from experimentframework_core.testing import Sink

        _pausing.fork_timeout = 0.1
        blocked, over = threading.Event(), threading.Event()

        class Blocking(Sink):
            async def deliver(self, batch):
                blocked.set()
                over.wait()

        options = DataPlaneOptions(flush_interval_ms=1, on_failure="drop")
        plane = SyncDataPlane(options, backplane=Blocking())
        plane.publish(make_exposure())
        blocked.wait()
        child = os.fork()
        if child == 0:
            os._exit(0)
        wait_for(child)
        over.set()
        print(plane.flush().remaining)
        """,
    )

    assert said == "0\n"


def test_a_closed_plane_is_closed_in_the_child(tmp_path: Path) -> None:
    """Given a closed plane, When a child uses it, Then it is closed there, too."""
    said = run(
        tmp_path,
        """
        plane = make()
        publish(plane, 1)
        plane.close()
        child = os.fork()
        if child == 0:
            try:
                publish(plane, 1)
            except DataPlaneClosedError as error:
                print(error)
            sys.exit(0)
        wait_for(child)
        """,
    )

    assert said == "the plane is closed: make a new one\n"


@pytest.mark.parametrize(
    ("ending", "good"),
    [("pass", 0), ("sys.exit(3)", 3), ("raise SystemExit(4)", 4), ("import no_such_module", 1)],
)
def test_the_interpreters_end_drains(tmp_path: Path, ending: str, good: int) -> None:
    """Given queued events, When the interpreter ends by itself, Then all have arrived."""
    script = textwrap.dedent(BEGINNING) + textwrap.dedent(
        """
        plane = make(flush_interval_ms=60_000)
        publish(plane, 100)
        exec(ending)
        """
    )
    ran = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "db"), ending],
        capture_output=True,
        timeout=250,
        check=False,
    )

    assert ran.returncode == good, ran.stderr
    assert stored(tmp_path) == 100


def test_a_worker_of_multiprocessing_drains_at_its_end(tmp_path: Path) -> None:
    """Given a forked worker, which ends without `atexit`, When it returns, Then all arrived."""
    run(
        tmp_path,
        """
        plane = make(flush_interval_ms=60_000)
        process = multiprocessing.get_context("fork").Process(target=publish, args=(plane, 50))
        process.start()
        process.join()
        assert process.exitcode == 0
        """,
    )

    assert stored(tmp_path) == 50


def test_what_was_durable_outlives_a_pool_that_is_terminated(tmp_path: Path) -> None:
    """Given durable events, When the block of a pool just ends, Then the next one delivers them."""
    run(
        tmp_path,
        """
        plane = on_disk(flush_interval_ms=60_000, batch_size=1000)

        def job(_):
            publish(plane, 5, ack="durable")

        with multiprocessing.get_context("fork").Pool(1) as pool:
            pool.map(job, range(10), chunksize=1)
        """,
    )

    run(tmp_path, "on_disk().open()")

    assert stored(tmp_path) == 50


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGKILL], ids=lambda each: each.name)
def test_what_was_durable_outlives_a_signal(tmp_path: Path, ending: signal.Signals) -> None:
    """Given durable events, When a signal ends the process, Then the next one delivers them."""
    run(
        tmp_path,
        """
        plane = on_disk(flush_interval_ms=60_000, batch_size=1000)
        publish(plane, 20, ack="durable")
        os.kill(os.getpid(), int(ending))
        signal.pause()
        """,
        str(int(ending)),
        good=-ending,
    )

    run(tmp_path, "on_disk().open()")

    assert stored(tmp_path) == 20


def test_what_was_durable_outlives_a_hard_exit(tmp_path: Path) -> None:
    """Given durable events, When the process calls os._exit, Then the next one delivers them."""
    run(
        tmp_path,
        """
        plane = on_disk(flush_interval_ms=60_000, batch_size=1000)
        publish(plane, 20, ack="durable")
        os._exit(0)
        """,
    )

    run(tmp_path, "on_disk().open()")

    assert stored(tmp_path) == 20
