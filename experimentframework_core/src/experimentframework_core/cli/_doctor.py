"""`doctor`: does everything that a configuration names answer, here and now?"""

from __future__ import annotations

import asyncio
import platform
import sqlite3
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

from experimentframework_core.cli._configuration import read
from experimentframework_core.cli._doctor_buffers import buffer_checks
from experimentframework_core.cli._health import Check, backplane_checks, dead_letter_checks
from experimentframework_core.cli._output import (
    FAILED,
    OK,
    ConfigOption,
    JsonOption,
    print_json,
    show_table,
    table,
)

if TYPE_CHECKING:
    from experimentframework_core.cli._configuration import Read

WAL_FROM = (3, 51, 3)
"""The first SQLite whose write-ahead log is safe with several connections."""

_NO_EARLIER_THAN = datetime(2026, 1, 1, tzinfo=UTC)


def doctor(config: ConfigOption, *, as_json: JsonOption = False) -> int:
    """Open and ping each backplane; look at disk buffers, dead letters, the clock, versions."""
    checks = asyncio.run(_checks(read(config)))
    healthy = all(check.ok for check in checks)
    if as_json:
        print_json({"healthy": healthy, "checks": checks})
    else:
        rows = [(each.name, "ok" if each.ok else "BAD", each.found) for each in checks]
        show_table(table("Check", "State", "Found", rows=rows))
    return OK if healthy else FAILED


async def _checks(found: Read) -> list[Check]:
    options, origin = found
    return [
        Check("python", ok=True, found=platform.python_version()),
        sqlite_check(sqlite3.sqlite_version_info),
        clock_check(datetime.now(UTC)),
        metrics_check(_version_of("opentelemetry-api"), _version_of("prometheus-client")),
        *[check async for check in backplane_checks(options)],
        *buffer_checks(options),
        *[check async for check in dead_letter_checks(options, origin)],
    ]


def sqlite_check(version: tuple[int, int, int]) -> Check:
    """Say what the SQLite library's version means for stores that several processes use."""
    number = ".".join(map(str, version))
    wal = version >= WAL_FROM
    meaning = (
        "stores are written with a write-ahead log: readers never wait"
        if wal
        else f"before {'.'.join(map(str, WAL_FROM))}, so stores use a rollback journal: as safe,"
        " but readers and the writer wait for each other"
    )
    return Check("sqlite library", ok=True, found=f"{number}; {meaning}")


def metrics_check(opentelemetry: str | None, prometheus: str | None) -> Check:
    """Say which ways there are to see metrics; none is no fault."""
    ways = (
        ("opentelemetry", "opentelemetry-api", opentelemetry),
        ("prometheus", "prometheus-client", prometheus),
    )
    found = (
        f'no {package}: pip install "experimentframework[{extra}]"'
        if installed is None
        else f"{package} {installed}"
        for extra, package, installed in ways
    )
    return Check("metrics", ok=True, found="; ".join(found))


def _version_of(distribution: str) -> str | None:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return None


def clock_check(now: datetime) -> Check:
    """Say whether the clock can be right; event ids and times come from it."""
    ok = now >= _NO_EARLIER_THAN
    found = now.isoformat(timespec="seconds")
    return Check("clock", ok=ok, found=found if ok else f"{found} cannot be right; set the clock")
