"""Looks at the folders of disk buffers from outside: no journal is opened."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from experimentframework_core._disk.first_page import is_ours
from experimentframework_core._disk.folders import check_folder, explained, flock, folder_of
from experimentframework_core._disk.owner import JOURNAL, JOURNAL_FILES, LOCK, folders
from experimentframework_core._disk.settings import is_on_disk, unclaimed
from experimentframework_core.cli._configuration import channels
from experimentframework_core.cli._health import Check
from experimentframework_core.cli._output import count
from experimentframework_core.config import effective
from experimentframework_core.errors import JournalError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from experimentframework_core.config import ChannelConfig, DataPlaneOptions


class Sighting(NamedTuple):
    """A journal folder, seen from outside.

    Attributes:
        folder: The sub-folder.
        in_use: Whether a process owns it; if none does, a dead one left its journal there.
        bytes: The size of the journal's files.
    """

    folder: Path
    in_use: bool
    bytes: int


def buffer_checks(options: DataPlaneOptions) -> Iterator[Check]:
    """Yield whether each disk buffer can be used, and what processes left in it and beside it."""
    configs = [effective(options, node, plugin) for node, plugin in channels(options)]
    for settings in configs:
        if is_on_disk(settings):
            yield buffer_check(settings)
    for folder in unclaimed(configs):
        yield Check("journals", ok=False, found=f"{folder}: {_NOBODYS}")


_NOBODYS = (
    "there are journals of a backplane that the configuration does not have; give a backplane that"
    " name to have them delivered, or remove the folder"
)


def buffer_check(settings: ChannelConfig) -> Check:
    """Say where the journals of a channel are, how many are in use, how many were left."""
    name = f"buffer {settings.name}"
    if not settings.buffer.path:
        return Check(name, ok=False, found="a disk buffer needs a folder: set buffer.path")
    try:
        folder = folder_of(settings.buffer.path, settings.name)
        check_folder(folder)
        sightings = survey(folder)
    except JournalError as error:
        return Check(name, ok=False, found=str(error))
    foreign = [each.folder / JOURNAL for each in sightings if not _may_be_a_journal(each)]
    if foreign:
        found = f"{foreign[0]} is no journal, and no process can start on it; move it away"
        return Check(name, ok=False, found=found)
    return Check(name, ok=True, found=f"{folder}: {_summary(sightings)}")


def _may_be_a_journal(sighting: Sighting) -> bool:
    try:
        return sighting.in_use or is_ours(sighting.folder / JOURNAL)
    except OSError:
        return False


def survey(root: Path) -> list[Sighting]:
    """Return the sub-folders of ``root`` that are in use or hold a journal.

    Each lock is tried for a moment. A process that starts just then takes another folder.

    Raises:
        JournalError: A folder cannot be looked at.
    """
    seen = []
    for folder in folders(root):
        with explained("look into the journal folder", folder):
            in_use = _is_in_use(folder)
            if in_use or (folder / JOURNAL).exists():
                seen.append(Sighting(folder, in_use, sum(_sizes(folder))))
    return seen


def _is_in_use(folder: Path) -> bool:
    try:
        descriptor = os.open(folder / LOCK, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except FileNotFoundError:
        return False
    try:
        return not flock(descriptor, "LOCK_SH")
    finally:
        os.close(descriptor)


def _sizes(folder: Path) -> Iterator[int]:
    for name in JOURNAL_FILES:
        with suppress(FileNotFoundError):
            yield (folder / name).stat().st_size


def _summary(sightings: Sequence[Sighting]) -> str:
    if not sightings:
        return "no journals"
    used = [each for each in sightings if each.in_use]
    left = [each for each in sightings if not each.in_use]
    said = f"{_amount(used)} in use"
    if not left:
        return said
    names = ", ".join(f"{each.folder.name}: {each.bytes:,} bytes" for each in left)
    return (
        f"{said}, {_amount(left)} left by ended processes ({names}); what may wait there is"
        " delivered by the next process that starts"
    )


def _amount(sightings: Sequence[Sighting]) -> str:
    return f"{count(len(sightings), 'journal')} ({sum(each.bytes for each in sightings):,} bytes)"
