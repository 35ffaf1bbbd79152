"""A small pool of connections."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from experimentframework_core.errors import DeliveryError, TransientError
from experimentframework_sqlserver._connection.connecting import target_of
from experimentframework_sqlserver._connection.login import connect

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from concurrent.futures import Future

    from experimentframework_sqlserver._connection.session import Session
    from experimentframework_sqlserver._options import SqlServerOptions

_CLOSE_TIMEOUT = 2.0


class Pool:
    """At most ``size`` connections, opened when they are needed and kept until `close`."""

    def __init__(self, options: SqlServerOptions, size: int) -> None:
        """Store the options; nothing is opened."""
        self._options = options
        self._size = size
        self._patience: float = options.command_timeout_seconds
        self._turn = asyncio.Semaphore(size)
        self._idle: list[Session] = []
        self._closing: list[Future[None]] = []
        self._closed = False

    @asynccontextmanager
    async def session(self) -> AsyncIterator[Session]:
        """Lend a session; what is not committed when it comes back is rolled back.

        Raises:
            TransientError: The server does not answer, or no session came free in time.
            UnavailableError: The server refuses us, or the driver cannot be loaded.
        """
        await self._wait_for_turn()
        try:
            session = self._idle.pop() if self._idle else await self._connect()
            try:
                yield session
            finally:
                await self._take_back(session)
        finally:
            self._turn.release()

    async def close(self) -> None:
        """Close what is idle now, and what is lent when it comes back; in bounded time."""
        self._closed = True
        self._drop_idle()
        closing = [asyncio.wrap_future(each) for each in self._closing if not each.done()]
        self._closing = []
        if closing:
            await asyncio.wait(closing, timeout=_CLOSE_TIMEOUT)
            for each in closing:
                each.cancel()

    async def _wait_for_turn(self) -> None:
        if self._closed:
            raise TransientError("cannot use the database: its connections are closed")
        try:
            async with asyncio.timeout(self._patience):
                await self._turn.acquire()
        except TimeoutError:
            raise TransientError(
                f"cannot use the database: none of {self._size} connections came free within "
                f"{self._patience:g} s; see poolSize"
            ) from None

    async def _connect(self) -> Session:
        target = target_of(self._options)
        return await connect(target, self._options.command_timeout_seconds)

    async def _take_back(self, session: Session) -> None:
        import pyodbc

        try:
            if session.usable and session.in_transaction and not self._closed:
                await session.rollback()
        except (pyodbc.Error, DeliveryError):
            session.usable = False
        finally:
            if session.usable and not session.in_transaction and not self._closed:
                self._idle.append(session)
            else:
                self._drop(session)

    def _drop(self, session: Session) -> None:
        if not session.usable:
            # Whatever broke this connection, a restart or a fail-over, broke the idle ones too.
            self._drop_idle()
        self._closing = [each for each in self._closing if not each.done()]
        self._closing.append(session.drop())

    def _drop_idle(self) -> None:
        idle, self._idle = self._idle, []
        for session in idle:
            self._drop(session)


def open_pool(options: SqlServerOptions, *, size: int | None = None) -> Pool:
    """Return a pool that connects when it is first used.

    Args:
        options: Where to connect to, and how.
        size: Most connections at the same time; None: ``poolSize``.
    """
    return Pool(options, options.pool_size if size is None else size)
