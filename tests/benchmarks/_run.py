"""Runs the sides of a benchmark in fresh processes, in turn, and takes medians."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from statistics import median
from typing import Any

import msgspec

_root = Path(__file__).parents[2]
_time_limit = 900.0

Figures = dict[str, float]


class Side(msgspec.Struct, frozen=True):
    """One side: a coroutine function of this package and what it is called with."""

    module: str
    function: str
    parameters: dict[str, Any] = {}

    def run(self) -> Figures:
        """Return the figures that the side gives in a process of its own.

        Raises:
            SideFailedError: The process ended with an error.
        """
        done = subprocess.run(
            [
                sys.executable,
                "-m",
                "tests.benchmarks._child",
                self.module,
                self.function,
                json.dumps(self.parameters),
            ],
            cwd=_root,
            capture_output=True,
            text=True,
            timeout=_time_limit,
            check=False,
        )
        if done.returncode:
            raise SideFailedError(f"{self.module}.{self.function}", done.stderr)
        figures: Figures = json.loads(done.stdout.splitlines()[-1])
        return figures


class SideFailedError(Exception):
    """A side's process ended with an error, which the message carries."""

    def __init__(self, side: str, output: str) -> None:
        super().__init__(f"{side} failed:\n{output}")


class NothingToMeasureError(Exception):
    """What a benchmark measures is not there; the message says what to do."""


class Rounds(msgspec.Struct, frozen=True):
    """The figures of all sides, a dict for each round."""

    rounds: list[dict[str, Figures]]

    def median(self, side: str, figure: str) -> float:
        """Return the median of one figure over the rounds."""
        return median(sides[side][figure] for sides in self.rounds)

    def ratio(self, side: str, other: str, figure: str, other_figure: str | None = None) -> float:
        """Return the median over the rounds of one side's figure over the other's."""
        return median(
            sides[side][figure] / sides[other][other_figure or figure] for sides in self.rounds
        )


def alternate(sides: dict[str, Side], rounds: int) -> Rounds:
    """Run every side once a round, in the opposite order every second round."""
    results: list[dict[str, Figures]] = []
    for number in range(rounds):
        names = list(sides) if number % 2 == 0 else list(reversed(sides))
        results.append({name: sides[name].run() for name in names})
    return Rounds(results)
