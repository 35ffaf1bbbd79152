"""Shows problems: one line each, and on a terminal the source line with a caret below it."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from experimentframework_core.cli._output import console, printable, say_out

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.text import Text

    from experimentframework_core.config import Excerpt, Excerpts, Problem

_COLOURS = {"error": "bold red", "warning": "bold yellow", "information": "bold cyan"}
_FAINT = "dim"


def show_problems(problems: Sequence[Problem], excerpts: Excerpts) -> None:
    """Print ``problems`` to stdout; their source lines only where somebody looks at them."""
    if not sys.stdout.isatty() and "FORCE_COLOR" not in os.environ:
        for problem in problems:
            say_out(str(problem))
        return
    out = console()
    for problem in problems:
        out.print(_headline(problem), soft_wrap=True)
        excerpt = excerpts.of(problem)
        if excerpt is not None and problem.line is not None:
            out.print(_source(excerpt, problem.line), soft_wrap=True)


def _headline(problem: Problem) -> Text:
    from rich.text import Text

    place = ":".join(str(p) for p in (problem.file, problem.line, problem.column) if p is not None)
    line = Text()
    if place:
        line.append(f"{printable(place)}: ", style="bold")
    line.append(problem.severity, style=_COLOURS[problem.severity])
    said = ": ".join(part for part in (problem.path, problem.message) if part)
    return line.append(f": {printable(said)}")


def _source(excerpt: Excerpt, number: int) -> Text:
    from rich.cells import cell_len
    from rich.text import Text

    before = printable(excerpt.text[: excerpt.caret].replace("\t", " "))
    line = before + printable(excerpt.text[excerpt.caret :].replace("\t", " "))
    margin = f"{number:>5} | "
    shown = Text(margin, style=_FAINT).append(line, style="not dim")
    shown.append(f"\n{' ' * (len(margin) - 2)}| ", style=_FAINT)
    return shown.append(f"{' ' * cell_len(before)}^", style="bold not dim")
