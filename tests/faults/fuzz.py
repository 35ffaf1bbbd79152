"""Damaged journals: bytes flipped, files cut, pages zeroed and swapped; then opened and read."""

from __future__ import annotations

import argparse
import asyncio
import sqlite3
import sys
import tempfile
import time
from contextlib import closing, suppress
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

import msgspec

from experimentframework_core._disk.journal import Journal, Lost, Opened, Row, Want
from experimentframework_core._disk.journal_file import checksum
from experimentframework_core.errors import JournalError
from tests.faults import _damage

if TYPE_CHECKING:
    from collections.abc import Sequence

_memory = Path("/dev/shm")  # noqa: S108 - a folder of its own is made in it
_most_turns = 200


class Report(msgspec.Struct):
    """What became of the cases.

    Attributes:
        cases: How many journals were damaged.
        opened: How many could be opened; the others said why, and their files are intact.
        damaged: In how many damage was found and reported.
        cut: In how many the log's end was cut off by damage.
        due: How many rows were to be delivered in all.
        kept: How many of them were.
        lost: How many numbers were reported as lost,
        quarantined: how many rows as put aside.
        behind: How many rows were behind the end of the journal.
        faults: What must not be.
    """

    cases: int = 0
    opened: int = 0
    damaged: int = 0
    cut: int = 0
    due: int = 0
    kept: int = 0
    lost: int = 0
    quarantined: int = 0
    behind: int = 0
    faults: list[str] = msgspec.field(default_factory=list)


class Case:
    """One damaged journal: opened, read to its end, and judged."""

    def __init__(self, folder: Path, original: _damage.Journal, files: _damage.Files) -> None:
        """Write the damaged files into a folder."""
        self._folder = folder
        self._original = original
        self._files = files
        self._lost: list[Lost] = []
        self.faults: list[str] = []
        self.rows: dict[int, Row] = {}
        folder.mkdir()
        _damage.write_files(folder, files)

    async def carry_out(self, report: Report, lanes: int) -> None:
        """Open, read everything, and add to the report what came of it."""
        plain = _readable(self._folder.with_name(f"{self._folder.name}-plain"), self._files)
        journal = Journal(self._folder)
        try:
            opened = await journal.open()
            self._note(opened.lost)
            await self._read(journal, opened, lanes)
        except JournalError:
            self._expect_untouched(plain)
            return
        finally:
            await journal.aclose()
        report.opened += 1
        self._judge(report, opened, plain)

    async def _read(self, journal: Journal, opened: Opened, lanes: int) -> None:
        after = [0] * lanes
        for _ in range(_most_turns):
            wants = [Want(n, lane, lanes, 100, 20_000) for lane, n in enumerate(after)]
            turn = await journal.turn(None, [want for want in wants if want.after < opened.last])
            self._note(turn.lost)
            if turn.error:
                self.faults.append(f"reading failed: {turn.error}")
                return
            if not turn.pages:
                return
            for page in turn.pages:
                self.rows.update((row.sequence, row) for row in page.rows)
            pages = iter(turn.pages)
            after = [next(pages).through if n < opened.last else n for n in after]
        self.faults.append(f"no end after {_most_turns} turns")

    def _note(self, lost: Lost | None) -> None:
        if lost is not None:
            self._lost.append(lost)

    def _judge(self, report: Report, opened: Opened, plain: dict[int, Row]) -> None:
        truth, due = self._original.rows, self._original.due
        wrong = [n for n, row in self.rows.items() if truth.get(n) != row]
        self._expect(not wrong, f"wrong rows were delivered: {wrong[:5]}")
        dropped = [n for n in due & plain.keys() - self.rows.keys() if plain[n] == truth[n]]
        self._expect(not dropped, f"readable rows were not delivered: {sorted(dropped)[:5]}")
        missing = due - self.rows.keys()
        behind = {n for n in missing if n > opened.last}
        known = bool(self._lost or opened.cut)
        self._expect(known or missing == behind, f"lost without a word: {sorted(missing)[:5]}")
        copies = [Path(lost.copy) for lost in self._lost]
        self._expect(all(map(Path.is_dir, copies)), f"there is no copy in {copies}")
        report.damaged += bool(self._lost)
        report.cut += opened.cut
        report.due += len(due)
        report.kept += len(due & self.rows.keys())
        report.behind += len(behind)
        report.quarantined += sum(lost.quarantined for lost in self._lost)
        report.lost += sum(b - a + 1 for lost in self._lost for a, b in lost.ranges)

    def _expect_untouched(self, plain: dict[int, Row]) -> None:
        """SQLite may have moved the log into the file, so it is the rows that are looked at."""
        kept = _readable(self._folder.with_name("kept"), _damage.read_files(self._folder))
        self._expect(kept == plain, "it was not opened, and is not as it was")

    def _expect(self, holds: object, fault: str) -> None:
        if not holds:
            self.faults.append(fault)


def _readable(folder: Path, files: _damage.Files) -> dict[int, Row]:
    """Return the rows that SQLite alone reads from the start on, until it meets damage."""
    folder.mkdir()
    _damage.write_files(folder, files)
    rows = {}
    query = "SELECT sequence, accepted_at, slot, body, crc FROM events ORDER BY sequence"
    with closing(sqlite3.connect(folder / _damage.names[0])) as connection:
        connection.text_factory = bytes
        with suppress(sqlite3.Error, UnicodeDecodeError):
            for *values, crc in connection.execute(query):
                whole = all(isinstance(value, int) for value in values[:3])
                if whole and isinstance(values[3], bytes) and checksum(*values) == crc:
                    rows[values[0]] = Row(*values)
    return rows


async def _run(cases: int, seed: int, root: Path, only: int | None = None) -> Report:
    report = Report()
    originals = []
    for number, layout in enumerate(_damage.layouts):
        folder = root / f"original-{number}"
        folder.mkdir()
        originals.append(_damage.make(folder, layout, Random(f"{seed} {number}")))
    for number in range(cases) if only is None else (only,):
        random = Random(f"{seed} case {number}")
        original = random.choice(originals)
        with tempfile.TemporaryDirectory(dir=root) as place:
            files = _damage.damage(original.files, random)
            case = Case(Path(place) / "journal", original, files)
            await case.carry_out(report, random.choice((1, 1, 3)))
        report.cases += 1
        report.faults += [f"case {number}: {fault}" for fault in case.faults]
    return report


def run(cases: int, seed: int, only: int | None = None) -> Report:
    """Damage that many journals, or only the one of that number; the same seed does the same."""
    folder = _memory if _memory.is_dir() else None
    with tempfile.TemporaryDirectory(prefix="journals-", dir=folder) as root:
        return asyncio.run(_run(cases, seed, Path(root), only))


def main(arguments: Sequence[str]) -> int:
    """Print what became of the cases; 1 if something is not as it must be."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults fuzz", description=__doc__)
    parser.add_argument("--cases", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", type=int, help="the number of the one case to run again")
    given = parser.parse_args(arguments)
    started = time.monotonic()
    report = run(given.cases, given.seed, given.only)
    took = (time.monotonic() - started) / max(report.cases, 1)
    facts = {name: value for name, value in msgspec.to_builtins(report).items() if name != "faults"}
    lines = [f"{name:<12}{value:>9}" for name, value in facts.items()]
    sys.stdout.write("\n".join([*lines, f"{took * 1000:.1f} ms a case", *report.faults, ""]))
    return bool(report.faults)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
