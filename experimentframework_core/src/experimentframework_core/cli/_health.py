"""Opens and pings what a configuration names, each within its own time limits."""

from __future__ import annotations

import asyncio
import tempfile
from typing import TYPE_CHECKING

import msgspec

from experimentframework_core._discreet import open_discreetly
from experimentframework_core._letters.origin import is_same
from experimentframework_core._plane.setup import letter_file
from experimentframework_core._reading.choice import leaves
from experimentframework_core._tasks import TaskAbandonedError, run_bounded
from experimentframework_core.cli._configuration import channels
from experimentframework_core.config import BackplaneOptions, effective, resolved_options
from experimentframework_core.deadletter import FileDeadLetterStore, SqliteDeadLetterStore
from experimentframework_core.plugin import ChannelSettings, OpenContext, Pingable
from experimentframework_core.plugins import find_plugin

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from experimentframework_core.config import ChannelConfig, DataPlaneOptions


class Check(msgspec.Struct, frozen=True):
    """One thing that was looked at."""

    name: str
    ok: bool
    found: str


async def backplane_checks(options: DataPlaneOptions) -> AsyncIterator[Check]:
    """Yield whether each destination opens and answers."""
    for node, plugin in channels(options):
        settings = effective(options, node, plugin)
        for member in leaves(node):
            yield await _backplane_check(member, settings)


async def _backplane_check(node: BackplaneOptions, settings: ChannelConfig) -> Check:
    name = f"backplane {node.name or node.type}"
    seconds = (settings.open_timeout_ms + settings.delivery_timeout_ms) / 1000
    try:
        found = await run_bounded(_open_and_ping(node, settings), name=name, timeout=seconds)
    except TaskAbandonedError:
        return Check(name, ok=False, found=f"{node.type}: does not come back, not even cancelled")
    except Exception as error:  # noqa: BLE001 - whatever a plugin raises is the finding
        return Check(name, ok=False, found=f"{node.type}: {_reason(error)}")
    return Check(name, ok=True, found=f"{node.type}: {found}")


async def _open_and_ping(node: BackplaneOptions, settings: ChannelConfig) -> str:
    plugin = find_plugin(node.type)
    context = OpenContext(name=settings.name, delivery_timeout=settings.delivery_timeout_ms / 1000)
    opening = open_discreetly(plugin, resolved_options(node, plugin), context)
    async with asyncio.timeout(settings.open_timeout_ms / 1000):
        backplane = await opening.__aenter__()
    try:
        if not isinstance(backplane, Pingable):
            return "opens; cannot be pinged"
        async with asyncio.timeout(settings.delivery_timeout_ms / 1000):
            await backplane.ping()
        return "opens and answers"
    finally:
        await opening.__aexit__(None, None, None)


async def dead_letter_checks(options: DataPlaneOptions, origin: str) -> AsyncIterator[Check]:
    """Yield whether each place for dead letters can be written, and what of ``origin`` is in it."""
    settings = [effective(options, node, plugin) for node, plugin in channels(options)]
    keeping = [each for each in settings if each.on_failure == "deadLetter"]
    files = {path: each for each in keeping if (path := letter_file(each)) is not None}
    for path, each in files.items():
        yield await _dead_letter_check(path, each.dead_letter.type, origin)
    for each in keeping:
        if letter_file(each) is None:
            yield await _letter_backplane_check(each)


async def _letter_backplane_check(settings: ChannelConfig) -> Check:
    letters = settings.dead_letter
    said = letters.options if isinstance(letters.options, ChannelSettings) else None
    node = BackplaneOptions(
        type=letters.type, options=said, name=f"of the dead letters of {settings.name}"
    )
    return await _backplane_check(node, settings)


async def _dead_letter_check(path: Path, kind: str, origin: str) -> Check:
    obstacle = _obstacle(path)
    if obstacle:
        return Check("dead letters", ok=False, found=f"{path}: {obstacle}")
    try:
        opening = FileDeadLetterStore(path) if kind == "file" else SqliteDeadLetterStore(path)
        async with opening as store:
            kept = await store.origins()
    except Exception as error:  # noqa: BLE001 - the finding
        return Check("dead letters", ok=False, found=_reason(error))
    own = sum(number for each, number in kept.items() if is_same(each, origin))
    others = sum(kept.values()) - own
    more = f"; {others:,} of other configurations" if others else ""
    return Check("dead letters", ok=True, found=f"{path}: can be written, holds {own:,}{more}")


def _obstacle(path: Path) -> str | None:
    existing = next(place for place in (path, *path.absolute().parents) if place.exists())
    if existing == path and not path.is_file():
        return "is no file"
    if existing != path and not existing.is_dir():
        return f"{existing} is no folder"
    folder = existing if existing.is_dir() else existing.parent
    try:
        with tempfile.TemporaryFile(dir=folder):
            return None
    except OSError as error:
        return f"{folder} cannot be written: {error.strerror or error}"


def _reason(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return str(error) or "no answer in time"
    return str(error) or type(error).__name__
