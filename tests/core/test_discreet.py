"""Errors of backplanes quote no secret of their options, wherever they are told."""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest

from experimentframework_core import (
    BackplaneOptions,
    BackplanePlugin,
    BrokerLetter,
    ChannelSettings,
    DataPlane,
    DataPlaneOptions,
    LetterOutcome,
    OpenContext,
    Secret,
    Selection,
)
from experimentframework_core._discreet import (
    letters_discreetly,
    open_discreetly,
    read_discreetly,
)
from experimentframework_core.envelope import Envelope
from experimentframework_core.errors import (
    PartialBatchError,
    PermanentError,
    ReplayError,
    TransientError,
    UnavailableError,
)
from experimentframework_core.plugin import Backplane, Pingable
from experimentframework_core.testing import make_envelope, make_records

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Collection, Sequence

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


class Reader(AsyncIterator[Envelope]):
    """Gives an event, then raises, and so on; closing raises too."""

    finds_times = False

    def __init__(self, error: Exception) -> None:
        self.checkpoint: str | None = None
        self.error = error
        self.asked = 0

    async def __anext__(self) -> Envelope:
        self.asked += 1
        self.checkpoint = str(self.asked)
        if self.asked % 2 == 0:
            raise self.error
        if self.asked > 4:
            raise StopAsyncIteration
        return make_envelope()

    async def aclose(self) -> None:
        raise self.error


def reader_of(error: Exception) -> AsyncIterator[Envelope]:
    """Return what the core gets of such a reader."""
    return read_discreetly(lambda _options, _selection: Reader(error), Keyed(), Selection())


async def test_a_reader_is_looked_through() -> None:
    """Given a reader that quotes the key, When it raises, Then the error is the same, without."""
    error = ReplayError("cannot read hunter2", record=b"half")
    reader = reader_of(error)
    await anext(reader)

    with pytest.raises(ReplayError, match=r"^cannot read \*\*\*$") as raised:
        await anext(reader)

    assert raised.value is error
    assert raised.value.record == b"half"


async def test_a_reader_goes_on_behind_what_it_raised() -> None:
    """Given a reader that goes on, When it has raised, Then so does what stands before it."""
    reader: Any = reader_of(ReplayError("cannot read hunter2"))
    seen = [type(each) for each in [await anext(reader), *await anexts(reader, 3)]]

    with pytest.raises(StopAsyncIteration):
        await anext(reader)

    assert seen == [Envelope, ReplayError, Envelope, ReplayError]
    assert (reader.checkpoint, reader.finds_times, hasattr(reader, "progress")) == (
        "5",
        False,
        False,
    )


async def anexts(reader: AsyncIterator[Envelope], number: int) -> list[Envelope | BaseException]:
    """Ask so often, and return what came or was raised."""
    return [
        each
        for _ in range(number)
        for each in await asyncio.gather(_next(reader), return_exceptions=True)
    ]


async def _next(reader: AsyncIterator[Envelope]) -> Envelope:
    return await anext(reader)


async def test_the_closing_of_a_reader_is_looked_through() -> None:
    """Given a reader that cannot be closed, When it is closed, Then nothing is quoted."""
    reader: Any = reader_of(UnavailableError("wrong key hunter2"))

    with pytest.raises(UnavailableError, match=r"^wrong key \*\*\*$"):
        await reader.aclose()


async def test_a_reader_without_secrets_is_the_plugin_s_own() -> None:
    """Given options without a secret, When it is read, Then nothing stands between."""
    own = Reader(ValueError())

    reader = read_discreetly(lambda _o, _s: own, ChannelSettings(), Selection())

    assert reader is own


@pytest.mark.parametrize("early", [True, False])
async def test_what_a_plane_reads_is_looked_through(early: bool) -> None:  # noqa: FBT001
    """Given a plugin whose reader says its connection string, When a plane reads, Then not so."""

    def read(options: Keyed, _selection: Selection) -> AsyncIterator[Envelope]:
        error = UnavailableError(f"cannot connect by {options.key.reveal()!r}")
        if early:
            raise error
        reader = Reader(error)
        reader.asked = 1
        return reader

    plugin = BackplanePlugin(
        type="failing", options=Keyed, open=plugin_of(Failing(ValueError())).open, read=read
    )
    options = Keyed(key=Secret("Server=db;UID=app;PWD=hunter2"))
    settings = DataPlaneOptions(backplane=BackplaneOptions(type="failing", options=options))
    plane = DataPlane(settings, backplane=plugin)

    with pytest.raises(UnavailableError, match=r"^cannot connect by '\*\*\*'$"):
        async for _ in plane.read():
            pass


class Letters:
    """Dead letters that cannot be had."""

    async def look(self) -> AsyncGenerator[BrokerLetter, None]:
        raise UnavailableError("cannot look with hunter2")
        yield

    async def requeue(self, keys: Collection[str]) -> AsyncGenerator[LetterOutcome, None]:
        for key in keys:
            yield LetterOutcome(key=key)
        raise UnavailableError("cannot requeue with hunter2")

    async def purge(self, keys: Collection[str]) -> AsyncGenerator[LetterOutcome, None]:
        raise UnavailableError(f"cannot purge {len(keys)} with hunter2")
        yield


@asynccontextmanager
async def open_letters(_options: Keyed) -> AsyncIterator[Letters]:
    yield Letters()


async def test_dead_letters_of_a_broker_are_looked_through() -> None:
    """Given a broker that quotes the key, When its letters are used, Then none of it is told."""
    outcomes: list[str] = []

    async with letters_discreetly(open_letters, Keyed()) as letters:
        with pytest.raises(UnavailableError, match=r"^cannot look with \*\*\*$"):
            await anext(letters.look())
        with pytest.raises(UnavailableError, match=r"^cannot purge 1 with \*\*\*$"):
            await anext(letters.purge(["1"]))
        requeued = letters.requeue(["1", "2"])
        outcomes += [(await anext(requeued)).key, (await anext(requeued)).key]
        with pytest.raises(UnavailableError, match=r"^cannot requeue with \*\*\*$"):
            await anext(requeued)

    assert outcomes == ["1", "2"]
