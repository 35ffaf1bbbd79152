"""A broker of the test's own that keeps dead letters itself, and the plugin that offers them."""

from __future__ import annotations

from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from experimentframework_core.broker_letters import BrokerLetter, LetterOutcome
from experimentframework_core.plugin import BackplanePlugin, ChannelSettings
from experimentframework_core.testing import make_exposure, make_record

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Collection
    from contextlib import AbstractAsyncContextManager

    from experimentframework_core.plugin import Backplane, OpenContext

CODE = "from tests.core.cli._broker import plugin"
"""The module of a distribution that offers the plugin as the type ``pigeon``."""

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)


def letter(key: str, **said: object) -> BrokerLetter:
    """Return a letter that holds an exposure, with this key and what else is said."""
    record = make_record(make_exposure())
    usual: dict[str, object] = {
        "place": "loft",
        "body": record.body,
        "message_id": record.event_id,
        "reason": "lost",
        "enqueued_at": NOON,
    }
    return BrokerLetter(key=key, **(usual | said))  # type: ignore[arg-type]


def event_id(found: BrokerLetter) -> str:
    """Return the id of the event in a letter of `letter`."""
    assert found.message_id is not None
    return found.message_id


class FakeBroker:
    """Keeps letters, and does what a test says.

    Attributes:
        letters: What is there, by key.
        requeued: The keys of those that were sent again.
        refuses: Why a letter is left, by key.
        fails: What is raised when a letter's turn comes, by key.
        comes: What another process puts there once somebody has looked.
        opened: How often it was connected to.
    """

    def __init__(self) -> None:
        """Begin empty."""
        self.reset()

    def reset(self, *letters: BrokerLetter) -> None:
        """Forget everything, and keep these."""
        self.letters = {each.key: each for each in letters}
        self.requeued: list[str] = []
        self.refuses: dict[str, str] = {}
        self.fails: dict[str, Exception] = {}
        self.comes: list[BrokerLetter] = []
        self.opened = 0

    async def look(self) -> AsyncGenerator[BrokerLetter, None]:
        """Yield what is there; then others come."""
        for each in list(self.letters.values()):
            yield each
        self.letters |= {each.key: each for each in self.comes}

    async def requeue(self, keys: Collection[str]) -> AsyncGenerator[LetterOutcome, None]:
        """Send letters."""
        async for outcome in self._each(keys):
            if outcome.left is None:
                self.requeued.append(outcome.key)
            yield outcome

    async def purge(self, keys: Collection[str]) -> AsyncGenerator[LetterOutcome, None]:
        """Remove letters."""
        async for outcome in self._each(keys):
            yield outcome

    async def _each(self, keys: Collection[str]) -> AsyncGenerator[LetterOutcome, None]:
        for key in [each for each in self.letters if each in keys]:
            if key in self.fails:
                raise self.fails[key]
            left = self.refuses.get(key)
            if left is None:
                del self.letters[key]
            yield LetterOutcome(key=key, left=left)


broker = FakeBroker()


@asynccontextmanager
async def _letters(_options: ChannelSettings) -> AsyncIterator[FakeBroker]:
    broker.opened += 1
    yield broker


def _open(
    _options: ChannelSettings, _context: OpenContext
) -> AbstractAsyncContextManager[Backplane]:
    raise NotImplementedError


plugin = BackplanePlugin(type="pigeon", options=ChannelSettings, open=_open, dead_letters=_letters)
