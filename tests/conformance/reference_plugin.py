"""A plugin that keeps every rule: the bad ones are made from it by breaking one."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import msgspec

from experimentframework_core.codec import decode
from experimentframework_core.envelope import Envelope, Record
from experimentframework_core.errors import (
    InvalidEventError,
    PartialBatchError,
    PermanentError,
    ReplayError,
    TransientError,
    UnavailableError,
)
from experimentframework_core.plugin import (
    Backplane,
    BackplanePlugin,
    ChannelSettings,
    Features,
    OpenContext,
    Selection,
)


class FileOptions(ChannelSettings, frozen=True, kw_only=True):
    """Options of the type ``referenceFile``.

    Attributes:
        path: The file with one body in each line; its folder must be there.
    """

    path: str


class FileBackplane:
    """Appends each body to a file as a line, once, and syncs it."""

    def __init__(self, options: FileOptions, context: OpenContext) -> None:
        """Store the options."""
        self.path = Path(options.path)
        self.lane = context.lane

    async def open(self) -> None:
        """Make the file."""
        try:
            self.path.touch()
        except OSError as error:
            raise UnavailableError(f"cannot write {self.path}: {error}") from error

    async def ping(self) -> None:
        """Return if the file is there."""
        if not self.path.exists():
            raise UnavailableError(f"{self.path} is missing")

    async def aclose(self) -> None:
        """Hold nothing, so there is nothing to close."""

    async def deliver(self, batch: Sequence[Record]) -> None:
        """Store what can be stored, and name the rest."""
        failures = self.refused(batch)
        await turns()
        self.store([record for i, record in enumerate(batch) if i not in failures])
        if failures:
            raise PartialBatchError(failures)

    def refused(self, batch: Sequence[Record]) -> dict[int, TransientError | PermanentError]:
        """Return the failed indexes; behind a flaky record its whole experiment is held back."""
        failures: dict[int, TransientError | PermanentError] = {}
        held: set[str | None] = set()
        for index, record in enumerate(batch):
            if record.variant == "poison":
                failures[index] = PermanentError("poison")
            elif record.variant == "flaky" or record.experiment in held:
                failures[index] = TransientError("flaky")
                held.add(record.experiment)
        return failures

    def store(self, records: Iterable[Record]) -> None:
        """Append the bodies that are not in the file yet."""
        known = set(self.path.read_bytes().splitlines())
        self.append([body for body in dict.fromkeys(r.body for r in records) if body not in known])

    def append(self, bodies: Iterable[bytes]) -> None:
        """Append the bodies and sync; only whole lines stay of what is cut short."""
        self.mend()
        try:
            with self.path.open("ab") as file:
                file.writelines(body + b"\n" for body in bodies)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            self.mend()
            raise TransientError(f"cannot write {self.path}: {error}") from error

    def mend(self) -> None:
        """Take away half a line at the end, which a full disk or a process that died has left."""
        os.truncate(self.path, self.path.read_bytes().rfind(b"\n") + 1)


async def turns() -> None:
    """Let other tasks run a few times, as a network would."""
    for _ in range(4):
        await asyncio.sleep(0)


def position_of(checkpoint: str | None) -> int:
    """Return the number of lines that a checkpoint means."""
    try:
        return int(checkpoint or 0)
    except ValueError:
        raise ReplayError(f"{checkpoint!r} is no number of lines") from None


class FileReader(AsyncIterator[Envelope]):
    """Reads the file line by line.

    Attributes:
        checkpoint: The number of lines that have been read.
    """

    def __init__(self, options: FileOptions, selection: Selection) -> None:
        """Begin where the selection says."""
        self.selection = selection
        self._path = Path(options.path)
        self._position = position_of(selection.checkpoint)
        self._lines: list[bytes] = []

    @property
    def checkpoint(self) -> str:
        """Where the reading stands."""
        return str(self._position)

    async def __anext__(self) -> Envelope:
        while True:
            while self._position < len(self._lines):
                line = self._lines[self._position]
                self._position += 1
                envelope = self.decoded(line)
                if all(self.tests(envelope)):
                    return envelope
            self._lines = self.lines()
            if self._position >= len(self._lines):
                if not self.selection.follow:
                    raise StopAsyncIteration
                await self.wait()

    def decoded(self, line: bytes) -> Envelope:
        """Return the event in a line."""
        try:
            return decode(line)
        except InvalidEventError as error:
            raise ReplayError(f"line {self._position} is no event", record=line) from error

    async def aclose(self) -> None:
        """Hold nothing, so there is nothing to close."""

    def lines(self) -> list[bytes]:
        """Return every line of the file; none while there is no file."""
        return self._path.read_bytes().splitlines() if self._path.exists() else []

    async def wait(self) -> None:
        """Wait before the file is looked at again."""
        await asyncio.sleep(0.001)

    def tests(self, envelope: Envelope) -> list[bool]:
        """Return for each criterion whether the envelope meets it."""
        wanted = self.selection
        return [
            not wanted.types or envelope.event_type in wanted.types,
            not wanted.experiments or field(envelope, "experiment_name") in wanted.experiments,
            not wanted.subjects or field(envelope, "subject_id") in wanted.subjects,
            wanted.correlation_id in (None, envelope.correlation_id),
            wanted.since is None or envelope.timestamp >= wanted.since,
            wanted.until is None or envelope.timestamp < wanted.until,
        ]


def field(envelope: Envelope, name: str) -> str | None:
    """Return a field of the payload, if it has one of that name."""
    value: str | None = getattr(envelope.payload, name, None)
    return value


def opener(
    backplane: type[FileBackplane],
) -> Callable[[FileOptions, OpenContext], AbstractAsyncContextManager[Backplane]]:
    """Return the ``open`` of a plugin whose instances are of that class."""

    @asynccontextmanager
    async def open_file(options: FileOptions, context: OpenContext) -> AsyncIterator[Backplane]:
        opened = backplane(options, context)
        await opened.open()
        try:
            yield opened
        finally:
            await opened.aclose()

    return open_file


def ordering_key(record: Record, options: FileOptions) -> str | None:
    """Keep each experiment in order."""
    return record.experiment


def check(options: FileOptions) -> Iterable[tuple[str, str]]:
    """Say what the types cannot say."""
    if options.path.endswith("/"):
        yield "path", "give a file, not a folder"


plugin = BackplanePlugin(
    type="referenceFile",
    options=FileOptions,
    open=opener(FileBackplane),
    read=FileReader,
    check=check,
    channel_defaults=lambda options: ChannelSettings(batch_size=50),
    ordering_key=ordering_key,
    features=Features(
        ordered=True, deduplicates=True, durable=True, readable=True, partial_failures=True
    ),
)

impostor = msgspec.structs.replace(plugin, type="impostor")
