"""Each benchmark runs in its quick form and prints its rows. Nothing here looks at a time."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.benchmarks._report import Bar, Report, as_text
from tests.peers import sqlserver_choice
from tests.peers.proton import why_missing
from tests.peers.require import require

_root = Path(__file__).parents[2]
_rows = {
    "publish": (
        "p50 of a call",
        "p99 at 5,000/s",
        "p50, sampling + 1 field + span",
        "p50, the same + metrics",
    ),
    "expose": ("p50 of expose", "p50 of a decorated handler", "RSS per remembered exposure"),
    "memory": ("RSS per queued event", "slowest publish, wall clock"),
    "drain": ("events/s with 1,000 queued", "cost of an event with 10,000 queued"),
    "durable": ("durable ack p50 at 500/s", "loop lag p99 added at 20,000/s"),
    "disk": ("events/s with 1,000 on disk", "p50 of a call, accepted"),
    "sqlite": ("from publish to the disk, 2,000", "average over 50,000"),
    "export": ("to Parquet, 2,000", "to NDJSON, 2,000", "most memory, NDJSON, 10,000"),
    "kafka": (
        "CPU per event, none, 1 partition, 5,000 keys",
        "events/s, none, 6 partitions, no key twice",
        "loop lag p99, zstd, 6 partitions, 5,000 keys, + 5 ms",
    ),
    "sqlserver": ("events/s of 100, ours", "loop lag, the worst meanwhile"),
    "servicebus": (
        "events/s, 100 at a time",
        "building a message",
        "events/s, 4 lanes, no sessions, + 20 ms",
    ),
    "tail": ("p50 of a call", "loop lag p99"),
    "replay": ("sqlite to sqlite, 2,000", "sqlite to kafka, 2,000", "RSS of 4,000"),
    "config": (
        "start of validate",
        "import of the package, over bare Python",
        "YAML, a configuration of 2,000 lines",
    ),
    "web": ("memory buffer, sqlite", "memory buffer, no-op destination: again without"),
    "peers": ("p50 of a call, held", "mean of a call, live"),
    "loss": (
        "lost: an outage",
        "lost: kill -9, 0.2 s later",
        "lost: kill -9 at once after a burst",
    ),
}


@pytest.mark.parametrize("benchmark", _rows)
def test_a_benchmark_runs_and_prints_its_rows(benchmark: str) -> None:
    """Given a checkout, when a benchmark runs in its quick form, then its rows are there."""
    if benchmark in {"kafka", "replay"}:
        require(
            "kafka", missing=None if shutil.which("java") else "no java in PATH to run a broker"
        )
    if benchmark == "servicebus":
        require("proton", missing=why_missing())
    if benchmark == "sqlserver":
        named = os.environ.get(sqlserver_choice.variable)
        missing = None if named else f"{sqlserver_choice.variable} names no engine to measure on"
        require("sqlserver", missing=missing)
    command = [sys.executable, "-m", "tests.benchmarks", benchmark, "--quick", "--json"]

    done = subprocess.run(command, cwd=_root, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    (report,) = json.loads(done.stdout)["reports"]
    assert report["benchmark"] == benchmark
    assert set(_rows[benchmark]) <= {row["what"] for row in report["rows"]}
    lost = [note for note in report["notes"] if note.startswith("events lost")]
    assert all(": 0" in note for note in lost)


def test_a_row_shows_both_figures_the_ratio_the_bar_and_the_verdict() -> None:
    """Given a row within its bar and one beyond, when printed, then each says so."""
    report = Report(benchmark="shown")
    report.add("a call", "ns", 1_500, beside="floor", other=1_000, bar=Bar("x <= 2", 2, on="ratio"))
    report.add("a call", "ns", 1_500, bar=Bar("<= 1,000 ns", 1_000))

    _, _, within, beyond = as_text(report).splitlines()

    assert " ".join(within.split()) == "a call 1,500 ns floor 1,000 ns 1.50 x <= 2 pass"
    assert beyond.endswith("MISS")


def test_a_bar_on_a_ratio_judges_nothing_without_one() -> None:
    """Given a bar on a ratio, when there is no other side, then there is no verdict."""
    bar = Bar("ratio <= 2", 2, on="ratio")

    verdict = bar.met(1_000, None)

    assert verdict is None
