"""Where the dead letters are that a command means."""

from __future__ import annotations

from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, NamedTuple

from experimentframework_core._plane.setup import letter_file
from experimentframework_core.backplanes.composite import destinations
from experimentframework_core.cli._configuration import read
from experimentframework_core.cli._output import USAGE, CommandError, count, say
from experimentframework_core.deadletter import (
    FileDeadLetterStore,
    ReadableLetters,
    open_letters,
)
from experimentframework_core.plugins import find_plugin

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from contextlib import AbstractAsyncContextManager
    from pathlib import Path

    from experimentframework_core.backplanes.composite import Destination


class Place(NamedTuple):
    """Where dead letters are, and of which configuration."""

    paths: list[Path]
    origin: str | None


def place_of(config: Path | None, store: Path | None) -> Place:
    """Return the files that hold the dead letters; those of a configuration only if there are any.

    Raises:
        CommandError: Neither or both are given, the file is missing, or there are none to read.
        ConfigurationError: The configuration is wrong.
    """
    if (config is None) == (store is None):
        raise CommandError("Give either --config FILE or --store PATH.", exit_code=USAGE)
    if config is not None:
        options, origin = read(config)
        return Place(paths_in(destinations(options, find_plugin), str(config)), origin)
    return Place([] if store is None else [existing(store)], None)


def existing(store: Path) -> Path:
    """Return a file of dead letters.

    Raises:
        CommandError: It is not there.
    """
    if not store.expanduser().is_file():
        raise CommandError(f"{store}: there is no such file of dead letters", exit_code=USAGE)
    return store


def paths_in(found: Sequence[Destination], config: str) -> list[Path]:
    """Return the files of dead letters of these destinations that are there.

    Raises:
        CommandError: None of them keeps dead letters in a file.
    """
    keeping = [each.config for each in found if each.config.on_failure == "deadLetter"]
    files = {path for each in keeping if (path := letter_file(each)) is not None}
    elsewhere = [each for each in keeping if letter_file(each) is None]
    for each in elsewhere:
        kind = each.dead_letter.type
        say(f"Dead letters of {each.name} go to the backplane type {kind}, not here.")
    if not files:
        message = f"{config}: no destination keeps dead letters in a file"
        raise CommandError(message, exit_code=USAGE)
    return sorted(path for path in files if path.exists())


@asynccontextmanager
async def opened(paths: Sequence[Path]) -> AsyncIterator[list[ReadableLetters]]:
    """Open the stores in these files; at the end say what could not be read in them.

    Raises:
        UnavailableError: One of them cannot be opened.
    """
    async with AsyncExitStack() as stack:
        stores = [await stack.enter_async_context(_opening(path)) for path in paths]
        yield stores
        for store in stores:
            if isinstance(store, FileDeadLetterStore) and store.damaged:
                lines = count(store.damaged, "damaged line was", "damaged lines were")
                say(f"{store.location}: {lines} left out.")


def _opening(path: Path) -> AbstractAsyncContextManager[ReadableLetters]:
    return open_letters(path)
