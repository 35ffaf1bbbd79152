"""What a benchmark prints: rows with both figures, their ratio, the bar and the verdict."""

from __future__ import annotations

import os
import platform
import sqlite3
import sys
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import msgspec

_packages = (
    "msgspec",
    "uuid_utils",
    "experimentframework-core",
    "aiokafka",
    "confluent-kafka",
    "launchdarkly-server-sdk",
    "opentelemetry-sdk",
    "segment-analytics-python",
    "posthog",
)
_header = ("what", "ours", "beside", "its figure", "ratio", "bar", "verdict")


class Bar(msgspec.Struct, frozen=True):
    """A limit: on the ratio, or on our own figure."""

    text: str
    limit: float
    on: str = "ours"
    at_least: bool = False

    def met(self, ours: float, ratio: float | None) -> bool | None:
        """Say whether it is reached; None where there is no ratio to judge."""
        value = ours if self.on == "ours" else ratio
        if value is None:
            return None
        return value >= self.limit if self.at_least else value <= self.limit


class Row(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One line of a report."""

    what: str
    unit: str
    ours: float
    beside: str | None = None
    other: float | None = None
    ratio: float | None = None
    bar: str | None = None
    passed: bool | None = None


class Report(msgspec.Struct, kw_only=True):
    """The outcome of one benchmark."""

    benchmark: str
    rows: list[Row] = []
    notes: list[str] = []
    skipped: list[str] = []

    def add(
        self,
        what: str,
        unit: str,
        ours: float,
        *,
        beside: str | None = None,
        other: float | None = None,
        ratio: float | None = None,
        bar: Bar | None = None,
    ) -> None:
        """Append a row; the ratio is ours over the other's unless it is given."""
        if ratio is None and other:
            ratio = ours / other
        self.rows.append(
            Row(
                what=what,
                unit=unit,
                ours=ours,
                beside=beside,
                other=other,
                ratio=ratio,
                bar=bar.text if bar else None,
                passed=bar.met(ours, ratio) if bar else None,
            )
        )


def machine() -> dict[str, str]:
    """Return what the figures depend on: processor, system and versions."""
    facts = {
        "date": datetime.now(UTC).date().isoformat(),
        "processor": _processor(),
        "cores": str(os.cpu_count()),
        "load": " ".join(f"{load:.2f}" for load in os.getloadavg()),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "python": sys.version.split()[0],
        "sqlite": sqlite3.sqlite_version,
    }
    for package in _packages:
        try:
            facts[package] = version(package)
        except PackageNotFoundError:
            facts[package] = "not installed"
    return facts


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or "unknown"
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else "unknown"


def as_text(report: Report) -> str:
    """Return the report as an aligned table with its notes and what was skipped."""
    cells = [_header, *(_cells(row) for row in report.rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(_header))]
    lines = [f"== {report.benchmark}"]
    lines += [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in cells
    ]
    lines += [f"note: {note}" for note in report.notes]
    lines += [f"skipped: {reason}" for reason in report.skipped]
    return "\n".join(lines)


def _cells(row: Row) -> tuple[str, ...]:
    verdict = "" if row.passed is None else ("pass" if row.passed else "MISS")
    return (
        row.what,
        _figure(row.ours, row.unit),
        row.beside or "",
        "" if row.other is None else _figure(row.other, row.unit),
        "" if row.ratio is None else _ratio(row.ratio),
        row.bar or "",
        verdict,
    )


def _ratio(value: float) -> str:
    """Return it with three digits near one, where limits may be a few hundredths."""
    return f"{value:.3f}" if abs(value - 1) < 0.1 else f"{value:.2f}"


def _figure(value: float, unit: str) -> str:
    digits = 2 if abs(value) < 100 and unit not in {"ns", "B"} else 0
    return f"{value:,.{digits}f} {unit}"
