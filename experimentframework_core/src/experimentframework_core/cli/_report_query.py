"""Counts and sums of an embedded store, by SQL inside SQLite: memory stays bounded."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from experimentframework_core._sqlite.database import microseconds
from experimentframework_core.backplanes.sqlite import check_store
from experimentframework_core.cli import _report_sql as sql

if TYPE_CHECKING:
    from pathlib import Path

_BUSY_TIMEOUT = 30.0
_END_OF_TIME = 2**63 - 1


class Window(msgspec.Struct, frozen=True, kw_only=True):
    """Which events count.

    Attributes:
        experiments: Experiment names; empty for all.
        since: The first time, inclusive.
        until: The last time, exclusive.
    """

    experiments: tuple[str, ...] = ()
    since: datetime | None = None
    until: datetime | None = None


class Sums(msgspec.Struct, frozen=True):
    """One outcome of the subjects of one variant.

    Attributes:
        subjects: Subjects with at least one such outcome.
        positives: Subjects with one that is not zero.
        total: The sum of all values.
        total_squares: Squared deviations of the subjects' totals from their mean per exposed
            subject; subjects without an outcome count zero.
        mean: The mean over ``subjects`` of each one's own mean.
        mean_squares: Squared deviations of the subjects' means from ``mean``.
    """

    subjects: int = 0
    positives: int = 0
    total: float = 0.0
    total_squares: float = 0.0
    mean: float = 0.0
    mean_squares: float = 0.0


class Found(msgspec.Struct):
    """What a store holds of one experiment.

    Attributes:
        exposed: Distinct subjects of each variant, by the subject's first exposure.
        crossovers: Subjects that were exposed to more than one variant.
        outcomes: By outcome name and type, then by variant.
        left_out: Outcomes of subjects never exposed, or from before the first exposure.
    """

    exposed: dict[str, int] = msgspec.field(default_factory=dict)
    crossovers: int = 0
    outcomes: dict[tuple[str, str], dict[str, Sums]] = msgspec.field(default_factory=dict)
    left_out: int = 0


def query(path: Path, window: Window) -> dict[str, Found]:
    """Return what the store at ``path`` holds, by experiment name.

    Raises:
        sqlite3.Error: It cannot be read.
        UnavailableError: It is no such store, or of another version.
    """
    # Not opened with mode=ro: after a crash the first to open the file must roll back.
    address = f"{path.absolute().as_uri()}?mode=rw"
    with closing(sqlite3.connect(address, uri=True, timeout=_BUSY_TIMEOUT)) as store:
        check_store(store, path)
        _collect(store, window)
        return _read(store)


def _collect(store: sqlite3.Connection, window: Window) -> None:
    store.execute("PRAGMA temp_store = FILE")
    chosen = {
        "experiments": json.dumps(window.experiments),
        "since": 0 if window.since is None else microseconds(window.since),
        "until": _END_OF_TIME if window.until is None else microseconds(window.until),
    }
    for statement in (sql.FIRST_EXPOSURES, sql.RESULTS):
        store.execute(statement.create)
        store.execute(statement.fill, chosen)


def _read(store: sqlite3.Connection) -> dict[str, Found]:
    found: dict[str, Found] = {}
    for experiment, variant, subjects, crossovers in store.execute(sql.EXPOSED):
        of = found.setdefault(experiment, Found())
        of.exposed[variant] = subjects
        of.crossovers += crossovers
    for experiment, left_out in store.execute(sql.LEFT_OUT):
        if experiment in found:
            found[experiment].left_out = left_out
    for experiment, name, kind, variant, *sums in store.execute(sql.SUMS):
        found[experiment].outcomes.setdefault((name, kind), {})[variant] = Sums(*sums)
    return found
