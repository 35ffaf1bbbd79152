"""Opens and reads a plugin's backplane so that its errors quote no secret of its options.

A destination may say back what it was sent, and a driver what it was given. What is raised goes
into health, the log, dead letters, the error of ``publish`` and onto terminals: so it is looked
through here once.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Any, Generic, NoReturn, TypeVar

from experimentframework_core._hiding import hidden_in, hide
from experimentframework_core._log import text_of
from experimentframework_core.errors import (
    PartialBatchError,
    PermanentError,
    TransientError,
    UnavailableError,
)
from experimentframework_core.plugin import Backplane, Pingable

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Collection, Iterator, Sequence
    from contextlib import AbstractAsyncContextManager

    from experimentframework_core.broker_letters import (
        BrokerDeadLetters,
        BrokerLetter,
        LetterOutcome,
    )
    from experimentframework_core.envelope import Record
    from experimentframework_core.plugin import (
        BackplanePlugin,
        ChannelSettings,
        OpenContext,
        Selection,
    )

Item = TypeVar("Item")
OpenLetters = Callable[[Any], "AbstractAsyncContextManager[BrokerDeadLetters]"]


def open_discreetly(
    plugin: BackplanePlugin[Any], options: ChannelSettings, context: OpenContext
) -> AbstractAsyncContextManager[Backplane]:
    """Return what opens one instance of the backplane; without secrets, that is the plugin's."""
    hidden = hidden_in(options)
    if not hidden:
        return plugin.open(options, context)
    return _opened(plugin, options, context, hidden)


@asynccontextmanager
async def _opened(
    plugin: BackplanePlugin[Any], options: ChannelSettings, context: OpenContext, hidden: list[str]
) -> AsyncIterator[Backplane]:
    with _discreet(hidden):
        async with plugin.open(options, context) as backplane:
            if not isinstance(backplane, Backplane):
                yield backplane
            elif isinstance(backplane, Pingable):
                yield _Pingable(backplane, hidden)
            else:
                yield _Discreet(backplane, hidden)


class _Discreet:
    """A backplane whose errors are looked through."""

    def __init__(self, backplane: Any, hidden: list[str]) -> None:  # noqa: ANN401 - it may ping
        self._backplane = backplane
        self._hidden = hidden

    async def deliver(self, batch: Sequence[Record]) -> None:
        """Deliver."""
        with _discreet(self._hidden):
            await self._backplane.deliver(batch)


class _Pingable(_Discreet):
    """One that can be pinged."""

    async def ping(self) -> None:
        """Ping."""
        with _discreet(self._hidden):
            await self._backplane.ping()


def read_discreetly(
    read: Callable[[Any, Selection], AsyncIterator[Item]],
    options: ChannelSettings,
    selection: Selection,
) -> AsyncIterator[Item]:
    """Return a plugin's reader; without secrets, that is the plugin's own.

    Args:
        read: The plugin's ``read`` or ``read_records``.
        options: The plugin's options.
        selection: What to read.
    """
    hidden = hidden_in(options)
    if not hidden:
        return read(options, selection)
    with _discreet(hidden):
        return _Reader(read(options, selection), hidden)


class _Reader(AsyncIterator[Item], Generic[Item]):
    """A reader whose errors are looked through."""

    def __init__(self, reader: AsyncIterator[Item], hidden: list[str]) -> None:
        self._reader = reader
        self._hidden = hidden

    def __getattr__(self, name: str) -> object:
        """Return the reader's ``checkpoint``, ``progress`` or ``finds_times``, if it has them."""
        return getattr(self._reader, name)

    async def __anext__(self) -> Item:
        # A `with` here would cost each event a microsecond.
        try:
            return await anext(self._reader)
        except StopAsyncIteration:
            raise
        except Exception as error:  # noqa: BLE001 - it is raised
            _raise(error, self._hidden)

    async def aclose(self) -> None:
        """Close the reader, where it can be closed."""
        close = getattr(self._reader, "aclose", None)
        if close is not None:
            with _discreet(self._hidden):
                await close()


@asynccontextmanager
async def letters_discreetly(
    open_letters: OpenLetters, options: ChannelSettings
) -> AsyncIterator[BrokerDeadLetters]:
    """Open the dead letters that a plugin's broker keeps; without secrets, they are its own."""
    hidden = hidden_in(options)
    with _discreet(hidden):
        async with open_letters(options) as letters:
            yield _Letters(letters, hidden) if hidden else letters


class _Letters:
    """Dead letters of a broker whose errors are looked through."""

    def __init__(self, letters: BrokerDeadLetters, hidden: list[str]) -> None:
        self._letters = letters
        self._hidden = hidden

    def look(self) -> AsyncGenerator[BrokerLetter, None]:
        """Look."""
        return _each_of(self._letters.look(), self._hidden)

    def requeue(self, keys: Collection[str]) -> AsyncGenerator[LetterOutcome, None]:
        """Requeue."""
        return _each_of(self._letters.requeue(keys), self._hidden)

    def purge(self, keys: Collection[str]) -> AsyncGenerator[LetterOutcome, None]:
        """Purge."""
        return _each_of(self._letters.purge(keys), self._hidden)


async def _each_of(
    found: AsyncGenerator[Item, None], hidden: list[str]
) -> AsyncGenerator[Item, None]:
    with _discreet(hidden):
        async with aclosing(found):
            async for each in found:
                yield each


@contextmanager
def _discreet(hidden: list[str]) -> Iterator[None]:
    try:
        yield
    except Exception as error:  # noqa: BLE001 - it is raised
        _raise(error, hidden)


def _raise(error: Exception, hidden: list[str]) -> NoReturn:
    told = without_secrets(error, hidden)
    if told is error:
        raise error
    raise told.with_traceback(error.__traceback__) from None


def without_secrets(error: Exception, hidden: list[str]) -> Exception:
    """Return the error itself, its words changed where they quote a secret, and its causes'.

    One whose words cannot be changed is replaced by one that means the same to the channel.
    """
    quoting = [each for each in _all_of(error) if not _is_clean(each, hidden)]
    if not quoting:
        return error
    for each in quoting:
        each.args = tuple(hide(arg, hidden) if isinstance(arg, str) else arg for arg in each.args)
    if _is_clean(error, hidden):
        if not all(_is_clean(each, hidden) for each in quoting):
            error.__cause__, error.__suppress_context__ = None, True
        return error
    if isinstance(error, PartialBatchError):
        failures = {i: _alike(each, hidden) for i, each in error.failures.items()}
        return PartialBatchError(failures)
    if isinstance(error, TransientError | PermanentError):
        return _alike(error, hidden)
    return RuntimeError(f"{type(error).__name__}: {hide(text_of(error), hidden)}")


def _alike(
    error: TransientError | PermanentError, hidden: list[str]
) -> TransientError | PermanentError:
    text = hide(text_of(error), hidden)
    if isinstance(error, UnavailableError):
        return UnavailableError(text, retry_after=error.retry_after)
    if isinstance(error, TransientError):
        return TransientError(text, retry_after=error.retry_after)
    return PermanentError(text)


def _is_clean(error: BaseException, hidden: list[str]) -> bool:
    text = text_of(error)
    return hide(text, hidden) == text


def _all_of(error: BaseException) -> Iterator[BaseException]:
    """Yield an error, those in it, and those behind it."""
    waiting: list[BaseException | None] = [error]
    seen: set[int] = set()
    while waiting:
        each = waiting.pop()
        if each is None or id(each) in seen:
            continue
        seen.add(id(each))
        yield each
        waiting += (each.__cause__, each.__context__)
        if isinstance(each, PartialBatchError):
            waiting += each.failures.values()
        elif isinstance(each, BaseExceptionGroup):
            waiting += each.exceptions
