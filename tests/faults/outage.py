"""The destination is down for a while, at a steady rate: nothing lost, and how it catches up."""

from __future__ import annotations

import argparse
import time
from typing import TYPE_CHECKING, Any

import msgspec

from tests.faults import _table, _verify
from tests.faults._scene import Scene, staged

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.faults._notes import Note, Report
    from tests.faults._verify import Log

_before = 1.0
"""Seconds of deliveries before the destination goes down."""


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What came of an outage.

    Attributes:
        published: Events acknowledged, as accepted or durable.
        lost: Of those, how many never arrived.
        dead_letters: How many were dead-lettered.
        most_buffered: The longest the queue was.
        growth_mb: Growth of the resident memory, from before the outage to its highest.
        wait: Seconds from the destination's return to the first batch.
        catch_up: Events a second from the first batch until the queue was gone.
        publish_p50_us: Median time of a ``publish`` that returns when accepted.
        publish_p99_us: The 99th percentile of the same.
        lag_p99_ms: The 99th percentile of the loop's lag.
        probes: Connections tried in each 30 seconds of the outage.
        faults: What is against the rules.
    """

    published: int
    lost: int
    dead_letters: int
    most_buffered: int
    growth_mb: float
    wait: float
    catch_up: float
    publish_p50_us: float
    publish_p99_us: float
    lag_p99_ms: float
    probes: tuple[int, ...]
    faults: tuple[str, ...]


def carry_out(seconds: float, rate: int, *, durable: float = 0.02) -> Outcome:
    """Have a child publish, take its destination away for that long, and measure."""
    with staged() as scene:
        # The breaker and the waits are those that an application has by default.
        child = scene.start(
            scene.plan(
                rate=rate, durable=durable, measure=True, options={"retry": {}, "breaker": {}}
            )
        )
        child.hear()
        time.sleep(_before)
        down = scene.destination.behave(up=False)
        time.sleep(seconds)
        up = scene.destination.behave()
        child.ask("drain")
        child.wait(seconds + 120)
        return _measure(scene, child.report, down, up)


def _measure(scene: Scene, report: Report, down: float, up: float) -> Outcome:
    log = _verify.read_log(scene.destination.log)
    verdict = _verify.judge(log, [report], kills=0)
    measured, closed = _facts(report.last("measured")), _facts(report.last("closed"))
    first, rate = _catch_up(log, up)
    return Outcome(
        published=len(report.accepted) + len(report.durable),
        lost=verdict.lost + verdict.accepted_lost,
        dead_letters=len(scene.letters()),
        most_buffered=max(count for _, count in measured["buffered"]),
        growth_mb=measured["growth"] / 1e6,
        wait=first - up,
        catch_up=rate,
        publish_p50_us=measured["publish_p50_us"],
        publish_p99_us=measured["publish_p99_us"],
        lag_p99_ms=measured["lag_p99_ms"],
        probes=_probes(closed["attempts"], down, up),
        faults=tuple(verdict.faults),
    )


def _facts(note: Note | None) -> dict[str, Any]:
    assert note is not None
    return note.facts


def _catch_up(log: Log, up: float) -> tuple[float, float]:
    """Return when the first batch came after the outage, and events a second from then on."""
    batches = [batch for batch in log.batches.values() if batch.at > up]
    first, last = batches[0].at, batches[-1].at
    events = sum(batch.count for batch in batches[1:])
    return first, events / (last - first) if last > first else 0.0


def _probes(attempts: Sequence[float], down: float, up: float) -> tuple[int, ...]:
    counts = [0] * (int((up - down) // 30) + 1)
    for at in attempts:
        if down <= at < up:
            counts[int((at - down) // 30)] += 1
    return tuple(counts)


def faults_of(outcome: Outcome) -> list[str]:
    """Return what an outage must never do, whatever the machine."""
    faults = list(outcome.faults)
    if outcome.lost:
        faults.append(f"{outcome.lost} acknowledged events lost")
    if outcome.dead_letters:
        faults.append(f"{outcome.dead_letters} events dead-lettered by an outage")
    return faults


def _print(outcome: Outcome) -> None:
    rows = (
        ("acknowledged", f"{outcome.published:,}", ""),
        ("lost", f"{outcome.lost:,}", "0"),
        ("dead letters", f"{outcome.dead_letters:,}", "0"),
        ("order of each key", "broken" if outcome.faults else "kept", "kept"),
        ("most buffered", f"{outcome.most_buffered:,}", ""),
        ("growth of memory", f"{outcome.growth_mb:.1f} MB", "< 64 MB"),
        ("catch-up", f"{outcome.catch_up:,.0f}/s", ">= 20,000/s"),
        ("from its return to the first batch", f"{outcome.wait:.1f} s", "<= 30 s"),
        ("publish p50", f"{outcome.publish_p50_us:.1f} µs", ""),
        ("publish p99", f"{outcome.publish_p99_us:.1f} µs", "<= 25 µs"),
        ("loop lag p99", f"{outcome.lag_p99_ms:.2f} ms", ""),
        ("probes in each 30 s", ", ".join(map(str, outcome.probes)), ""),
    )
    for name, value, bar in rows:
        _table.say(f"{name:<36}{value:>16}   {bar}".rstrip())


def main(arguments: Sequence[str]) -> int:
    """Run the command; 1 when an event was lost, dead-lettered or out of order."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults outage", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--rate", type=int, default=5000, help="events a second")
    given = parser.parse_args(arguments)
    outcome = carry_out(given.seconds, given.rate)
    _print(outcome)
    return _table.verdict_of(faults_of(outcome))
