"""Which backplane a command of `sqlserver` means."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from experimentframework_core.cli.commands import source_of
from experimentframework_sqlserver._options import SqlServerOptions

if TYPE_CHECKING:
    from pathlib import Path

    from experimentframework_core.cli.commands import Source

BackplaneOption = Annotated[
    str | None,
    typer.Option(
        "--backplane", "-b", metavar="NAME", help="Which sqlServer backplane, of several."
    ),
]


def options_of(config: Path, backplane: str | None, verb: str) -> SqlServerOptions:
    """Return the options of the only sqlServer backplane of a configuration, or of the named one.

    Raises:
        CommandError: There is none, or several; ``verb`` says what for.
        ConfigurationError: The configuration is wrong.
    """
    options = source_of(config, backplane, why_not=_why_not, verb=verb).options
    assert isinstance(options, SqlServerOptions)  # noqa: S101 - else it would not be the source
    return options


def _why_not(source: Source) -> str | None:
    return None if isinstance(source.options, SqlServerOptions) else "is no sqlServer"
