"""Kill -9 at random moments, the destination up, down or flapping: nothing durable is lost."""

from __future__ import annotations

import argparse
import random
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from tests.faults import _table, _verify
from tests.faults._processes import ProcessFailedError
from tests.faults._scene import Scene, staged

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.faults._verify import Verdict

manners: dict[str, dict[str, Any]] = {"up": {}, "down": {"up": False}, "flapping": {"flap": 1.0}}
buffers: dict[str, dict[str, Any]] = {
    "disk": {},
    "overflow": {"type": "memory", "maxEvents": 1000, "whenFull": "overflow"},
}
Shape = Literal["one", "row", "pair"]


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """One run, all chance in it decided by its seed.

    Attributes:
        number: Which one.
        seed: What its moments are drawn from.
        rate: Events a second of each process.
        lanes: Deliveries side by side.
        buffer: ``disk``, or ``overflow`` from memory to disk.
        manner: What the destination does meanwhile.
        shape: ``one`` kill, several in a ``row`` before anything is drained, or a ``pair`` of
            processes on one path of which one is killed.
    """

    number: int
    seed: int
    rate: int
    lanes: int
    buffer: str
    manner: str
    shape: Shape


class Outcome(msgspec.Struct, kw_only=True):
    """What came of a run.

    Attributes:
        run: The run.
        verdict: What became of its events.
        reopen: Seconds from opening the plane to the successor's first durable event.
    """

    run: Run
    verdict: _verify.Verdict
    reopen: float


def plan(runs: int, *, seed: int, rate: int) -> list[Run]:
    """Return the runs: every manner and shape in turn."""
    shapes: tuple[Shape, ...] = ("one", "row", "one", "pair", "one")
    return [
        Run(
            number=number,
            seed=seed * 1_000_003 + number,
            rate=rate,
            lanes=1 if number % 4 else 3,
            buffer="overflow" if number % 10 == 7 else "disk",
            manner=list(manners)[number % 3],
            shape=shapes[number % 5],
        )
        for number in range(runs)
    ]


def carry_out(run: Run, keep: Path | None = None) -> Outcome:
    """Carry out one run and judge it.

    Raises:
        ProcessFailedError: A process that was not killed failed.
    """
    chance = random.Random(run.seed)
    with staged(keep=keep) as scene:
        scene.destination.behave(**manners[run.manner])
        last_kill = _kill(scene, run, chance)
        scene.destination.behave()
        successor = scene.drain(lanes=run.lanes)
        verdict = _judge(scene, run, last_kill)
        if verdict.lost:
            scene.drain(lanes=run.lanes)
            again = _judge(scene, run, last_kill)
            verdict.faults.append(f"after a second successor {again.lost} durable events are lost")
        reopened = successor.report.last("reopened")
        outcome = Outcome(
            run=run, verdict=verdict, reopen=reopened.facts["seconds"] if reopened else 0.0
        )
        if verdict.faults:
            scene.copy(keep)
    return outcome


def _kill(scene: Scene, run: Run, chance: random.Random) -> float:
    """Start and kill as the shape says; return when the last kill was."""
    start = partial(
        scene.plan, rate=run.rate, lanes=run.lanes, options={"buffer": buffers[run.buffer]}
    )
    if run.shape == "pair":
        victim, other = scene.start(start()), scene.start(start())
        victim.hear()
        other.hear()
        time.sleep(chance.uniform(0.3, 2.0))
        victim.kill()
        at = time.monotonic()
        time.sleep(chance.uniform(0.0, 0.5))
        scene.destination.behave()
        other.ask("drain")
        other.wait()
        return at
    for _ in range(chance.randint(2, 4) if run.shape == "row" else 1):
        child = scene.start(start())
        child.hear()
        time.sleep(chance.uniform(0.3, 2.0))
        child.kill()
    return time.monotonic()


def _judge(scene: Scene, run: Run, last_kill: float) -> Verdict:
    log = _verify.read_log(scene.destination.log)
    kills = sum(child.plan.work == "publish" for child in scene.children)
    if run.shape == "pair":
        kills -= 1
    return _verify.judge(log, scene.reports, kills=kills, last_kill=last_kill, lanes=run.lanes)


def run_all(runs: Sequence[Run], *, keep: Path | None, parallel: int = 2) -> list[str]:
    """Carry out the runs, print a row for each, then the sums; return the faults."""
    table = _table.Table(
        "run",
        "durable",
        "recovered",
        "lost",
        "duplicated",
        "by cuts",
        "accepted lost",
        "reopen ms",
        first=32,
    )
    outcomes: list[Outcome] = []
    faults: list[str] = []
    with ThreadPoolExecutor(parallel) as pool:
        for run, future in [(run, pool.submit(carry_out, run, keep)) for run in runs]:
            try:
                outcome = future.result()
            except ProcessFailedError as error:
                faults.append(f"run {run.number} ({run.manner}, {run.shape}): {error}")
                continue
            outcomes.append(outcome)
            faults += [f"run {run.number}: {fault}" for fault in outcome.verdict.faults]
            _print(table, outcome)
    _print_sums(outcomes)
    return faults


def _print(table: _table.Table, outcome: Outcome) -> None:
    run, verdict = outcome.run, outcome.verdict
    table.row(
        f"{run.number} {run.manner} {run.shape} x{run.lanes} {run.buffer}",
        verdict.durable,
        verdict.recovered,
        verdict.lost,
        verdict.duplicated,
        verdict.cut_duplicated,
        verdict.accepted_lost,
        outcome.reopen * 1000,
    )


def _print_sums(outcomes: Sequence[Outcome]) -> None:
    sums = _verify.total(outcome.verdict for outcome in outcomes)
    kills = max(1, sums["kills"])
    disk = [each for each in outcomes if each.run.buffer == "disk"]
    per_kill = [each.verdict.accepted_lost / max(1, each.verdict.kills) for each in disk]
    most = [each.verdict.duplicated / max(1, each.verdict.kills) for each in outcomes]
    reopen = sorted(outcome.reopen * 1000 for outcome in outcomes) or [0.0]
    _table.say(
        f"\n{len(outcomes)} runs, {sums['kills']} kills:"
        f" durable acknowledged {sums['durable']:,}, recovered {sums['recovered']:,},"
        f" lost {sums['lost']:,}, duplicated {sums['duplicated']:,}"
        f" ({sums['duplicated'] / kills:.1f} a kill, most {max(most, default=0):.0f})\n"
        f"accepted but not durable, lost: {sums['accepted_lost']:,}"
        f" (most a kill, disk buffer {max(per_kill, default=0):.0f});"
        f" arrived twice because the destination cut the connection: {sums['cut_duplicated']:,}\n"
        f"reopening: median {reopen[len(reopen) // 2]:.0f} ms, longest {reopen[-1]:.0f} ms"
    )


def main(arguments: Sequence[str]) -> int:
    """Run the command; 1 when a durable event was lost or a rule was broken."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults kill", description=__doc__)
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--rate", type=int, default=5000, help="events a second of a process")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", type=int, help="the number of one run to repeat")
    parser.add_argument("--keep", type=Path, help="copy the folders of failed runs there")
    given = parser.parse_args(arguments)
    runs = plan(given.runs, seed=given.seed, rate=given.rate)
    if given.only is not None:
        runs = plan(given.only + 1, seed=given.seed, rate=given.rate)[-1:]
    return _table.verdict_of(run_all(runs, keep=given.keep))
