"""Loss of power at any moment of the journal's writing: nothing synced is lost.

Processes write through a real journal while strace records their system calls. At points of that
record the folder loses power in memory; what may be left of it is opened and checked.
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import random
import resource
import shutil
import tempfile
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from tests.faults import _system_calls as system_calls
from tests.faults import _table, _trace
from tests.faults._lossy_disk import LossyDisk
from tests.faults._power_plan import Life, State, plan_life
from tests.faults._power_record import lay_out, record
from tests.faults._power_verify import Verdict, judge

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

commits = 45
_states_a_history, _states_a_life = 250, 60
_alarms = 50
"""In how many states a torn commit may be taken once for damage: that loses nothing."""

_most_memory = 6 << 30
"""Bytes of address space of a process here: a file that is misread must not take all there is."""


class Moment(NamedTuple):
    """A loss of power that is possible.

    Attributes:
        at: How many changes were made.
        files: What is left.
        acknowledged: How many commits were.
    """

    at: int
    files: Mapping[str, bytes]
    acknowledged: int


def moments(
    disk: LossyDisk, changes: Sequence[_trace.Change], points: Sequence[int], chance: random.Random
) -> Iterator[Moment]:
    """Make the changes to the disk; yield a loss of power at each of the ascending points."""
    made = acknowledged = 0
    for at in points:
        for change in changes[made:at]:
            disk.make(change)
            if isinstance(change, _trace.Saying) and change.text.startswith("committed "):
                acknowledged = int(change.text.split()[1])
        made = at
        yield Moment(at, disk.lose_power(chance), acknowledged)


def choose_points(changes: Sequence[_trace.Change], count: int, chance: random.Random) -> list[int]:
    """Return after how many changes power is lost: half of them right before or after a sync."""
    marked = [
        at + after
        for at, change in enumerate(changes)
        for after in (0, 1)
        if not isinstance(change, _trace.Write)
    ]
    near = chance.choices(marked, k=count // 2)
    return sorted([*near, *chance.choices(range(len(changes) + 1), k=count - count // 2)])


class History:
    """A journal that processes write one after the other, and each loss of power on its way."""

    def __init__(self, seed: int, keep: Path | None = None) -> None:
        """Begin with an empty folder.

        Args:
            seed: All chance is drawn from it, but the salts that SQLite draws by itself.
            keep: Where files are copied that break a rule.
        """
        self.verdicts: list[Verdict] = []
        self._seed = seed
        self._keep = keep
        self._chance = random.Random(seed)
        self._disk = LossyDisk({})
        self._state = State()

    def run(self, states: int) -> list[Verdict]:
        """Judge so many losses of power, while process after process begins with what is left."""
        for share in shares(states, max(2, states // _states_a_life)):
            self._live(share)
        return self.verdicts

    def _live(self, states: int) -> None:
        chance = self._chance
        ends = chance.choice(("close", "kill"))
        life = plan_life(self._state, chance, commits=commits, ends=ends)
        changes = record(life, self._disk.files())
        points = choose_points(changes, states, chance)
        left: tuple[Mapping[str, bytes], State] | None = None
        last = chance.choice(points[len(points) // 2 :])
        for moment in moments(self._disk, changes, points, chance):
            possible = life.states[moment.acknowledged :][:2]
            verdict = self._judge(moment, possible, life)
            if moment.at <= last and not verdict.faults and verdict.state is not None:
                left = moment.files, possible[verdict.state]
        self._go_on(life, changes[points[-1] :], left)

    def _judge(self, moment: Moment, possible: Sequence[State], life: Life) -> Verdict:
        with tempfile.TemporaryDirectory(prefix="power-") as name:
            folder = Path(name, "journal")
            lay_out(folder, moment.files)
            again = None if len(self.verdicts) % 4 else Path(name, "again")
            verdict = asyncio.run(judge(folder, possible, life.rows, again=again))
        place = f"seed {self._seed}, state {len(self.verdicts)}"
        if verdict.faults and self._keep is not None:
            _lay_out_anew(self._keep / place.replace(", ", "-").replace(" ", "-"), moment.files)
        verdict.faults = [
            f"{place}, after change {moment.at} and commit {moment.acknowledged}: {fault}"
            for fault in verdict.faults
        ]
        self.verdicts.append(verdict)
        return verdict

    def _go_on(
        self,
        life: Life,
        rest: Sequence[_trace.Change],
        left: tuple[Mapping[str, bytes], State] | None,
    ) -> None:
        """Have the next process begin with the end of this one, or with a loss of power."""
        if left is not None and self._chance.random() < 0.6:
            files, self._state = left
            self._disk = LossyDisk(files)
            return
        for change in rest:
            self._disk.make(change)
        self._state = life.states[-1]


def _lay_out_anew(folder: Path, files: Mapping[str, bytes]) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.parent.mkdir(parents=True, exist_ok=True)
    lay_out(folder, files)


def shares(count: int, parts: int) -> list[int]:
    """Return ``count`` in so many parts, as equal as can be."""
    return [count * (part + 1) // parts - count * part // parts for part in range(parts)]


def run_all(states: int, *, seed: int, keep: Path | None = None, parallel: int = 2) -> list[str]:
    """Judge so many losses of power, print a row for each history, return the faults."""
    table = _table.Table("history", *_columns)
    parts = shares(states, max(parallel, -(-states // _states_a_history)))
    seeds = [seed * 1000 + number for number in range(len(parts))]
    verdicts: list[Verdict] = []
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(parallel, context, initializer=_bound_memory) as pool:
        for one, some in zip(seeds, pool.map(partial(_run, keep), seeds, parts), strict=True):
            table.row(f"seed {one}", *_sums(some))
            verdicts += some
    table.row("all", *_sums(verdicts))
    faults = [fault for verdict in verdicts for fault in verdict.faults]
    if sum(verdict.alarm for verdict in verdicts) * _alarms > len(verdicts):
        faults.append(f"more than one torn commit in {_alarms} was taken for damage")
    return faults


def _bound_memory() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (_most_memory, _most_memory))


def _run(keep: Path | None, seed: int, states: int) -> list[Verdict]:
    return History(seed, keep).run(states)


_columns = (
    "states",
    "opened",
    "acknowledged rows",
    "lost",
    "invented",
    "marks forgotten",
    "alarms",
)


def _sums(verdicts: Sequence[Verdict]) -> tuple[int, ...]:
    names = ("opened", "checked", "lost", "invented", "forgotten", "alarm")
    sums = (sum(int(getattr(verdict, name)) for verdict in verdicts) for name in names)
    return len(verdicts), *sums


def main(arguments: Sequence[str]) -> int:
    """Run the command; 1 when something acknowledged was lost or a rule was broken."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults power", description=__doc__)
    parser.add_argument("--states", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", type=Path, help="copy the files that break a rule there")
    given = parser.parse_args(arguments)
    if why := system_calls.why_not():
        _table.say(f"skipped, because {why}")
        return 0
    return _table.verdict_of(run_all(given.states, seed=given.seed, keep=given.keep))
