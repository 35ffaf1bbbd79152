"""Replay: the events of one backplane into others, each with its id, its time and its bytes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from experimentframework_core._log import logger
from experimentframework_core._plane.setup import resolve
from experimentframework_core._reading.choice import Choice
from experimentframework_core._replay.planning import PATIENCE, plan_of
from experimentframework_core._replay.run import Replay
from experimentframework_core._replay.summary import ReplaySummary
from experimentframework_core._replay.transform import Transform
from experimentframework_core.errors import ReplayError
from experimentframework_core.plugin import Selection

if TYPE_CHECKING:
    import os

    from experimentframework_core._reading.source import Source
    from experimentframework_core.config import DataPlaneOptions

__all__ = ["ReplaySummary", "Transform", "replay"]


async def replay(  # noqa: PLR0913 - what can be said of a replay, by name
    source: DataPlaneOptions,
    target: DataPlaneOptions,
    *,
    selection: Selection | None = None,
    from_backplane: str | None = None,
    to_backplane: str | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
    rejected: str | os.PathLike[str] | None = None,
    transform: Transform | None = None,
    rate: float | None = None,
    give_up_after: float = PATIENCE,
    dry_run: bool = False,
) -> ReplaySummary:
    """Deliver the selected events of ``source`` to ``target``; return what became of them.

    They keep their ids, times and bytes: toggles, sampling and redaction are for publishing. The
    target's own batches, retries, routes by type and dead letters hold; its buffer is in memory.
    When it is cancelled, what was read and not delivered is left, and the checkpoint is right.

    Args:
        source: A configuration with the backplane to read.
        target: A configuration with the backplanes to deliver to.
        selection: Which events; None for all.
        from_backplane: Which backplane of several is read.
        to_backplane: Which backplane of several is delivered to; None for all.
        checkpoint: A file that remembers what has arrived. Where it is there, the replay goes on
            from it; it must be of the same source, selection and target.
        rejected: The file to which what is no event is appended, in base64; None for
            ``replay-rejected.ndjson`` in the current folder.
        transform: Changes events, or leaves them out.
        rate: Most events a second; None for as many as the target takes.
        give_up_after: Seconds in which nothing arrives, after which it ends with a problem.
        dry_run: Read and count only; nothing is delivered or remembered.

    Returns:
        The counts, and in ``problem`` why it ended early, as when the target takes nothing.

    Raises:
        ConfigurationError: The target's options are wrong.
        PluginError: A plugin cannot be used.
        ReplayError: Nothing of the source can be read back, the checkpoint cannot be used, a file
            cannot be written, or it would be in vain: an empty span of time, a source that is the
            target too.
    """
    resolve(target, None)
    plan = plan_of(
        _source_of(source, from_backplane),
        target,
        selection or Selection(),
        to_backplane=to_backplane,
        checkpoint=None if checkpoint is None else Path(checkpoint),
        rejected=None if rejected is None else Path(rejected),
        transform=transform,
        rate=rate,
        patience=give_up_after,
        dry_run=dry_run,
    )
    run = Replay(plan, _tell)
    async with run:
        await run.read()
        await run.finish()
    return run.summary()


def _source_of(options: DataPlaneOptions, name: str | None) -> Source:
    choice = Choice(options.backplane, verb="replay from")
    try:
        return choice.only("from_backplane") if name is None else choice.named(name)
    except ValueError as error:
        raise ReplayError(str(error)) from error


def _tell(text: str) -> None:
    logger.warning("experimentframework.replay_passed_by", problem=text)
