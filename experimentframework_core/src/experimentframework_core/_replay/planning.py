"""What is to be replayed, checked before anything is opened."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from experimentframework_core._paths import try_to_append
from experimentframework_core._reading.choice import leaves
from experimentframework_core._reading.source import Source, source_from
from experimentframework_core._replay import checkpoint as checkpoint_file
from experimentframework_core._replay.identity import Facts, facts_of, is_same_place
from experimentframework_core._replay.transform import Transform
from experimentframework_core.backplanes.composite import Destination, destinations
from experimentframework_core.errors import ReplayError
from experimentframework_core.plugin import Selection
from experimentframework_core.plugins import find_plugin

if TYPE_CHECKING:
    from collections.abc import Sequence

    from experimentframework_core.config import BackplaneOptions, DataPlaneOptions

REJECTED = "replay-rejected.ndjson"
"""The file for what is no event, in the current folder, where nobody names one."""

PATIENCE = 60.0
"""Seconds without any event's fate after which a replay gives up, where nobody says others."""


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What to replay, all of it checked.

    Attributes:
        source: What is read.
        selection: Which events; its checkpoint is where an earlier run stood.
        destinations: Where they go.
        transform: Changes them, or leaves them out.
        rate: Most events a second.
        dry_run: Only count.
        checkpoint: The file that remembers what has arrived.
        facts: Tells this replay from others, in that file.
        rejected: The file for what is no event.
        patience: Seconds without any event's fate after which it gives up.
        drain_timeout: Seconds to deliver what was read, when it is interrupted.
    """

    source: Source
    selection: Selection
    destinations: tuple[Destination, ...]
    rejected: Path
    facts: Facts
    transform: Transform | None = None
    rate: float | None = None
    dry_run: bool = False
    checkpoint: Path | None = None
    patience: float = PATIENCE
    drain_timeout: float = 10.0


def ways_to(
    target: DataPlaneOptions, name: str | None, *, origin: str = ""
) -> tuple[tuple[Destination, ...], tuple[Source, ...]]:
    """Return where a checked configuration's events go, and the backplanes that they reach there.

    Raises:
        ReplayError: It has no backplane of that name.
    """
    found = destinations(target, find_plugin, origin=origin)
    names = [each.config.name for each in found]
    if name is not None and name not in names:
        message = f"there is no backplane {name!r}; expected {', '.join(names)}"
        raise ReplayError(message)
    chosen = [
        (destination, node)
        for destination, node in zip(found, _nodes(target.backplane), strict=True)
        if name in (None, destination.config.name)
    ]
    members = [source_from(leaf) for _, node in chosen for leaf in leaves(node)]
    return tuple(destination for destination, _ in chosen), tuple(members)


def _nodes(root: BackplaneOptions | None) -> Sequence[BackplaneOptions]:
    if root is None:
        return ()
    return root.backplanes or () if root.type == "composite" else (root,)


def plan_of(  # noqa: PLR0913 - all that can be said of a replay
    source: Source,
    target: DataPlaneOptions,
    selection: Selection,
    *,
    to_backplane: str | None = None,
    checkpoint: Path | None = None,
    rejected: Path | None = None,
    transform: Transform | None = None,
    rate: float | None = None,
    patience: float = PATIENCE,
    dry_run: bool = False,
    origin: str = "",
) -> Plan:
    """Return a plan that can be carried out, from where its checkpoint file says on.

    What the target refuses are dead letters of ``origin``.

    Raises:
        ReplayError: It would be in vain or without end, the checkpoint file cannot be used, or
            one of the files cannot be written.
    """
    ways, members = ways_to(target, to_backplane, origin=origin)
    _check(source, selection, members)
    facts = facts_of(source, selection, members)
    if checkpoint is not None and (position := checkpoint_file.load(checkpoint, facts)):
        selection = msgspec.structs.replace(selection, checkpoint=position)
    rejected = rejected or Path(REJECTED)
    if not dry_run:
        _check_files(checkpoint, rejected)
    return Plan(
        source=source,
        selection=selection,
        destinations=ways,
        rejected=rejected,
        facts=facts,
        transform=transform,
        rate=rate,
        dry_run=dry_run,
        checkpoint=checkpoint,
        patience=patience,
        drain_timeout=target.shutdown_timeout_ms / 1000,
    )


def _check_files(checkpoint: Path | None, rejected: Path) -> None:
    """Look now whether there is a place for what is known only when events were delivered."""
    what, path = "the checkpoint", checkpoint
    try:
        if checkpoint is not None:
            checkpoint_file.try_to_save(checkpoint)
        what, path = "what is no event to", rejected
        try_to_append(rejected)
    except OSError as error:
        message = f"cannot write {what} {path}: {error.strerror or error}; name another file"
        raise ReplayError(message) from error


def _check(source: Source, selection: Selection, members: Sequence[Source]) -> None:
    if selection.follow:
        message = "a replay ends where the source ends now; leave out follow"
        raise ReplayError(message)
    since, until = selection.since, selection.until
    if since is not None and until is not None and since >= until:
        message = f"since {since.isoformat()} is not before until {until.isoformat()}"
        raise ReplayError(message)
    for member in members:
        if is_same_place(source, member):
            message = f"{source} would be replayed into itself: name another target"
            raise ReplayError(message)
