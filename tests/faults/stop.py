"""Leaving the plane with 100,000 events queued and the destination dead: in time, and counted."""

from __future__ import annotations

import argparse
import time
from typing import TYPE_CHECKING, Any

import msgspec

from tests.faults import _table, _verify
from tests.faults._scene import Scene, staged

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.faults._processes import Child

deadline = 5.0


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a stop.

    Attributes:
        name: Which.
        queued: Events in the buffer when it began.
        seconds: How long leaving the plane took.
        bar: How long it may take.
        delivered: How many were confirmed meanwhile.
        kept: How many were kept on disk for a successor.
        dropped: How many were counted as lost.
        later: How many of those kept a successor delivered.
        faults: What is against the rules.
    """

    name: str
    queued: int
    seconds: float
    bar: float
    delivered: int
    kept: int
    dropped: int
    later: int
    faults: tuple[str, ...]


def of_memory(events: int) -> Outcome:
    """Stop with a memory buffer and a destination that takes batches and never answers."""
    with staged() as scene:
        scene.destination.behave(hang=True)
        child = _queue(scene, events, durable=0.0, buffer=_roomy(events))
        return _stop(scene, child, "memory, destination hangs", bar=deadline + 0.25)


def _roomy(events: int) -> dict[str, Any]:
    return {"type": "memory", "maxEvents": events + 1, "maxBytes": 2**30}


def of_disk(events: int) -> Outcome:
    """Stop with a disk buffer and the breaker open."""
    with staged() as scene:
        scene.destination.behave(up=False)
        child = _queue(scene, events, durable=0.01, buffer={})
        until = time.monotonic() + 20
        while time.monotonic() < until and _breaker(child) != "open":
            time.sleep(0.2)
        return _stop(scene, child, "disk, breaker open", bar=1.0)


def _queue(scene: Scene, events: int, *, durable: float, buffer: dict[str, Any]) -> Child:
    """Start a child and wait until it has published all."""
    options = {
        "buffer": buffer,
        "shutdownTimeoutMs": int(deadline * 1000),
        "breaker": {"failureThreshold": 1, "openMs": 30_000},
    }
    child = scene.start(scene.plan(rate=1_000_000, total=events, durable=durable, options=options))
    child.hear()
    until = time.monotonic() + 60
    while time.monotonic() < until and _published(child) < events:
        time.sleep(0.3)
    return child


def _published(child: Child) -> int:
    child.ask("health")
    note = child.report.last("health")
    return int(note.facts["statistics"]["accepted"]) if note else 0


def _breaker(child: Child) -> str:
    child.ask("health")
    note = child.report.last("health")
    health = note.facts["health"]["diagnostics"]["line"] if note else {}
    return str(health.get("diagnostics", {}).get("breaker"))


def _stop(scene: Scene, child: Child, name: str, *, bar: float) -> Outcome:
    child.ask("close")
    child.wait()
    report = child.report
    closing, closed = report.last("closing"), report.last("closed")
    assert closing is not None
    assert closed is not None
    before, books = _books(closing.facts), _books(closed.facts)
    faults = _verify.unbalanced(report)
    later = 0
    if books["handed_over"]:
        scene.destination.behave()
        later = int(_books(scene.drain().report.notes[-1].facts)["recovered"])
        log = _verify.read_log(scene.destination.log)
        verdict = _verify.judge(log, scene.reports, kills=1)
        faults += verdict.faults
        if verdict.accepted_lost:
            faults.append(f"{verdict.accepted_lost} accepted events lost by a stop")
    return Outcome(
        name=name,
        queued=before["buffered"],
        seconds=closed.facts["seconds"],
        bar=bar,
        delivered=books["delivered"] - before["delivered"],
        kept=books["handed_over"],
        dropped=sum(books["dropped"].values()),
        later=later,
        faults=tuple(faults),
    )


def _books(facts: dict[str, Any]) -> dict[str, Any]:
    books: dict[str, Any] = facts["statistics"]["backplanes"]["line"]
    return books


def main(arguments: Sequence[str]) -> int:
    """Run the command; 1 when a stop took too long, or lost what it must keep."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults stop", description=__doc__)
    parser.add_argument("--events", type=int, default=100_000)
    given = parser.parse_args(arguments)
    table = _table.Table(
        "stop", "queued", "seconds", "at most", "delivered", "kept", "dropped", "later", first=26
    )
    faults: list[str] = []
    for each in (of_memory(given.events), of_disk(given.events)):
        table.row(
            each.name,
            each.queued,
            each.seconds,
            each.bar,
            each.delivered,
            each.kept,
            each.dropped,
            each.later,
        )
        faults += [f"{each.name}: {fault}" for fault in each.faults]
        if each.seconds > each.bar:
            faults.append(f"{each.name}: took {each.seconds:.2f} s, at most {each.bar:g} s")
    return _table.verdict_of(faults)
