"""What a journal is given to write, drawn from a seed, and what it holds after each commit."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import msgspec

from experimentframework_core._disk.journal import Commit, Row
from experimentframework_core._disk.settled import Settled

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from random import Random

_most_unsettled = 1500
_bodies = ((100, 600),) * 30 + ((2_000, 20_000),) * 6 + ((200_000, 256_000),)
_rows = ((0, 0), (1, 1), (1, 1), (1, 1), (2, 20), (2, 20), (2, 20), (50, 200))
_large = (3_000_000, 3_000_000, 9_000_000)
"""More bytes than SQLite's cache holds, so pages go into the log before the commit; more than
``journal_size_limit``, so the log is truncated later."""


class State(NamedTuple):
    """What is in a journal after a commit.

    Attributes:
        last: Its highest sequence number.
        size: The length of all unsettled bodies.
        below: Every smaller number is settled.
        blocks: Settled numbers above it.
        unsettled: The numbers that are not settled.
        rows: The rows that were not trimmed.
    """

    last: int = 0
    size: int = 0
    below: int = 1
    blocks: Mapping[int, bytes] = {}
    unsettled: frozenset[int] = frozenset()
    rows: Mapping[int, Row] = {}


class Life(NamedTuple):
    """What one process writes.

    Attributes:
        commits: Its commits.
        states: What the journal held before the first of them, and after each.
        ends: ``close``, or ``kill``, which leaves the log.
    """

    commits: list[Commit]
    states: list[State]
    ends: str

    @property
    def rows(self) -> dict[int, Row]:
        """Every row that was ever in the journal meanwhile."""
        written = dict(self.states[0].rows)
        for commit in self.commits:
            written.update((row.sequence, row) for row in commit.rows)
        return written


def plan_life(state: State, chance: Random, *, commits: int, ends: str) -> Life:
    """Return what a process writes into a journal that is in that state."""
    writer = _Writer(state, chance)
    given, states = [], [state]
    large = {chance.randrange(commits): chance.choice(_large)}
    for number in range(commits):
        commit, state = writer.write(at_least=large.get(number, 0))
        given.append(commit)
        states.append(state)
    return Life(given, states, ends)


def write_commits(life: Life) -> bytes:
    """Return the commits for `read_commits`."""
    return msgspec.msgpack.encode(life.commits)


def read_commits(encoded: bytes) -> list[Commit]:
    """Return the commits that `write_commits` was given."""
    return msgspec.msgpack.decode(encoded, type=list[Commit])


def unsettled_of(settled: Settled, last: int) -> frozenset[int]:
    """Return the numbers up to ``last`` that are not settled."""
    return frozenset(n for n in range(settled.below, last + 1) if n not in settled)


class _Writer:
    def __init__(self, state: State, chance: Random) -> None:
        self._chance = chance
        self._last = state.last
        self._settled = Settled(state.below, state.blocks)
        self._rows = dict(state.rows)

    def write(self, *, at_least: int) -> tuple[Commit, State]:
        rows = [*self._new_rows(at_least)]
        self._settle()
        trim = self._trim()
        unsettled = unsettled_of(self._settled, self._last)
        state = State(
            last=self._last,
            size=sum(len(self._rows[n].body) for n in unsettled),
            below=self._settled.below,
            blocks=self._settled.blocks(),
            unsettled=unsettled,
            rows=dict(self._rows),
        )
        changed = self._settled.changes()
        self._settled.changes_saved()
        return Commit(rows, state.last, state.size, state.below, changed, trim), state

    def _new_rows(self, at_least: int) -> Iterator[Row]:
        chance = self._chance
        if chance.random() < 0.1:
            self._pass_over(chance.choice((1, 30, 3000)))
        written, count = 0, chance.randint(*chance.choice(_rows))
        while count > 0 or written < at_least:
            count -= 1
            self._last += 1
            body = self._body(self._last)
            row = Row(self._last, 1_700_000_000_000 + self._last, chance.getrandbits(32), body)
            written += len(row.body)
            self._rows[row.sequence] = row
            yield row

    def _pass_over(self, count: int) -> None:
        """Skip numbers, as of events that were delivered before they were written."""
        self._settled.add_range(self._last + 1, self._last + count)
        self._last += count

    def _body(self, sequence: int) -> bytes:
        size = self._chance.randint(*self._chance.choice(_bodies))
        head = f'{{"sequence":{sequence},"text":"é'.encode()
        return head + self._chance.randbytes(size // 2).hex().encode() + b'"}'

    def _settle(self) -> None:
        """Settle the oldest, and some out of order."""
        unsettled = sorted(unsettled_of(self._settled, self._last))
        over = max(0, len(unsettled) - _most_unsettled)
        first = unsettled[: over + self._chance.randrange(1 + len(unsettled) // 3)]
        others = [n for n in unsettled if self._chance.random() < 0.1]
        for number in (*first, *others) if self._chance.random() < 0.7 else ():
            self._settled.add(number)

    def _trim(self) -> list[tuple[int, int]]:
        if self._chance.random() < 0.6:
            return []
        kept = unsettled_of(self._settled, self._last)
        ranges: list[tuple[int, int]] = []
        start = 1
        for number in (*sorted(kept), self._last + 1):
            if any(n in self._rows for n in range(start, number)):
                ranges.append((start, number - 1))
            start = number + 1
        self._rows = {n: row for n, row in self._rows.items() if n in kept}
        return ranges
