"""Damaged configurations: ``python -m tests.core.config.fuzz --cases 5000 --seed 1``.

Whatever is done to a file, it is loaded, or refused with problems that say where, and soon.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from experimentframework_core.config import load_text, read_configuration
from experimentframework_core.errors import ConfigurationError
from experimentframework_core.plugins import find_plugin
from tests.core.config._fuzz_bases import bases
from tests.core.config._fuzz_damage import DAMAGES

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from experimentframework_core.config import Problem

LONGEST_MS = 200.0
SMALL = 64 * 1024
LONGEST_MS_OF_LARGE = 1000.0
_PLACED = ("byte offset", "too large", "cannot be read")
_MOST_FILES = 3


class Case(NamedTuple):
    """One damaged configuration.

    Attributes:
        seed: What makes it again.
        kinds: How each of its files was damaged.
        files: The name and content of each file; a single one is loaded as a text.
    """

    seed: str
    kinds: tuple[str, ...]
    files: tuple[tuple[str, bytes], ...]


class Report(msgspec.Struct):
    """What became of the cases.

    Attributes:
        refused: How many were refused, by the first file's damage,
        accepted: and how many were loaded.
        problems: How many problems were said in all.
        slowest: The longest time of a case of at most 64 KiB, or too large to be read,
        slowest_large: and of any other; each in milliseconds, with the case.
        faults: What must not be.
    """

    refused: Counter[str] = msgspec.field(default_factory=Counter)
    accepted: Counter[str] = msgspec.field(default_factory=Counter)
    problems: int = 0
    slowest: tuple[float, str] = (0.0, "")
    slowest_large: tuple[float, str] = (0.0, "")
    faults: list[str] = msgspec.field(default_factory=list)


def cases(count: int, seed: int) -> Iterator[Case]:
    """Yield damaged configurations, one in ten of several files."""
    known = bases()
    for number in range(count):
        rng = Random(f"{seed}:{number}")
        several = rng.random() < 0.1
        chosen = [rng.choice(known) for _ in range(rng.randint(2, _MOST_FILES) if several else 1)]
        damages = [rng.choice(DAMAGES) for _ in chosen]
        names = [
            f"{index}-{base.name}" if several else base.name for index, base in enumerate(chosen)
        ]
        contents = [damage(base, rng) for damage, base in zip(damages, chosen, strict=True)]
        kinds = tuple(damage.__name__ for damage in damages)
        yield Case(f"{seed}:{number}", kinds, tuple(zip(names, contents, strict=True)))


def run(count: int, seed: int, folder: Path, *, timed: bool = False) -> Report:
    """Load every case and judge what is said.

    Args:
        count: How many cases.
        seed: The same seed makes the same cases.
        folder: Where files may be written.
        timed: Whether a case that takes too long is a fault.
    """
    report = Report()
    for case in cases(count, seed):
        _write(case, folder)
        took, problems = _timed(case, folder)
        if timed and took > LONGEST_MS:
            took = min(took, *(_timed(case, folder)[0] for _ in range(2)))
        large = _is_large(case, problems)
        said = (took, f"case {case.seed}: {', '.join(case.kinds)}")
        if large:
            report.slowest_large = max(report.slowest_large, said)
        else:
            report.slowest = max(report.slowest, said)
        if timed and took > (LONGEST_MS_OF_LARGE if large else LONGEST_MS):
            report.faults.append(f"{case.seed} {case.kinds}: {took:.0f} ms")
        refused = any(problem.severity == "error" for problem in problems)
        (report.refused if refused else report.accepted)[case.kinds[0]] += 1
        report.problems += len(problems)
        report.faults += [f"{case.seed} {case.kinds}: {said}" for said in _faults(problems)]
    return report


def _is_large(case: Case, problems: Sequence[Problem]) -> bool:
    """Tell whether a case is larger than people's files, and was read all the same."""
    refused = any("too large" in problem.message for problem in problems)
    return not refused and sum(len(content) for _, content in case.files) > SMALL


def _write(case: Case, folder: Path) -> None:
    for name, content in case.files if len(case.files) > 1 else ():
        (folder / name).write_bytes(content)


def _timed(case: Case, folder: Path) -> tuple[float, Sequence[Problem]]:
    begin = time.perf_counter()
    problems = _problems(case, folder)
    return (time.perf_counter() - begin) * 1000, problems


def _problems(case: Case, folder: Path) -> Sequence[Problem]:
    if len(case.files) > 1:
        paths = [folder / name for name, _ in case.files]
        return read_configuration(paths, find_plugin).problems
    ((name, content),) = case.files
    try:
        load_text(content, name=name, find_plugin=find_plugin)
    except ConfigurationError as error:
        return error.problems
    return ()


def _faults(problems: Sequence[Problem]) -> Iterator[str]:
    """Yield what is wrong with problems: no place, or more than one line."""
    for problem in problems:
        if not str(problem).isprintable():
            yield f"not on one line: {str(problem)!r}"
        if problem.line is None and not any(said in problem.message for said in _PLACED):
            yield f"without a place: {problem}"


def main() -> int:
    """Run as many cases as asked for, print what became of them; 1 where a rule is broken."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=5000)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        report = run(asked.cases, asked.seed, Path(folder), timed=True)
    lines = [f"{'damage':<20}{'refused':>10}{'accepted':>10}"]
    lines += [
        f"{damage.__name__:<20}{report.refused[damage.__name__]:>10,}"
        f"{report.accepted[damage.__name__]:>10,}"
        for damage in DAMAGES
    ]
    lines += [f"{'in all':<20}{report.refused.total():>10,}{report.accepted.total():>10,}"]
    lines += [f"{report.problems:,} problems"]
    lines += ["slowest: {:.0f} ms ({})".format(*report.slowest)]
    lines += ["slowest of more than 64 KiB: {:.0f} ms ({})".format(*report.slowest_large)]
    lines += [f"FAULT {fault}" for fault in report.faults]
    sys.stdout.write("\n".join(lines) + "\n")
    return 1 if report.faults else 0


if __name__ == "__main__":
    sys.exit(main())
