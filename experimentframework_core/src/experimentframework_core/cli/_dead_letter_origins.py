"""Whose dead letters a command takes: those of its configuration, unless it is told otherwise."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING, NamedTuple

from msgspec.structs import replace

from experimentframework_core._letters.origin import is_same, origin_of, spellings
from experimentframework_core.cli._output import USAGE, CommandError, count, say
from experimentframework_core.deadletter import open_letters

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from experimentframework_core.deadletter import LetterFilter

ANY = "any"
NONE = "none"
_OF_PYTHON = "none: made in Python"
NAMED = 5
"""Origins that are named of those that are left out."""


class Whose(NamedTuple):
    """Whose letters are meant.

    Attributes:
        origins: Those of these origins; none for all.
    """

    origins: tuple[str, ...] = ()

    @classmethod
    def of(cls, said: Iterable[str] | None, own: str | None) -> Whose:
        """Return what the option means.

        Args:
            said: What the option says.
            own: The origin of the configuration; None where the command has none.
        """
        if not said:
            return cls(() if own is None else (own,))
        if ANY in said:
            return cls()
        return cls(tuple("" if each == NONE else _named(each) for each in said))

    def take(self, origin: str) -> bool:
        """Return whether letters of ``origin`` are meant."""
        return not self.origins or any(is_same(origin, each) for each in self.origins)


EVERYBODY = Whose()


def only_of(whose: Whose, paths: Sequence[Path], chosen: LetterFilter) -> LetterFilter:
    """Return the filter that takes no others of the chosen letters; say which are left out."""
    if not whose.origins:
        return chosen
    found = asyncio.run(_found(paths, chosen))
    left = {origin: number for origin, number in found.items() if not whose.take(origin)}
    if left:
        say(_left_out(left))
    return replace(chosen, origins=spellings(whose.origins, found))


def refuse_of_broker(said: Sequence[str] | None) -> None:
    """Refuse the option where a broker's own letters are meant.

    Raises:
        CommandError: It is said.
    """
    if said:
        message = "--origin goes with --source local only: a broker's letters have none"
        raise CommandError(message, exit_code=USAGE)


def shown(origin: str) -> str:
    """Return an origin as a person reads it, and as the option takes it."""
    return origin or NONE


def _named(said: str) -> str:
    return origin_of(said.split(os.pathsep))


async def _found(paths: Sequence[Path], chosen: LetterFilter) -> dict[str, int]:
    found: dict[str, int] = {}
    for path in paths:
        async with open_letters(path) as store:
            for origin, number in (await store.origins(chosen)).items():
                found[origin] = found.get(origin, 0) + number
    return found


def _left_out(left: dict[str, int]) -> str:
    number = count(sum(left.values()), "dead letter")
    whose = [f"{origin or _OF_PYTHON} ({each:,})" for origin, each in left.items()]
    more = [f"{len(whose) - NAMED:,} more"] if len(whose) > NAMED else []
    named = ", ".join([*whose[:NAMED], *more])
    return f"Left out {number} of other configurations: {named}. See --origin FILE, none or any."
