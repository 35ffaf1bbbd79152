"""Kill at named points of the code, and inside the real fdatasync: nothing durable is lost."""

from __future__ import annotations

import argparse
import random
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from tests.faults import _system_calls as system_calls
from tests.faults import _table, _verify
from tests.faults._processes import ProcessFailedError
from tests.faults._scene import Scene, staged

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.faults._notes import Report

names = (
    "journal.after_write",
    "journal.before_sync",
    "journal.after_commit",
    "journal.in_trim",
    "journal.in_salvage",
    "lane.after_deliver",
    "keeper.in_adoption",
)
inside_sync = "inside fdatasync"
"""Not a point of the code: the kernel kills the process as it enters the system call."""

at_opening = {"journal.in_salvage", "keeper.in_adoption"}
"""Points that are reached when a journal is opened that another process left."""

_time_to_die = 30.0
"""Seconds after which a child that did not reach its point is killed where it is."""


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """One kill.

    Attributes:
        point: Where.
        reaches: At which reaching of it.
        seed: What else is drawn from.
    """

    point: str
    reaches: int
    seed: int


class Outcome(msgspec.Struct, kw_only=True):
    """What came of a case.

    Attributes:
        case: The case.
        reached: Whether the process died there.
        verdict: What became of its events.
    """

    case: Case
    reached: bool
    verdict: _verify.Verdict


def plan(times: int, *, seed: int, points: Sequence[str] = (*names, inside_sync)) -> list[Case]:
    """Return ``times`` cases of each point, at growing reaches."""
    chance = random.Random(seed)
    cases = []
    for point in points:
        for number in range(times):
            stride = 1 if point == inside_sync else chance.randrange(1, 12)
            reaches = 1 if point in at_opening else 1 + number * stride
            cases.append(Case(point=point, reaches=reaches, seed=chance.randrange(2**31)))
    return cases


def carry_out(case: Case, keep: Path | None = None) -> Outcome:
    """Have a child die at the point, drain what it left, and judge."""
    with staged(keep=keep) as scene:
        reached = (_die_opening if case.point in at_opening else _die_publishing)(scene, case)
        scene.destination.behave()
        at = time.monotonic()
        scene.drain()
        kills = len(scene.children) - 1
        log = _verify.read_log(scene.destination.log)
        verdict = _verify.judge(
            log, scene.reports, kills=kills, last_kill=at, moved=case.point == "keeper.in_adoption"
        )
        if case.point == "journal.in_salvage":
            _allow_for_damage(verdict, scene.reports[-1])
        return Outcome(case=case, reached=reached, verdict=verdict)


def _allow_for_damage(verdict: _verify.Verdict, last: Report) -> None:
    """Damage costs events. The last process has to have counted them, and no fewer."""
    verdict.faults = [fault for fault in verdict.faults if "durable events lost" not in fault]
    closed = last.last("closed")
    books = closed.facts["statistics"]["backplanes"]["line"] if closed else {}
    counted = books.get("dropped", {}).get("damaged", 0)
    missing = verdict.lost + verdict.accepted_lost
    if missing > counted:
        verdict.faults.append(f"{missing} events lost by damage, of which {counted} were counted")


def _die_publishing(scene: Scene, case: Case) -> bool:
    if case.seed % 3 == 0:
        scene.destination.behave(flap=0.3)
    if case.point == inside_sync:
        child = scene.start(
            scene.plan(), wrapper=system_calls.failing(f"signal=SIGKILL:when={case.reaches}")
        )
    else:
        child = scene.start(scene.plan(point=case.point, reaches=case.reaches))
    return child.died(_time_to_die)


def _die_opening(scene: Scene, case: Case) -> bool:
    """Leave a journal behind, damaged if it is to be salvaged; die while it is taken over."""
    scene.destination.behave(up=False)
    # The successor opens the first journal as its own and adopts the second.
    children = [scene.start(scene.plan()) for _ in range(2)]
    for child in children:
        child.hear()
    time.sleep(0.3 + case.seed % 700 / 1000)
    if case.point == "journal.in_salvage":
        # An orderly end leaves no write-ahead log, so that damage hits the tables.
        for child in children:
            child.ask("close")
            child.wait()
        _damage(scene, case.seed)
        scene.destination.behave()
    for child in children:
        child.kill()
    return scene.start(scene.plan(work="drain", point=case.point)).died(_time_to_die)


def _damage(scene: Scene, seed: int) -> None:
    """Overwrite 16 bytes in three places of each journal, behind its first pages."""
    chance = random.Random(seed)
    for folder in scene.journals:
        path = folder / "journal.db"
        with path.open("r+b") as file:
            for _ in range(3):
                file.seek(chance.randrange(5 * 4096, path.stat().st_size - 16))
                file.write(b"\xff" * 16)


def run_all(cases: Sequence[Case], *, keep: Path | None = None, parallel: int = 2) -> list[str]:
    """Carry out the cases, print a row for each point, return the faults."""
    table = _table.Table(
        "point", "kills", "reached", "durable", "recovered", "lost", "duplicated", "accepted lost"
    )
    faults: list[str] = []
    with ThreadPoolExecutor(parallel) as pool:
        futures = [(case, pool.submit(carry_out, case, keep)) for case in cases]
        for point in dict.fromkeys(case.point for case in cases):
            outcomes: list[Outcome] = []
            for case, future in futures:
                if case.point != point:
                    continue
                try:
                    outcomes.append(future.result())
                except ProcessFailedError as error:
                    faults.append(f"{point}, {case.reaches}, {case.seed}: {error}")
            faults += _print(table, point, outcomes)
    return faults


def _print(table: _table.Table, point: str, outcomes: Sequence[Outcome]) -> list[str]:
    sums = _verify.total(outcome.verdict for outcome in outcomes)
    reached = sum(outcome.reached for outcome in outcomes)
    names = ("durable", "recovered", "lost", "duplicated", "accepted_lost")
    table.row(point, len(outcomes), reached, *(sums[name] for name in names))
    faults = [
        f"{point}, reach {each.case.reaches}, seed {each.case.seed}: {fault}"
        for each in outcomes
        for fault in each.verdict.faults
    ]
    return faults if reached else [*faults, f"{point} was never reached"]


def main(arguments: Sequence[str]) -> int:
    """Run the command; 1 when a durable event was lost, or a point was never reached."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults points", description=__doc__)
    parser.add_argument("--times", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", type=Path, help="copy the folders of failed processes there")
    parser.add_argument("--point", choices=[*names, inside_sync], action="append")
    given = parser.parse_args(arguments)
    points = given.point or [*names, inside_sync]
    if inside_sync in points and (why := system_calls.why_not()):
        _table.say(f"{inside_sync}: skipped, because {why}")
        points.remove(inside_sync)
    return _table.verdict_of(
        run_all(plan(given.times, seed=given.seed, points=points), keep=given.keep)
    )
