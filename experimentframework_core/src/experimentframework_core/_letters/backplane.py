"""Dead letters delivered to a backplane, each as an event of the type ``deadLetter``."""

from __future__ import annotations

import asyncio
import uuid
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any

import msgspec

from experimentframework_core._discreet import open_discreetly
from experimentframework_core._letters.letter_json import Story, letter_in, story_of
from experimentframework_core._log import logger, text_of
from experimentframework_core._tasks import (
    DeadlineExceededError,
    Held,
    TaskAbandonedError,
    run_bounded,
)
from experimentframework_core.envelope import Envelope, Record
from experimentframework_core.errors import (
    InvalidEventError,
    PartialBatchError,
    PermanentError,
    TransientError,
    UnavailableError,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from experimentframework_core._letters.letters import DeadLetter
    from experimentframework_core.plugin import (
        Backplane,
        BackplanePlugin,
        ChannelSettings,
        OpenContext,
    )

EVENT_TYPE = "deadLetter"
VERSION = "1.0.0"
LONGEST_EXPERIMENT = 128

CLOSE_TIMEOUT = 1.0
"""Seconds that the backplane has to close; what it confirmed is durable without."""

_namespace = uuid.UUID("6d7c5d0e-8a54-5f0b-9d0c-7c1f5b0a2e11")
_most, _most_bytes = 100, 1024 * 1024
_encode = msgspec.json.Encoder().encode


class _Envelope(msgspec.Struct, frozen=True, rename="camel"):
    event_id: str
    timestamp: datetime
    event_type: str
    schema_version: str
    payload: Story


def as_record(letter: DeadLetter) -> Record:
    """Return ``letter`` as an event; the same event and backplane always give the same id.

    Its origin is left out: who reads the destination knows whose letters go there.
    """
    experiment = letter.experiment
    if experiment is not None and len(experiment) > LONGEST_EXPERIMENT:
        experiment = None
    story = story_of(msgspec.structs.replace(letter, experiment=experiment, origin=""))
    event_id = str(uuid.uuid5(_namespace, f"{letter.backplane}\0{letter.event_id}"))
    envelope = _Envelope(event_id, story.last_at, EVENT_TYPE, VERSION, story)
    return Record(
        body=_encode(envelope),
        event_type=EVENT_TYPE,
        schema_version=VERSION,
        experiment=experiment or None,
    )


def letter_of(event: Envelope | Record) -> DeadLetter:
    """Return the dead letter in an event of the type ``deadLetter``, its event's bytes as before.

    Args:
        event: As a backplane got it, or as its reader gave it back.

    Raises:
        InvalidEventError: It is another event, or not whole.
    """
    if event.event_type != EVENT_TYPE:
        raise InvalidEventError(f"{event.event_type!r} is no {EVENT_TYPE!r}", path="event_type")
    try:
        if isinstance(event, Record):
            body = event.body
            return letter_in(msgspec.json.decode(body, type=_Read).payload)
        return letter_in(msgspec.json.decode(_encode(event.payload), type=Story))
    except (msgspec.MsgspecError, TypeError, ValueError) as error:
        raise InvalidEventError(f"not a whole dead letter: {error}", path="payload") from error


class _Read(msgspec.Struct):
    payload: Story


class BackplaneDeadLetters:
    """Delivers dead letters to a backplane, which is opened with the first of them.

    A letter that this backplane refuses for ever is not given up: `write` fails as long as it is
    among the letters, and what was confirmed meanwhile is not sent again.
    """

    def __init__(
        self,
        plugin: BackplanePlugin[Any],
        options: ChannelSettings,
        context: OpenContext,
        *,
        open_timeout: float,
    ) -> None:
        """Store what is needed to open the backplane; times are in seconds."""
        self._plugin = plugin
        self._options = options
        self._context = context
        self._open_timeout = open_timeout
        self._held: Held[Backplane] | None = None
        self._one_at_a_time = asyncio.Lock()
        self._confirmed: set[str] = set()
        defaults = plugin.channel_defaults(options) if plugin.channel_defaults else None
        self._most = options.batch_size or (defaults and defaults.batch_size) or _most
        self._most_bytes = options.batch_bytes or (defaults and defaults.batch_bytes) or _most_bytes

    @property
    def location(self) -> str:
        """The backplane's type, and which dead letters these are."""
        return f"backplane {self._plugin.type} ({self._context.name})"

    async def write(self, letters: Sequence[DeadLetter]) -> None:
        """Return once the backplane has confirmed all; see `DeadLetterStore.write`."""
        records = {record.event_id: record for record in map(as_record, letters)}
        async with self._one_at_a_time:
            failures: list[Exception] = []
            waiting = [record for key, record in records.items() if key not in self._confirmed]
            for batch in self._batches(waiting):
                failures += await self._deliver(batch)
            if failures:
                raise _refusal(self.location, failures)
            self._confirmed -= records.keys()

    def _batches(self, records: Sequence[Record]) -> Iterator[list[Record]]:
        batch: list[Record] = []
        size = 0
        for record in records:
            size += len(record.body)
            if batch and (len(batch) == self._most or size > self._most_bytes):
                yield batch
                batch, size = [], len(record.body)
            batch.append(record)
        if batch:
            yield batch

    async def _deliver(self, batch: list[Record]) -> list[Exception]:
        """Deliver what can be; return why the rest is refused, one error for each record."""
        try:
            await self._attempt(batch)
        except PartialBatchError as error:
            self._confirm(each for i, each in enumerate(batch) if i not in error.failures)
            return list(error.failures.values())
        except PermanentError as error:
            if len(batch) == 1:
                return [error]
            half = len(batch) // 2
            return [*await self._deliver(batch[:half]), *await self._deliver(batch[half:])]
        self._confirm(batch)
        return []

    def _confirm(self, records: Iterator[Record] | list[Record]) -> None:
        self._confirmed.update(record.event_id for record in records)

    async def _attempt(self, batch: list[Record]) -> None:
        whole = False
        backplane = await self._open()
        try:
            await run_bounded(
                backplane.deliver(tuple(batch)),
                name=f"experimentframework.{self._context.name}.deliver",
                timeout=self._context.delivery_timeout,
            )
            whole = True
        except (PartialBatchError, PermanentError, TransientError):
            whole = True
            raise
        except (DeadlineExceededError, TaskAbandonedError) as error:
            raise TransientError(f"{self.location}: no answer in time") from error
        finally:
            if not whole and self._held is not None:
                # It may still be at it, and must not be called a second time.
                self._held.abandon()
                self._held = None

    async def _open(self) -> Backplane:
        if self._held is None:
            name = f"{self._context.name}.backplane"
            held = Held(
                partial(open_discreetly, self._plugin, self._options, self._context), name=name
            )
            await held.enter(timeout=self._open_timeout)
            self._held = held
        return self._held.value

    async def aclose(self) -> None:
        """Close the backplane."""
        held, self._held = self._held, None
        if held is None:
            return
        try:
            await held.leave(timeout=CLOSE_TIMEOUT)
        except Exception as error:  # noqa: BLE001 - what was confirmed is there all the same
            logger.warning(
                "experimentframework.close_failed",
                backplane=self._context.name,
                error=f"{type(error).__name__}: {text_of(error)}",
            )


def _refusal(location: str, failures: Sequence[Exception]) -> TransientError:
    telling = next((each for each in failures if isinstance(each, PermanentError)), failures[0])
    message = f"{location} does not take {len(failures)} dead letters: {telling}"
    if isinstance(telling, PermanentError | UnavailableError):
        return UnavailableError(message)
    return TransientError(message)
