"""A signal handler may interrupt any call of a plane, and call it: nothing hangs or is lost."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap

import pytest

pytestmark = pytest.mark.skipif(
    not hasattr(signal, "setitimer"), reason="there are no timer signals here"
)

BEGINNING = """
    import faulthandler, os, random, signal, sys, threading
    from experimentframework_core import BufferOptions, DataPlaneOptions
    from experimentframework_core.sync import SyncDataPlane
    from experimentframework_core.testing import Sink, make_exposure

    faulthandler.dump_traceback_later(200, exit=True)
    sink, event, handled = Sink(), make_exposure(), 0
    options = DataPlaneOptions(on_failure="drop", buffer=BufferOptions(max_events=10**6))
    plane = SyncDataPlane(options, backplane=sink)
    plane.open()

    def soon():
        signal.setitimer(signal.ITIMER_REAL, random.uniform(0.0001, 0.0006))

    def interrupt(work):
        def handle(*_):
            global handled
            work()
            handled += 1
            soon()
        signal.signal(signal.SIGALRM, handle)
        soon()

    def told():
        signal.setitimer(signal.ITIMER_REAL, 0)
        plane.close()
        return plane.statistics().accepted == len(sink.records)
"""


def run(script: str) -> str:
    """Run the script in a process of its own; return what it printed."""
    ran = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(BEGINNING) + textwrap.dedent(script)],
        capture_output=True,
        text=True,
        timeout=250,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout.strip()


def test_a_handler_publishes() -> None:
    """Given a thread that publishes, When handlers publish in between, Then all arrive."""
    printed = run("""
        interrupt(lambda: plane.publish(event))
        published = 0
        while handled < 700:
            plane.publish(event)
            published += 1
        print(told(), len(sink.records) == published + handled)
    """)

    assert printed == "True True"


def test_a_handler_exposes_and_reads_statistics() -> None:
    """Given a thread that exposes, When handlers expose and count, Then all is counted."""
    printed = run("""
        def work():
            plane.expose("e", "v", subject=f"signal-{handled}")
            plane.statistics()

        interrupt(work)
        published = 0
        while handled < 700:
            plane.expose("e", "v", subject=f"u-{published}")
            plane.statistics()
            published += 1
        print(told(), len(sink.records) == published + handled)
    """)

    assert printed == "True True"


def test_a_handler_waits_for_the_loop() -> None:
    """Given a thread that waits for the loop, When handlers wait for it too, Then all go on."""
    printed = run("""
        interrupt(lambda: plane.flush())
        for _ in range(150):
            plane.publish(event)
            plane.flush()
        print(told(), handled > 0)
    """)

    assert printed == "True True"


@pytest.mark.parametrize("moment", range(2))
def test_a_handler_closes_the_plane(moment: int) -> None:
    """Given a thread that publishes, When a handler closes and exits, Then nothing is lost."""
    printed = run(f"""
        def close(*_):
            print(plane.close().timed_out)
            sys.exit(0)

        signal.signal(signal.SIGALRM, close)
        signal.setitimer(signal.ITIMER_REAL, 0.05 + {moment} * 0.0437)
        try:
            while True:
                plane.publish(event)
        finally:
            print(told())
    """)

    assert printed.split() == ["False", "True"]


def test_a_handler_exits_while_the_plane_closes() -> None:
    """Given a closing, When a handler ends the program, Then the rest is delivered all the same."""
    printed = run("""
        import asyncio

        class Slow(Sink):
            async def deliver(self, batch):
                os.kill(os.getpid(), signal.SIGALRM)
                await asyncio.sleep(0.2)
                await super().deliver(batch)

        plane.close()
        sink = Slow()
        plane = SyncDataPlane(options, backplane=sink)
        signal.signal(signal.SIGALRM, lambda *_: sys.exit(0))
        plane.publish(event)
        try:
            plane.close()
        except SystemExit:
            signal.signal(signal.SIGALRM, signal.SIG_IGN)
            print(plane.close().delivered, len(sink.records))
    """)

    assert printed == "1 1"


@pytest.mark.parametrize("handler", ["sys.exit(0)", "plane.publish(event)", "1 / 0"])
def test_a_second_signal_does_not_keep_the_interpreter_from_draining(handler: str) -> None:
    """Given a program that a signal has ended, When a second one comes, Then nothing is lost."""
    printed = run(f"""
        import asyncio, atexit

        class Slow(Sink):
            async def deliver(self, batch):
                os.kill(os.getpid(), signal.SIGALRM)
                await asyncio.sleep(0.1)
                await super().deliver(batch)

        plane.close()
        sink = Slow()
        plane = SyncDataPlane(options, backplane=sink)
        signal.signal(signal.SIGALRM, lambda *_: {handler})
        atexit.register(lambda: print(len(sink.records)))
        plane.publish(event)
        sys.exit(0)
    """)

    assert printed == "1"


def test_a_time_limit_by_a_signal_ends_the_waiting_only() -> None:
    """Given a closing, When a handler raises TimeoutError, Then close raises it, loses nothing."""
    printed = run("""
        from experimentframework_core._threadsafe import ThreadsafeCall

        def limit(*_):
            raise TimeoutError("the application's")

        def interrupted(call, timeout):
            ThreadsafeCall.wait = wait
            signal.raise_signal(signal.SIGALRM)
            return wait(call, timeout)

        signal.signal(signal.SIGALRM, limit)
        plane.publish(event)
        wait, ThreadsafeCall.wait = ThreadsafeCall.wait, interrupted
        try:
            plane.close()
        except TimeoutError as error:
            print(error, plane.close().timed_out, len(sink.records))
    """)

    assert printed == "the application's False 1"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_handler_closes_a_plane_while_a_fork_waits() -> None:
    """Given a fork that waits for a loop, When a handler closes another plane, Then it can."""
    printed = run("""
        from experimentframework_core import _pausing

        _pausing.fork_timeout = 100
        blocked, over = threading.Event(), threading.Event()

        class Blocking(Sink):
            async def deliver(self, batch):
                blocked.set()
                over.wait()

        other = SyncDataPlane(DataPlaneOptions(on_failure="drop"), backplane=Blocking())
        other.publish(event)
        plane.publish(event)
        threading.Thread(target=other.flush).start()
        blocked.wait()

        def close(*_):
            print(plane.close().timed_out, len(sink.records), flush=True)
            over.set()

        signal.signal(signal.SIGALRM, close)
        signal.setitimer(signal.ITIMER_REAL, 0.1)
        child = os.fork()
        if child == 0:
            os._exit(0)
        os.waitpid(child, 0)
    """)

    assert printed == "False 1"
