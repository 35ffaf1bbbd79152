"""What a reload changes: which destination stays, is replaced, comes, or goes."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from experimentframework_core.status import ReloadResult

if TYPE_CHECKING:
    from collections.abc import Sequence

    from experimentframework_core.backplanes.composite import Destination


class Comparison(NamedTuple):
    """Two configurations' destinations, by their index.

    Attributes:
        before: For each new destination the old one in whose place it comes; None where it is
            new.
        kept: Those of the new ones that deliver as the old one does.
        removed: The old ones in whose place none comes.
    """

    before: list[int | None]
    kept: frozenset[int]
    removed: list[int]


def compare(old: Sequence[Destination], new: Sequence[Destination]) -> Comparison:
    """Return what becomes of ``old`` when ``new`` comes in its place.

    A destination comes in the place of the one with the same name; the only one in that of the
    only one, whatever their names.
    """
    names = {destination.config.name: index for index, destination in enumerate(old)}
    before = [names.get(destination.config.name) for destination in new]
    if len(old) == len(new) == 1:
        before = [0]
    kept = frozenset(
        index
        for index, place in enumerate(before)
        if place is not None and new[index].delivers_as(old[place])
    )
    removed = [index for index in range(len(old)) if index not in before]
    return Comparison(before, kept, removed)


def result_of(
    old: Sequence[Destination], new: Sequence[Destination], found: Comparison
) -> ReloadResult:
    """Return what a comparison found, by the backplanes' names."""
    names = [destination.config.name for destination in new]
    places = dict(zip(names, found.before, strict=True))
    kept = {names[index] for index in found.kept}
    return ReloadResult(
        kept=tuple(name for name in names if name in kept),
        replaced=tuple(name for name in names if places[name] is not None and name not in kept),
        added=tuple(name for name in names if places[name] is None),
        removed=tuple(old[index].config.name for index in found.removed),
    )
