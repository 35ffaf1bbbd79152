"""Prints figures as a table, as they come."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def say(text: str = "") -> None:
    """Print a line now."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


class Table:
    """Rows under a heading; a column is as wide as its name, or as was asked for."""

    def __init__(self, *columns: str, first: int = 24) -> None:
        """Print the heading."""
        self._widths = [first, *(max(8, len(column)) for column in columns[1:])]
        self.row(*columns)

    def row(self, *cells: object) -> None:
        """Print a row: text to the left, figures to the right."""
        say("  ".join(_cell(cell, width) for cell, width in zip(cells, self._widths, strict=True)))


def _cell(value: object, width: int) -> str:
    if isinstance(value, float):
        return f"{value:,.2f}".rjust(width)
    if isinstance(value, int):
        return f"{value:,}".rjust(width)
    return str(value).ljust(width)


def verdict_of(faults: Sequence[str]) -> int:
    """Print what is against the rules; return the exit code."""
    for fault in faults:
        say(f"FAULT: {fault}")
    say("failed" if faults else "passed")
    return 1 if faults else 0
