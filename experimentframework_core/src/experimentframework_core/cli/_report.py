"""`report`: exposures and outcomes of a store, by experiment and variant."""

from __future__ import annotations

import sqlite3
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path  # noqa: TC003 - typer reads the annotations
from typing import TYPE_CHECKING, Annotated

import typer

from experimentframework_core.cli._output import (
    FAILED,
    OK,
    USAGE,
    CommandError,
    JsonOption,
    console,
    print_json,
    say,
    show_table,
)
from experimentframework_core.cli._report_query import Found, Window, query
from experimentframework_core.cli._report_source import counted_in
from experimentframework_core.cli._selection import (  # noqa: TC001 - typer reads them
    SinceOption,
    SourceOption,
    UntilOption,
)
from experimentframework_core.cli._sources import source_of
from experimentframework_core.cli._times import time_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from experimentframework_core.cli._report_figures import ExperimentReport

NEEDS_EXTRA = 'The report needs its extra: pip install "experimentframework[report]"'


def report(
    store: Annotated[
        Path | None, typer.Argument(metavar="STORE", help="The SQLite file of the store.")
    ] = None,
    *,
    config: Annotated[
        Path | None,
        typer.Option("--config", "-c", help="A configuration with a backplane that can be read."),
    ] = None,
    backplane: SourceOption = None,
    experiment: Annotated[
        list[str] | None, typer.Option("--experiment", "-e", help="Only this one; repeatable.")
    ] = None,
    since: SinceOption = None,
    until: UntilOption = None,
    expect: Annotated[
        list[str] | None,
        typer.Option(
            metavar="[EXPERIMENT:]VARIANT=WEIGHT,…",
            help="The planned split, as control=50,express=50; equal shares if not given.",
        ),
    ] = None,
    as_json: JsonOption = False,
) -> int:
    """Print per experiment and variant: exposed subjects, outcomes, sample-ratio test.

    A subject counts for the variant of its first exposure; outcomes count from then on.
    Intervals are 95 %: Wilson's for rates, Student's for means.
    """
    if find_spec("scipy") is None:
        raise CommandError(NEEDS_EXTRA, exit_code=USAGE)
    now = datetime.now(UTC)
    window = Window(
        experiments=tuple(experiment or ()),
        since=time_of("--since", since, now),
        until=time_of("--until", until, now),
    )
    with _store(store, config, backplane, window) as path:
        reports = reports_of(path, window, expect or [])
    if as_json:
        print_json({"since": window.since, "until": window.until, "experiments": reports})
    else:
        print_reports(reports)
    unseen = set(window.experiments) - {each.experiment for each in reports}
    for name in sorted(unseen):
        say(f"--experiment {name}: there are no exposures of it")
    return FAILED if unseen else OK


def reports_of(path: Path, window: Window, expect: list[str]) -> list[ExperimentReport]:
    """Return the report of each experiment in the store.

    Raises:
        CommandError: The store cannot be read, or ``expect`` does not fit what is in it.
    """
    from experimentframework_core.cli._report_figures import (
        experiment_report,
    )

    if path.is_dir():
        raise CommandError(f"{path}: is a folder; name the file of a store", exit_code=USAGE)
    if not path.is_file():
        raise CommandError(f"{path}: there is no store; publish something first", exit_code=USAGE)
    try:
        found = query(path, window)
    except sqlite3.Error as error:
        raise CommandError(f"{path}: cannot be read as an embedded store: {error}") from error
    exposed = {name: each for name, each in found.items() if each.exposed}
    weights = _expectations(expect, exposed)
    return [
        experiment_report(name, each, weights.get(name)) for name, each in sorted(exposed.items())
    ]


def print_reports(reports: list[ExperimentReport]) -> None:
    """Print each report, with an empty line between."""
    from experimentframework_core.cli._report_text import as_text

    out = console()
    if not reports:
        out.print("No exposures found.")
    for place, each in enumerate(reports):
        if place:
            out.print()
        for part in as_text(each):
            if isinstance(part, str):
                out.print(part)
            else:
                show_table(part)


@contextmanager
def _store(
    store: Path | None, config: Path | None, backplane: str | None, window: Window
) -> Iterator[Path]:
    if store is not None and config is None:
        if backplane is not None:
            raise CommandError("--backplane names one of --config FILE.", exit_code=USAGE)
        yield store
    elif config is not None and store is None:
        with counted_in(source_of(config, backplane), window) as path:
            yield path
    else:
        raise CommandError("Give either a store or --config FILE.", exit_code=USAGE)


def _expectations(expect: list[str], found: Mapping[str, Found]) -> dict[str, dict[str, float]]:
    weights: dict[str, dict[str, float]] = {}
    for text in expect:
        name, _, shares = text.rpartition(":")
        if not name and len(found) > 1:
            raise _bad(text, f"say for which experiment: {next(iter(found))}:{shares}")
        name = name or next(iter(found), "")
        if name not in found:
            raise _bad(text, f"there are no exposures of experiment {name!r}")
        weights[name] = _weights(text, shares)
        if missing := found[name].exposed.keys() - weights[name].keys():
            raise _bad(text, f"give a weight for {', '.join(sorted(missing))} too")
    return weights


def _weights(text: str, shares: str) -> dict[str, float]:
    weights = {}
    for share in shares.split(","):
        variant, _, weight = share.rpartition("=")
        try:
            weights[variant.strip()] = float(weight)
        except ValueError as error:
            raise _bad(text, "write it as control=50,express=50") from error
    if not all(0 < weight < float("inf") for weight in weights.values()):
        raise _bad(text, "weights are greater than 0")
    return weights


def _bad(text: str, reason: str) -> CommandError:
    return CommandError(f"--expect {text}: {reason}", exit_code=USAGE)
