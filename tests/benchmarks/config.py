"""What a configuration costs: the start of `validate`, and the check of a long file."""

from __future__ import annotations

import json
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import TYPE_CHECKING, Any

from tests.benchmarks._report import Bar, Report
from tests.benchmarks._run import Figures, Side, SideFailedError, alternate

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_small = "dataPlane:\n  backplane: {type: sqlite, options: {path: ./events.db}}\n"
_typer = """
import typer
app = typer.Typer()
app.callback()(lambda: None)
@app.command()
def validate(path: str): pass
app(["validate", "experiments.yaml"])
"""


def _destination(number: int) -> dict[str, Any]:
    return {
        "name": f"store-{number}",
        "type": "sqlite",
        "batchSize": 100 + number,
        "flushIntervalMs": "250ms",
        "events": ["exposure", "outcome"],
        "retry": {"initialDelayMs": "100ms", "maxDelayMs": "10s"},
        "options": {"path": f"./events-{number}.db", "retentionDays": 30},
    }


def _yaml(lines: int) -> str:
    """Return a configuration of so many lines: one value a line, as people write it."""
    text = "dataPlane:\n  backplane:\n    type: composite\n    backplanes:\n"
    for number in range((lines - 4) // 13):
        node = _destination(number)
        text += f"    - name: {node['name']}\n      type: {node['type']}\n"
        text += f"      batchSize: {node['batchSize']} # so many\n      flushIntervalMs: 250ms\n"
        text += "      events:\n        - exposure\n        - outcome\n"
        text += "      retry:\n        initialDelayMs: 100ms\n        maxDelayMs: 10s\n"
        text += f"      options:\n        path: {node['options']['path']}\n"
        text += "        retentionDays: 30\n"
    return text


def _json(lines: int) -> str:
    nodes = [_destination(number) for number in range((lines - 4) // 13)]
    backplane = {"type": "composite", "backplanes": nodes}
    return json.dumps({"dataPlane": {"backplane": backplane}}, indent=2)


async def load(*, kind: str, lines: int) -> Figures:
    """Time the first loading of a long text in this process, in ms."""
    from experimentframework_core.config import load_text
    from experimentframework_core.plugins import find_plugin

    text = (_json if kind == "json" else _yaml)(lines)
    started = perf_counter()
    load_text(text, name=f"experiments.{kind}", find_plugin=find_plugin)
    return {"ms": (perf_counter() - started) * 1000}


def _starts(commands: Mapping[str, Sequence[str]], times: int) -> dict[str, float]:
    """Return the median of each command's time to its end, in ms; they run in turn."""
    taken: dict[str, list[float]] = {name: [] for name in commands}
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "experiments.yaml").write_text(_small)
        for _ in range(times + 1):  # the first fills the caches
            for name, command in commands.items():
                started = perf_counter()
                done = subprocess.run(
                    command, cwd=folder, capture_output=True, text=True, check=False
                )
                taken[name].append((perf_counter() - started) * 1000)
                if done.returncode:
                    raise SideFailedError(name, done.stderr)
    return {name: median(each[1:]) for name, each in taken.items()}


def run(*, quick: bool) -> Report:
    """Measure `validate` beside bare Python with Typer, and 2,000 lines of YAML and JSON."""
    times, lines, rounds = (1, 200, 1) if quick else (15, 2_000, 5)
    report = Report(benchmark="config")
    starts = _starts(
        {
            "bare Python": [sys.executable, "-c", "pass"],
            "Python and Typer": [sys.executable, "-c", _typer],
            "import": [sys.executable, "-c", "from experimentframework_core import DataPlane"],
            "validate": [f"{sysconfig.get_path('scripts')}/experimentframework", "validate"],
        },
        times,
    )
    report.add(
        "start of validate",
        "ms",
        starts["validate"],
        beside="Python and Typer",
        other=starts["Python and Typer"],
        bar=Bar("< 300 ms", 300),
    )
    report.add(
        "import of the package, over bare Python",
        "ms",
        starts["import"] - starts["bare Python"],
        beside="bare Python",
        other=starts["bare Python"],
        bar=Bar("<= 100 ms", 100),
    )
    parameters = {kind: {"kind": kind, "lines": lines} for kind in ("yaml", "json")}
    result = alternate(
        {kind: Side("config", "load", each) for kind, each in parameters.items()}, rounds
    )
    for kind in parameters:
        ms = result.median(kind, "ms")
        what = f"{kind.upper()}, a configuration of 2,000 lines"
        report.add(what, "ms", ms, bar=Bar("< 1,000 ms", 1_000))
    return report
