"""`demo`: a whole experiment, from its events to its report, in a few seconds."""

from __future__ import annotations

import asyncio
import tempfile
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from experimentframework_core._letters.origin import coming_from
from experimentframework_core.cli._configuration import blocking, read
from experimentframework_core.cli._demo_events import EXPERIMENT, SUBJECTS, events
from experimentframework_core.cli._output import (
    FAILED,
    OK,
    USAGE,
    CommandError,
    JsonOption,
    console,
    count,
    print_json,
)
from experimentframework_core.cli._report import NEEDS_EXTRA, print_reports, reports_of
from experimentframework_core.cli._report_query import Window
from experimentframework_core.cli._summary import Counts, Summary
from experimentframework_core.events import utc_now
from experimentframework_core.plane import DataPlane

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console

CONFIGURATION = """\
experimentFramework:
  dataPlane:
    backplane:
      type: sqlite
      options:
        path: {store}
"""


def demo(
    *,
    keep: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Keep configuration and store there.")
    ] = None,
    as_json: JsonOption = False,
) -> int:
    """Publish an experiment of 2,000 subjects into an embedded store and report on it.

    Without --keep everything is in a temporary folder and gone afterwards.
    """
    with _folder(keep) as folder:
        config, store = folder / "experiments.yaml", folder / "events.db"
        config.write_text(CONFIGURATION.format(store=_quoted(store)), encoding="utf-8")
        out = console()
        if not as_json:
            _introduce(out, config)
        summary = asyncio.run(_publish(config))
        if as_json:
            print_json({"publish": summary.as_document(), "experiments": _reports(store)})
        else:
            _conclude(out, summary, store)
            _say_what_is_next(out, config if keep else None)
    return OK if summary.ok else FAILED


@contextmanager
def _folder(keep: Path | None) -> Iterator[Path]:
    if keep is None:
        with tempfile.TemporaryDirectory(prefix="experimentframework-demo-") as folder:
            yield Path(folder)
        return
    if keep.exists() and (not keep.is_dir() or any(keep.iterdir())):
        raise CommandError(f"{keep}: is not an empty folder; name another", exit_code=USAGE)
    try:
        keep.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CommandError(f"{keep}: {error.strerror}", exit_code=USAGE) from error
    yield keep.absolute()


async def _publish(config: Path) -> Summary:
    options, origin = read(config)
    with coming_from(origin):
        plane = DataPlane(blocking(options))
    made = events(utc_now())
    async with plane:
        for event in made:
            await plane.publish(event, ack="accepted")
    return Summary(Counts(lines=len(made)), plane.statistics())


def _reports(store: Path) -> list[object]:
    return [*reports_of(store, Window(), [])] if find_spec("scipy") else []


def _introduce(out: Console, config: Path) -> None:
    out.print(f"The configuration, {config}:", soft_wrap=True)
    out.print()
    out.print(config.read_text(encoding="utf-8"), soft_wrap=True)
    out.print(f"Publishing two weeks of the experiment {EXPERIMENT!r}, {SUBJECTS:,} subjects …")


def _conclude(out: Console, summary: Summary, store: Path) -> None:
    accepted = count(summary.statistics.accepted, "event")
    delivered = sum(each.delivered for each in summary.statistics.backplanes.values())
    out.print(f"{accepted} accepted, {delivered:,} delivered. Read back from {store.name}:")
    out.print()
    if find_spec("scipy"):
        print_reports(reports_of(store, Window(), []))
    else:
        out.print(NEEDS_EXTRA)
    out.print()


def _say_what_is_next(out: Console, kept: Path | None) -> None:
    if kept is None:
        out.print("Keep configuration and store:  experimentframework demo --keep demo")
        out.print("Then publish your own events:  ", end="")
        kept = Path("demo/experiments.yaml")
    else:
        out.print(
            f"See it again:             experimentframework report --config {kept}", soft_wrap=True
        )
        out.print("Publish your own events:  ", end="")
    out.print(f"experimentframework publish --config {kept} EVENTS.ndjson", soft_wrap=True)


def _quoted(path: Path) -> str:
    return "'" + str(path).replace("'", "''") + "'"
