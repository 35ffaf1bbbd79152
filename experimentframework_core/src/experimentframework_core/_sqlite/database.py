"""SQLite for asyncio: one connection in one thread, shared files, errors by a table."""

from __future__ import annotations

import asyncio
import errno
import os
import weakref
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, ParamSpec, Self, TypeVar

from experimentframework_core import _pausing as pausing
from experimentframework_core._sqlite.errors import translate, translate_os_error
from experimentframework_core._sqlite.forks import Forks
from experimentframework_core.errors import UnavailableError

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterator
    from types import TracebackType

T = TypeVar("T")
P = ParamSpec("P")

busy_timeout = 2.0
close_timeout = 5.0
fork_timeout = 5.0
_interrupts = 10
_interrupt_interval = 0.1
_epoch = datetime(1970, 1, 1, tzinfo=UTC)
_journal_size_limit = 8 * 1024 * 1024
_sqlite_without_wal_reset_bug = (3, 51, 3)

_keeps_connection = {5, 6, 9, 17, 18, 19, 20}


def microseconds(time: datetime) -> int:
    """Return an aware time as the files hold it: microseconds since 1970-01-01 UTC."""
    since = time - _epoch
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


class Database:
    """A SQLite file that is opened at its first use, and used by one thread only.

    What is given to `run` is done in order and never side by side, also when a caller was
    cancelled: its work still ends, or is rolled back, before the next begins. After an error
    that may lie in the connection the next `run` opens a new one, so a file that was moved
    away or a disk that was full needs no restart.

    Before a fork all files are closed, as SQLite demands, and the parent's next `run` opens them.
    """

    def __init__(
        self,
        path: Path | str,
        *,
        prepare: Callable[[sqlite3.Connection], None],
        create: bool = True,
    ) -> None:
        """Store what is needed to open the file; nothing starts here.

        Args:
            path: The file; ``~`` is the user's home folder.
            prepare: Called with each new connection, in its thread.
            create: Make the file and its parent folders where they are missing.
        """
        self.path = Path(path).expanduser().absolute()
        self._prepare = prepare
        self._create = create
        self._connection: sqlite3.Connection | None = None
        self._executor = ThreadPoolExecutor(1, f"experimentframework-sqlite-{self.path.name}")
        self._used = False
        self._closed = False

    async def run(self, work: Callable[[sqlite3.Connection], T], *, doing: str) -> T:
        """Call ``work`` with the connection in the database's thread and return its result.

        Args:
            work: What to do; the connection is in autocommit mode, see `transaction`.
            doing: What that is, for messages: fits into "cannot … <path>".

        Raises:
            TransientError: The file is locked, the disk full or failing.
            UnavailableError: The file cannot be opened, written or understood.
            PermanentError: SQLite refuses the content.
        """
        return await self._submit(self._attempt, work, doing)

    async def run_closed(self, work: Callable[[], T], *, doing: str) -> T:
        """Close the file, then call ``work`` in its thread; the next `run` opens the file again.

        So ``work`` may read or replace the file, which would drop the locks of an open one.
        """
        return await self._submit(self._attempt_closed, work, doing)

    async def aclose(self) -> None:
        """Wait for running work, close the file, end the thread. Never waits without end.

        Work that outlasts `close_timeout` is interrupted and rolled back; a thread that hangs in
        the operating system is left behind with a warning.
        """
        if self._closed:
            return
        self._closed = True
        if not self._used:
            return
        loop = asyncio.get_running_loop()
        waiter = {loop.run_in_executor(self._executor, _unforked, self._disconnect)}
        self._executor.shutdown(wait=False)
        _, late = await asyncio.wait(waiter, timeout=close_timeout)
        for _ in range(_interrupts):
            if not late:
                break
            # An interrupt only ends what is running now, not what begins a moment later.
            self._interrupt()
            _, late = await asyncio.wait(waiter, timeout=_interrupt_interval)
        if late:
            from experimentframework_core._log import logger

            logger.warning("experimentframework.database_left_open", path=str(self.path))
        else:
            self._executor.shutdown()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()

    async def _submit(
        self, attempt: Callable[[Callable[P, T], str], T], work: Callable[P, T], doing: str
    ) -> T:
        if self._closed:
            raise UnavailableError(f"cannot {doing} {self.path}: the connection is closed")
        self._used = True
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._executor, _unforked, attempt, work, doing)

    def _attempt(self, work: Callable[[sqlite3.Connection], T], doing: str) -> T:
        return self._translating(lambda: work(self._ready()), doing)

    def _attempt_closed(self, work: Callable[[], T], doing: str) -> T:
        self._disconnect()
        return self._translating(work, doing)

    def _translating(self, work: Callable[[], T], doing: str) -> T:
        import sqlite3

        try:
            return work()
        except sqlite3.Error as error:
            code = getattr(error, "sqlite_errorcode", 1) & 0xFF
            if code not in _keeps_connection:
                self._disconnect()
            raise translate(error, doing, self.path) from error
        except OSError as error:
            raise translate_os_error(error, doing, self.path) from error

    def _ready(self) -> sqlite3.Connection:
        connection = self._connection or self._connect()
        if connection.in_transaction:
            connection.rollback()
        return connection

    def _connect(self) -> sqlite3.Connection:
        import sqlite3

        if self._create:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        elif not self.path.exists():
            raise FileNotFoundError(errno.ENOENT, "there is no such file")
        connection = sqlite3.connect(
            f"{self.path.as_uri()}?mode={'rwc' if self._create else 'rw'}",
            uri=True,
            timeout=busy_timeout,
            isolation_level=None,
            check_same_thread=False,  # before a fork another thread closes it
        )
        try:
            self._prepare(connection)
        except BaseException:
            connection.close()
            raise
        self._connection = connection
        _connected.add(self)
        return connection

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            import sqlite3

            with suppress(sqlite3.Error):
                connection.close()

    def _interrupt(self) -> None:
        connection = self._connection
        if connection is not None:
            import sqlite3

            with suppress(sqlite3.Error):
                connection.interrupt()

    def _abandon(self) -> None:
        self._closed = True
        if self._connection is not None:
            import ctypes

            ctypes.pythonapi.Py_IncRef(ctypes.py_object(self._connection))


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """Hold the write lock; commit at the end, roll back on any error."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.rollback()
        raise


@contextmanager
def snapshot(connection: sqlite3.Connection) -> Iterator[None]:
    """Have all statements see the file as it was at the first; others may write meanwhile."""
    connection.execute("BEGIN")
    try:
        yield
    finally:
        connection.rollback()


def share(connection: sqlite3.Connection) -> None:
    """Make commits durable, and readable by other processes while this one writes.

    WAL has a bug in SQLite before 3.51.3 that loses commits where several connections use one
    file; there it is a rollback journal, which is kept between commits (DELETE and TRUNCATE pay
    for the file system's bookkeeping each time).
    """
    import sqlite3

    wal = sqlite3.sqlite_version_info >= _sqlite_without_wal_reset_bug
    connection.execute(f"PRAGMA journal_mode={'WAL' if wal else 'PERSIST'}")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute(f"PRAGMA journal_size_limit={_journal_size_limit}")


_connected: weakref.WeakSet[Database] = weakref.WeakSet()


_forks = Forks()


def _unforked(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    with _forks.kept_off():
        return work(*args, **kwargs)


def _close_before_fork() -> None:
    # SQLite believes that a process has the locks that it had: in the child they are the parent's.
    pausing.keep(_forks.end)
    if _forks.begin(fork_timeout):
        for database in list(_connected):
            database._disconnect()  # noqa: SLF001 - the same module


def _abandon_in_child() -> None:
    _forks.begin_anew()
    # What could not be closed stays open for ever: closing an inherited connection would roll
    # back, or unlink, what the parent is writing.
    for database in list(_connected):
        database._abandon()  # noqa: SLF001 - the same module


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_close_before_fork, after_in_child=_abandon_in_child)
