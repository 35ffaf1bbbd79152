"""One event in a thousand is refused for ever: it is set aside with its story, the rest arrives."""

from __future__ import annotations

import argparse
import time
from typing import TYPE_CHECKING, Any

import msgspec

from tests.faults import _events, _table, _verify
from tests.faults._scene import Scene, staged

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.faults._processes import Child

refusals = ("permanent", "partial", "bug")
"""How the destination refuses: the whole batch, by index, or by a bug of the plugin."""

_longest = 30.0
"""Seconds in which all is published, on the slowest machine."""


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """One run.

    Attributes:
        refusal: How poison is refused.
        killed: Whether the child is killed in the middle and a successor goes on.
        events: How many are published.
        every: One in how many is poison.
    """

    refusal: str
    killed: bool
    events: int
    every: int = 1000


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a run: how many arrived, and how many are dead letters."""

    case: Case
    delivered: int
    letters: int
    attempts: int
    lost: int
    faults: tuple[str, ...]


def carry_out(case: Case) -> Outcome:
    """Publish with poison among the events; look at what arrived and what was set aside."""
    with staged() as scene:
        scene.destination.behave(poison=case.every, refusal=case.refusal)
        child = scene.start(scene.plan(total=case.events, rate=5000))
        child.hear()
        if case.killed:
            _await_events(child, case.events * 6 // 10)
            child.kill()
            scene.drain()
        else:
            _await_events(child, case.events)
            child.ask("drain")
            child.wait()
        return _judge(scene, case)


def _await_events(child: Child, number: int) -> None:
    """Return when that many are acknowledged."""
    until = time.monotonic() + _longest
    while time.monotonic() < until:
        report = child.report
        if len(report.accepted) + len(report.durable) >= number:
            return
        time.sleep(0.05)


def _judge(scene: Scene, case: Case) -> Outcome:
    letters = scene.letters()
    dead = {letter["event_id"] for letter in letters}
    log = _verify.read_log(scene.destination.log)
    verdict = _verify.judge(log, scene.reports, kills=int(case.killed), dead=dead)
    faults = [*verdict.faults, *(fault for each in letters for fault in _faults_of(each, case))]
    if both := dead & log.ids:
        faults.append(f"{len(both)} events both delivered and dead-lettered")
    if not case.killed and verdict.accepted_lost:
        faults.append(f"{verdict.accepted_lost} accepted events lost")
    return Outcome(
        case=case,
        delivered=len(log.ids),
        letters=len(letters),
        attempts=max((letter["attempts"] for letter in letters), default=0),
        lost=verdict.lost,
        faults=tuple(faults),
    )


def _faults_of(letter: dict[str, Any], case: Case) -> list[str]:
    """Return what is wrong with a dead letter."""
    name = letter["event_id"]
    event_id, _, check = _events.read(letter["body"])
    faults = []
    if event_id != name or not _events.is_poison(check, case.every):
        faults.append(f"{name} is a dead letter and was not refused")
    if not (letter["reason"] and letter["error_class"] and letter["attempts"] >= 1):
        faults.append(f"the dead letter {name} does not say why: {letter['reason']!r}")
    if not 0 < letter["first_at"] <= letter["last_at"]:
        faults.append(f"the dead letter {name} has impossible times")
    if case.refusal == "bug" and "ZeroDivisionError" not in (letter["traceback"] or ""):
        faults.append(f"the dead letter {name} has no traceback of the plugin's bug")
    return faults


def main(arguments: Sequence[str]) -> int:
    """Run the command; 1 when an event was lost, or a dead letter is wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults poison", description=__doc__)
    parser.add_argument("--events", type=int, default=20_000)
    given = parser.parse_args(arguments)
    table = _table.Table("refused as", "delivered", "dead letters", "most attempts", "lost")
    faults: list[str] = []
    for refusal in refusals:
        for killed in (False, True):
            case = Case(refusal=refusal, killed=killed, events=given.events)
            outcome = carry_out(case)
            name = f"{refusal}{', killed' if killed else ''}"
            table.row(name, outcome.delivered, outcome.letters, outcome.attempts, outcome.lost)
            faults += [f"{name}: {fault}" for fault in outcome.faults]
    return _table.verdict_of(faults)
