"""A call of a plane is interrupted at each place where a signal handler can, one after another."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

BEGINNING = """
    import faulthandler
    from experimentframework_core import BufferOptions, DataPlaneOptions
    from experimentframework_core.errors import DataPlaneClosedError
    from experimentframework_core.sync import SyncDataPlane
    from experimentframework_core.testing import Sink, make_exposure
    from tests.core._interrupted import places

    faulthandler.dump_traceback_later(200, exit=True)
    event = make_exposure()
    options = DataPlaneOptions(
        flush_interval_ms=1, on_failure="drop", buffer=BufferOptions(max_events=10**6)
    )
    done = 0
"""

CALLS = {
    "publish": "plane.publish(event)",
    "publish_and_wait": 'plane.publish(event, ack="delivered")',
    "flush": "plane.flush()",
    "health": "plane.health()",
    "close": "plane.close()",
}


def run(script: str) -> str:
    """Run the script in a process of its own, which a deadlock ends; return what it printed."""
    ran = subprocess.run(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(BEGINNING) + textwrap.dedent(script)],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=250,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert ran.stderr == ""
    return ran.stdout.strip()


@pytest.mark.parametrize("call", ["publish", "publish_and_wait", "flush", "health"])
def test_a_handler_waits_for_the_loop(call: str) -> None:
    """Given a call, When it is interrupted by one that waits for the loop, Then both return."""
    printed = run(f"""
        with SyncDataPlane(options, backplane=Sink()) as plane:
            for place in places(lambda: {CALLS[call]}):
                place.by(plane.flush)
                done += place.happened
        print(done > 20)
    """)

    assert printed == "True"


@pytest.mark.parametrize("call", CALLS)
def test_a_handler_closes_the_plane(call: str) -> None:
    """Given a call, When a handler closes its plane, Then what was accepted is delivered once."""
    printed = run(f"""
        def interrupted():
            try:
                {CALLS[call]}
            except DataPlaneClosedError:
                pass

        for place in places(interrupted):
            sink = Sink()
            plane = SyncDataPlane(options, backplane=sink)
            plane.publish(event)
            place.by(plane.close)
            plane.close()
            assert plane.statistics().accepted == len(sink.records)
            done += place.happened
        print(done > 20)
    """)

    assert printed == "True"


def test_a_handler_closes_a_plane_that_opens() -> None:
    """Given a first publish, When a handler closes the plane, Then it is delivered or refused."""
    printed = run("""
        def interrupted():
            try:
                plane.publish(event)
            except DataPlaneClosedError:
                pass

        for place in places(interrupted, sparse=True):
            sink = Sink()
            plane = SyncDataPlane(options, backplane=sink)
            place.by(plane.close)
            plane.close()
            assert plane.statistics().accepted == len(sink.records)
            done += place.happened
        print(done > 50)
    """)

    assert printed == "True"
