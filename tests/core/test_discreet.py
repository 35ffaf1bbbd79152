"""Errors of backplanes quote no secret of their options, wherever they are told."""

from __future__ import annotations

import asyncio
import traceback
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest

from experimentframework_core import BackplanePlugin, ChannelSettings, OpenContext, Secret
from experimentframework_core._discreet import open_discreetly
from experimentframework_core.errors import (
    PartialBatchError,
    PermanentError,
    TransientError,
    UnavailableError,
)
from experimentframework_core.plugin import Backplane, Pingable
from experimentframework_core.testing import make_records

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from experimentframework_core.envelope import Record

CONTEXT = OpenContext(name="one")


class Keyed(ChannelSettings, frozen=True, kw_only=True):
    key: Secret = Secret("hunter2")


class UnchangeableError(PermanentError):
    """Says something else than what it was made of."""

    def __str__(self) -> str:
        return "refused: hunter2"


class Failing:
    """Raises whatever it is told to."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    async def deliver(self, batch: Sequence[Record]) -> None:
        raise self.error


class Answering(Failing):
    """One that can be pinged."""

    async def ping(self) -> None:
        raise self.error


def plugin_of(backplane: Backplane, options: type[ChannelSettings] = Keyed) -> BackplanePlugin[Any]:
    """Return a plugin that opens that."""

    @asynccontextmanager
    async def opened(_options: ChannelSettings, _context: OpenContext) -> AsyncIterator[Backplane]:
        yield backplane

    return BackplanePlugin(type="failing", options=options, open=opened)


async def raised(error: Exception) -> Exception:
    """Return what the channel gets of an error."""
    async with open_discreetly(plugin_of(Failing(error)), Keyed(), CONTEXT) as backplane:
        (told,) = await asyncio.gather(backplane.deliver(make_records(2)), return_exceptions=True)
    assert isinstance(told, Exception)
    return told


@pytest.mark.parametrize(
    "error",
    [
        TransientError("said hunter2", retry_after=7.0),
        UnavailableError("said hunter2", retry_after=7.0),
        PermanentError("said hunter2"),
        ValueError("said hunter2"),
    ],
    ids=lambda error: type(error).__name__,
)
async def test_a_secret_is_hidden(error: Exception) -> None:
    """Given an error that quotes the key, When it is raised, Then it is the same, without it."""
    told = await raised(error)

    assert told is error
    assert str(told) == "said ***"
    assert getattr(told, "retry_after", 7.0) in (7.0, None)


async def test_each_failure_of_a_batch_is_looked_through() -> None:
    """Given a batch of which one fails, When it is told, Then neither it nor its reason quotes."""
    told = await raised(PartialBatchError({1: PermanentError("said hunter2")}))

    assert isinstance(told, PartialBatchError)
    assert str(told) == "1 record of the batch failed: said ***"
    assert str(told.failures[1]) == "said ***"


async def test_what_is_behind_it_is_looked_through() -> None:
    """Given an error behind the error, When its traceback is kept, Then that quotes nothing."""
    error = ValueError("cannot send")
    error.__cause__ = KeyError("hunter2")

    told = await raised(error)

    assert "hunter2" not in "".join(traceback.format_exception(told))


async def test_words_that_cannot_be_changed_are_replaced() -> None:
    """Given an error whose words cannot be changed, When raised, Then another means the same."""
    told = await raised(UnchangeableError())

    assert type(told) is PermanentError
    assert str(told) == "refused: ***"


async def test_a_foreign_error_that_cannot_be_changed_keeps_its_name() -> None:
    """Given an error of the system, When it is raised, Then its class is still told."""
    told = await raised(OSError(5, "cannot use hunter2"))

    assert str(told) == "OSError: [Errno 5] cannot use ***"


async def test_what_cannot_be_changed_behind_it_is_left_out() -> None:
    """Given such an error behind another, When its traceback is kept, Then it is not in it."""
    error = ValueError("cannot send")
    error.__cause__ = OSError(5, "cannot use hunter2")

    told = await raised(error)

    assert "hunter2" not in "".join(traceback.format_exception(told))


async def test_an_opening_is_looked_through() -> None:
    """Given an opening that fails, When it is told, Then it quotes nothing."""

    @asynccontextmanager
    async def failing(_options: Keyed, _context: OpenContext) -> AsyncIterator[Backplane]:
        raise UnavailableError("wrong key hunter2")
        yield

    plugin = BackplanePlugin(type="failing", options=Keyed, open=failing)

    with pytest.raises(UnavailableError, match=r"^wrong key \*\*\*$"):
        async with open_discreetly(plugin, Keyed(), CONTEXT):
            pass


async def test_a_ping_is_looked_through() -> None:
    """Given a destination that quotes the key, When it is pinged, Then it is not told."""
    plugin = plugin_of(Answering(UnavailableError("wrong key hunter2")))

    async with open_discreetly(plugin, Keyed(), CONTEXT) as backplane:
        assert isinstance(backplane, Pingable)
        with pytest.raises(UnavailableError, match=r"^wrong key \*\*\*$"):
            await backplane.ping()


async def test_what_cannot_be_pinged_still_cannot() -> None:
    """Given a backplane without ping, When it is opened, Then it has none."""
    plugin = plugin_of(Failing(ValueError()))

    async with open_discreetly(plugin, Keyed(), CONTEXT) as backplane:
        assert not isinstance(backplane, Pingable)


async def test_without_secrets_it_is_the_plugin_s_own() -> None:
    """Given options without a secret, When it is opened, Then nothing stands between."""
    own = Failing(ValueError())

    plugin = plugin_of(own, ChannelSettings)
    async with open_discreetly(plugin, ChannelSettings(), CONTEXT) as backplane:
        assert backplane is own
