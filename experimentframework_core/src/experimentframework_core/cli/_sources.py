"""Which backplane of a configuration a command reads: the only one it can, or the named one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from experimentframework_core._reading.choice import Choice, WhyNot, why_unreadable_elsewhere
from experimentframework_core.cli._configuration import read
from experimentframework_core.cli._dead_letter_origins import Whose
from experimentframework_core.cli._letter_sources import letters_of
from experimentframework_core.cli._output import USAGE, CommandError
from experimentframework_core.errors import ReplayError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from experimentframework_core._reading.source import Source


def source_of(
    config: Path,
    name: str | None = None,
    *,
    why_not: WhyNot = why_unreadable_elsewhere,
    verb: str = "read",
    option: str = "--backplane",
    dead_letters: bool = False,
    origins: Sequence[str] | None = None,
) -> Source:
    """Return the backplane of a configuration that a command means.

    Args:
        config: The configuration's file or folder.
        name: What the option says; None for the only one that can be used.
        why_not: Which backplanes the command cannot use.
        verb: What it wants to do, as in ``read``.
        option: The option that names one.
        dead_letters: Return the dead letters of that backplane instead, or of all of them.
        origins: Whose dead letters, where they are not those of the configuration.

    Raises:
        CommandError: None or several can be used, or the named one is not there or cannot be.
        ConfigurationError: The configuration is wrong.
    """
    if origins and not dead_letters:
        raise CommandError("--origin goes with --dead-letters only", exit_code=USAGE)
    options, origin = read(config)
    choice = Choice(options.backplane, why_not=why_not, verb=verb)
    try:
        if dead_letters:
            return letters_of(options, name, how=option, whose=Whose.of(origins, origin))
        return choice.only(option) if name is None else choice.named(name)
    except (ValueError, ReplayError) as error:
        place = config if name is None else f"{option} {name}"
        raise CommandError(f"{place}: {error}", exit_code=USAGE) from error
