"""The dead letters that a backplane's broker keeps itself: whose they are, which are meant."""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING, NamedTuple

from experimentframework_core._discreet import letters_discreetly
from experimentframework_core.cli._output import USAGE, CommandError
from experimentframework_core.cli._sources import source_of
from experimentframework_core.codec import decode_record
from experimentframework_core.errors import InvalidEventError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from contextlib import AbstractAsyncContextManager
    from pathlib import Path

    from experimentframework_core._reading.source import Source
    from experimentframework_core.broker_letters import BrokerDeadLetters, BrokerLetter
    from experimentframework_core.deadletter import LetterFilter
    from experimentframework_core.envelope import Record

MOST = 100_000
"""Letters that one run requeues or removes if nothing else is said; their keys are in memory."""


class Found(NamedTuple):
    """A letter, and the event that it holds; None where it holds no event of this library."""

    letter: BrokerLetter
    record: Record | None

    @property
    def event_id(self) -> str | None:
        """Its event's id."""
        return None if self.record is None else self.record.event_id


class Chosen(NamedTuple):
    """The letters that a run is about.

    Attributes:
        keys: Their keys, in order.
        more: Whether there are others that were left out because they are too many.
    """

    keys: list[str]
    more: bool


def broker_of(config: Path | None, store: Path | None, backplanes: list[str] | None) -> Source:
    """Return the backplane whose broker's letters are meant; nothing is connected to.

    Raises:
        CommandError: The options do not say which, or its broker keeps none.
        ConfigurationError: The configuration is wrong.
    """
    if store is not None:
        message = "--store names a file; --source broker takes --config FILE"
        raise CommandError(message, exit_code=USAGE)
    if config is None:
        raise CommandError("--source broker needs --config FILE.", exit_code=USAGE)
    names = backplanes or []
    if len(names) > 1:
        message = "--backplane: --source broker looks at one; name one"
        raise CommandError(message, exit_code=USAGE)
    name = names[0] if names else None
    return source_of(config, name, why_not=_why_not, verb="look at")


def opened(source: Source) -> AbstractAsyncContextManager[BrokerDeadLetters]:
    """Open the letters of a backplane that `broker_of` found.

    Raises:
        DeliveryError: The broker cannot be reached, or refuses us.
    """
    assert source.plugin.dead_letters is not None  # noqa: S101 - `broker_of` looked
    return letters_discreetly(source.plugin.dead_letters, source.options)


async def found_in(letters: BrokerDeadLetters, chosen: LetterFilter) -> AsyncGenerator[Found, None]:
    """Yield the chosen letters that are there now.

    Raises:
        DeliveryError: They cannot be looked at.
    """
    async with aclosing(letters.look()) as there:
        async for letter in there:
            found = Found(letter, _event_in(letter))
            if _selects(chosen, found):
                yield found


async def chosen_in(letters: BrokerDeadLetters, chosen: LetterFilter, limit: int | None) -> Chosen:
    """Return the keys of the chosen letters that are there now.

    Args:
        letters: Where they are.
        chosen: Which.
        limit: How many at most.

    Raises:
        DeliveryError: They cannot be looked at.
    """
    most = limit or MOST
    keys: list[str] = []
    async with aclosing(found_in(letters, chosen)) as there:
        async for found in there:
            if len(keys) == most:
                return Chosen(keys, more=True)
            keys.append(found.letter.key)
    return Chosen(keys, more=False)


def _why_not(source: Source) -> str | None:
    return "keeps no dead letters itself" if source.plugin.dead_letters is None else None


def _event_in(letter: BrokerLetter) -> Record | None:
    try:
        return decode_record(letter.body)
    except InvalidEventError:
        return None


def _selects(chosen: LetterFilter, found: Found) -> bool:
    letter, record = found
    at = letter.enqueued_at
    return (
        (not chosen.types or (record is not None and record.event_type in chosen.types))
        and (not chosen.experiments or (record is not None and _of(record, chosen.experiments)))
        and (not chosen.reasons or letter.reason in chosen.reasons)
        and (not chosen.ids or not {letter.message_id, found.event_id}.isdisjoint(chosen.ids))
        and (chosen.since is None or (at is not None and chosen.since <= at))
        and (chosen.until is None or (at is not None and at < chosen.until))
    )


def _of(record: Record, experiments: tuple[str, ...]) -> bool:
    return record.experiment in experiments
