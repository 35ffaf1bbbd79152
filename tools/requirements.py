"""What distributions need, from the metadata of those that are installed."""

from __future__ import annotations

from importlib import metadata
from typing import TYPE_CHECKING

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from packaging.utils import NormalizedName


def installed(folder: str | None = None) -> dict[NormalizedName, metadata.Distribution]:
    """Return the distributions of an environment's ``site-packages``; None: of this one."""
    found = metadata.distributions() if folder is None else metadata.distributions(path=[folder])
    return {canonicalize_name(each.metadata["Name"]): each for each in found}


def needed(
    wanted: Iterable[str], there: Mapping[NormalizedName, metadata.Distribution]
) -> set[NormalizedName]:
    """Return the names of all that requirements ask for, and of all that these ask for.

    Args:
        wanted: Requirements, as ``experimentframework[kafka]``.
        there: The distributions whose metadata is read. What is not there asks for nothing.
    """
    found: set[NormalizedName] = set()
    seen: set[tuple[NormalizedName, str]] = set()
    open_ = [Requirement(text) for text in wanted]
    while open_:
        requirement = open_.pop()
        name = canonicalize_name(requirement.name)
        found.add(name)
        for extra in {"", *requirement.extras}:
            if (name, extra) in seen:
                continue
            seen.add((name, extra))
            requires = there[name].requires if name in there else None
            asked = [Requirement(text) for text in requires or ()]
            open_ += [each for each in asked if _holds(each, extra)]
    return found


def _holds(requirement: Requirement, extra: str) -> bool:
    return requirement.marker is None or requirement.marker.evaluate({"extra": extra})
