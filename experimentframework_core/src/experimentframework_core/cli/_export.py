"""`export`: the events of a backplane into files."""

from __future__ import annotations

import asyncio
import errno
import gc
import time
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path  # noqa: TC003 - typer reads the annotations
from typing import TYPE_CHECKING, Annotated

import typer

from experimentframework_core._export.export import Export
from experimentframework_core._export.outputs import (
    FileOutput,
    FolderOutput,
    OutputRefusedError,
    refuse_to_replace,
    temporary_name,
)
from experimentframework_core._export.partitions import KEYS, keys_of
from experimentframework_core._export.writers import FORMATS, Format
from experimentframework_core.cli._configuration import files_of
from experimentframework_core.cli._output import (
    FAILED,
    OK,
    USAGE,
    CommandError,
    ConfigOption,
    JsonOption,
    count,
    print_json,
    say,
    say_out,
)
from experimentframework_core.cli._progress import reporter, shown
from experimentframework_core.cli._selection import (
    DeadLettersOption,
    ExperimentsOption,
    OriginOption,
    SinceOption,
    SourceOption,
    SubjectsOption,
    TypesOption,
    UntilOption,
    selection_of,
)
from experimentframework_core.cli._sources import source_of
from experimentframework_core.cli._stop import BY_SIGNAL, Stop

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

NEEDS_EXTRA = 'Parquet needs its extra: pip install "experimentframework[analysis]"'

_SELDOM = 100_000


def export(  # noqa: PLR0913 - one for each option
    config: ConfigOption,
    output: Annotated[
        Path,
        typer.Option("--output", "-o", metavar="PATH", help="The file; or the folder, if parted."),
    ],
    *,
    form: Annotated[
        str | None,
        typer.Option(
            "--format",
            metavar="|".join(FORMATS),
            help="If not given, the output's name says it, as in events.parquet.",
        ),
    ] = None,
    partition_by: Annotated[
        str | None,
        typer.Option(
            metavar="KEY,…", help=f"A folder for each value of these, of {', '.join(KEYS)}."
        ),
    ] = None,
    backplane: SourceOption = None,
    dead_letters: DeadLettersOption = False,
    origins: OriginOption = None,
    types: TypesOption = None,
    experiments: ExperimentsOption = None,
    subjects: SubjectsOption = None,
    since: SinceOption = None,
    until: UntilOption = None,
    force: Annotated[bool, typer.Option("--force", help="Replace what is there.")] = False,
    as_json: JsonOption = False,
) -> int:
    """Write the events of a backplane into Parquet, NDJSON or CSV.

    The output has its name only when it is complete. What is no event is kept beside it, in
    PATH.unreadable.ndjson, and the exit code is then 1.
    """
    selection = selection_of(
        types=types, experiments=experiments, subjects=subjects, since=since, until=until
    )
    side = _side_of(output)
    target = _output(output, _format(form, output, partition_by), partition_by)
    source = source_of(config, backplane, dead_letters=dead_letters, origins=origins)
    keep = [*files_of(config), *([] if source.file is None else [source.file])]
    _check(output, target, side, force=force, keep=keep)
    run = Export(source, selection, target, side)
    started = time.monotonic()
    with _seldom_collecting():
        stop = asyncio.run(_run(run, output))
    if stop.signal is not None:
        say(f"Stopped; nothing was written to {output}.")
        return BY_SIGNAL + stop.signal
    if run.unreadable == 0 and force:
        side.unlink(missing_ok=True)
    _print(run, output, time.monotonic() - started, as_json=as_json)
    return FAILED if run.unreadable or run.lost else OK


def _side_of(output: Path) -> Path:
    """Return the file for what is no event; the longest name of all is one for it."""
    if output.name in ("", ".."):
        raise CommandError(
            f"--output {str(output)!r} names no file or folder that could be made; name one",
            exit_code=USAGE,
        )
    side = output.with_name(f"{output.name}.unreadable.ndjson")
    try:
        temporary_name(side).lstat()
    except (FileNotFoundError, NotADirectoryError):
        pass
    except OSError as error:
        reason = error.strerror or error
        if error.errno == errno.ENAMETOOLONG:
            reason = "the name is too long, with what is added while it is written; shorten it"
        raise CommandError(f"{output}: {reason}", exit_code=USAGE) from error
    return side


def _format(form: str | None, output: Path, partition_by: str | None) -> Format:
    named = output.suffixes[-2:-1] if output.suffix == ".gz" else output.suffixes[-1:]
    written = form if form is not None else "".join(named).removeprefix(".")
    for known in FORMATS:
        if written == known:
            break
    else:
        expected = f"expected {', '.join(FORMATS[:-1])} or {FORMATS[-1]}"
        if form is None:
            raise CommandError(
                f"{output}: the name does not say which format; give --format, {expected}",
                exit_code=USAGE,
            )
        raise CommandError(f"--format {form}: {expected}", exit_code=USAGE)
    if known == "parquet" and find_spec("pyarrow") is None:
        raise CommandError(NEEDS_EXTRA, exit_code=USAGE)
    if output.suffix == ".gz" and (known == "parquet" or partition_by is not None):
        message = "Parquet is compressed already" if known == "parquet" else "it is a folder"
        raise CommandError(f"{output}: leave out .gz; {message}", exit_code=USAGE)
    return known


def _output(path: Path, form: Format, partition_by: str | None) -> FileOutput | FolderOutput:
    if not path.parent.is_dir():
        raise CommandError(
            f"{path}: there is no folder {path.parent}; make it first", exit_code=USAGE
        )
    if partition_by is None:
        return FileOutput(path, form)
    try:
        return FolderOutput(path, form, keys_of(partition_by))
    except ValueError as error:
        raise CommandError(f"--partition-by: {error}", exit_code=USAGE) from error


def _check(
    path: Path, made: FileOutput | FolderOutput, side: Path, *, force: bool, keep: Sequence[Path]
) -> None:
    looked_at = path
    try:
        if isinstance(made, FileOutput):
            made.check(force=force, keep=keep)
        else:
            made.check(force=force)
        looked_at = side
        if side.exists():
            refuse_to_replace(side, keep)
    except OutputRefusedError as error:
        raise CommandError(f"{looked_at}: {error}", exit_code=USAGE) from error
    if side.exists() and not force:
        raise CommandError(
            f"{side}: is there already, from an earlier export; remove it, or say --force",
            exit_code=USAGE,
        )


async def _run(run: Export, output: Path) -> Stop:
    progress = reporter(None, time.monotonic)
    started = time.monotonic()

    def tell() -> tuple[int, str]:
        seconds = time.monotonic() - started
        return run.output.bytes, f"{count(run.events, 'event')}, {run.events / seconds:,.0f}/s"

    with progress, Stop() as stop, shown(progress, tell), stop.cancels_body():
        try:
            await run.run()
        except OSError as error:
            raise CommandError(
                f"{output}: cannot be written: {error.strerror or error}; nothing is left there"
            ) from error
    return stop


@contextmanager
def _seldom_collecting() -> Iterator[None]:
    """Look for cycles seldom: an export makes none, and looking takes a fifth of its time."""
    before = gc.get_threshold()
    gc.set_threshold(_SELDOM, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)


def _print(run: Export, output: Path, seconds: float, *, as_json: bool) -> None:
    side = str(run.side) if run.unreadable else None
    if as_json:
        document = {
            "output": str(output),
            "events": run.events,
            "files": run.output.files,
            "bytes": run.output.bytes,
            "seconds": round(seconds, 3),
            "unreadable": run.unreadable,
            "lost": run.lost,
            "unreadable_file": side,
            "formula_cells": run.output.noted,
        }
        print_json(document)
    else:
        files = count(run.output.files, "file")
        say_out(
            f"{count(run.events, 'event')} to {output}: {files}, {run.output.bytes:,} bytes,"
            f" {run.events / max(seconds, 0.001):,.0f} events/s"
        )
    if run.output.noted:
        say(
            f"{count(run.output.noted, 'cell')} would be a formula in a spreadsheet and got an"
            " apostrophe in front; Parquet and NDJSON hold them as they are."
        )
    if run.lost:
        events = count(run.lost, "event")
        say(f"Up to {events} had been removed by the source's retention before they were read.")
    if side is not None:
        records = count(run.unreadable, "record is no event", "records are no events")
        say(f"{records}: kept in {side}")
