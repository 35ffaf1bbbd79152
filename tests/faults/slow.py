"""A destination that is slow, or takes batches and never answers: nothing lost, others unhurt."""

from __future__ import annotations

import argparse
import time
from typing import TYPE_CHECKING, Any

import msgspec

from tests.faults import _table, _verify
from tests.faults._processes import Destination
from tests.faults._scene import staged

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tests.faults._processes import Child
    from tests.faults._scene import Scene

manners: dict[str, dict[str, Any]] = {
    "200 ms a batch": {"delay": 0.2},
    "5 s a batch": {"delay": 5.0},
    "takes, never answers": {"hang": True},
}
delivery_timeout = 2.0
shutdown_timeout = 2.0
_longest = 20.0
"""Seconds in which the good destination has what was published, on the slowest machine."""


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a run with a slow destination beside a good one.

    Attributes:
        manner: How slow.
        acknowledged: Events acknowledged.
        meanwhile: How many the good destination had when the publishing ended.
        stop: Seconds that leaving the plane took, the slow destination still slow.
        kept: How many were kept on disk for a successor.
        lost: How many the slow destination never got.
        faults: What is against the rules.
    """

    manner: str
    acknowledged: int
    meanwhile: int
    stop: float
    kept: int
    lost: int
    faults: tuple[str, ...]


def carry_out(manner: str, *, seconds: float, rate: int) -> Outcome:
    """Publish to both for some time, stop, and have a successor deliver the rest."""
    with staged() as scene, Destination(scene.folder, "good") as good:
        scene.destination.behave(**manners[manner])
        options = {
            "deliveryTimeoutMs": int(delivery_timeout * 1000),
            "shutdownTimeoutMs": int(shutdown_timeout * 1000),
        }
        ports = (scene.destination.port, good.port)
        child = scene.start(scene.plan(options=options, ports=ports, rate=rate))
        child.hear()
        time.sleep(seconds)
        child.ask("pause")
        meanwhile = _arrived(child, good.log)
        child.ask("close")
        child.wait()
        scene.destination.behave()
        scene.drain(ports=ports)
        return _judge(scene, good.log, manner, meanwhile)


def _arrived(child: Child, good: Path) -> int:
    """Return how many have arrived, when all have, or at last."""
    until = time.monotonic() + _longest
    while True:
        arrived, report = len(_verify.read_log(good).ids), child.report
        if arrived >= len(report.accepted) + len(report.durable) or time.monotonic() > until:
            return arrived
        time.sleep(0.1)


def _judge(scene: Scene, good: Path, manner: str, meanwhile: int) -> Outcome:
    first = scene.reports[0]
    closed = first.last("closed")
    assert closed is not None
    # A delivery that is given up after its time may come again: as often as there are batches.
    log = _verify.read_log(scene.destination.log)
    slow = _verify.judge(log, scene.reports, kills=len(log.batches))
    other = _verify.judge(_verify.read_log(good), scene.reports, kills=0)
    lost = slow.lost + slow.accepted_lost
    acknowledged = len(first.accepted) + len(first.durable)
    faults = [*slow.faults, *(f"the good destination: {fault}" for fault in other.faults)]
    if lost or other.accepted_lost:
        faults.append(f"{lost} events lost at the slow, {other.accepted_lost} at the good one")
    if meanwhile < acknowledged:
        faults.append(f"the good destination had {meanwhile} of {acknowledged} events")
    if scene.letters():
        faults.append(f"{len(scene.letters())} events dead-lettered because it is slow")
    return Outcome(
        manner=manner,
        acknowledged=acknowledged,
        meanwhile=meanwhile,
        stop=closed.facts["seconds"],
        kept=closed.facts["statistics"]["backplanes"]["line"]["handed_over"],
        lost=lost,
        faults=tuple(faults),
    )


def main(arguments: Sequence[str]) -> int:
    """Run the command; 1 when an event was lost, or the good destination suffered."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults slow", description=__doc__)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--rate", type=int, default=4000, help="events a second")
    given = parser.parse_args(arguments)
    table = _table.Table("destination", "acknowledged", "at the other", "stop s", "kept", "lost")
    faults: list[str] = []
    most = shutdown_timeout + 0.25
    for manner in manners:
        outcome = carry_out(manner, seconds=given.seconds, rate=given.rate)
        table.row(
            manner,
            outcome.acknowledged,
            outcome.meanwhile,
            outcome.stop,
            outcome.kept,
            outcome.lost,
        )
        faults += [f"{manner}: {fault}" for fault in outcome.faults]
        if outcome.stop > most:
            faults.append(f"{manner}: leaving took {outcome.stop:.2f} s, at most {most:g} s")
    return _table.verdict_of(faults)
