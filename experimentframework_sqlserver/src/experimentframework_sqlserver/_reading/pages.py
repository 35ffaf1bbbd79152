"""Gets pages of rows from the table, each by a session and a transaction of its own."""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

from experimentframework_core.errors import TransientError, UnavailableError
from experimentframework_sqlserver._connection.pool import open_pool
from experimentframework_sqlserver._doing import doing
from experimentframework_sqlserver._errors import MIGRATE
from experimentframework_sqlserver._reading.progress import PATIENCE
from experimentframework_sqlserver._reading.query import Queries
from experimentframework_sqlserver._reading.stored_row import row_of
from experimentframework_sqlserver._table.migrating import columns_of_table
from experimentframework_sqlserver._table.naming import names_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from experimentframework_core.plugin import Selection
    from experimentframework_sqlserver._connection.pool import Pool
    from experimentframework_sqlserver._options import SqlServerOptions
    from experimentframework_sqlserver._reading.checkpoint import Gap
    from experimentframework_sqlserver._reading.query import Statement
    from experimentframework_sqlserver._reading.stored_row import Row
    from experimentframework_sqlserver._table.naming import Names

_MOST_ROWS = 1000
_FIRST_ROWS = 100
_CHARACTERS = 4_000_000
"""About how much text a page has: an event may have up to its ``maxEventBytes``."""

_TRIES = 4
_PAUSE = 0.2


class Numbered(NamedTuple):
    """A row of the table; without what it says where it is not selected.

    Attributes:
        number: Its ``Id``.
        made: When it was made, in seconds since 1970-01-01 UTC, by the server's clock.
        row: What it says.
    """

    number: int
    made: float
    row: Row | None


class Page(NamedTuple):
    """Some rows, the lowest ``Id`` first, and whether there are none behind them now."""

    rows: Sequence[Numbered]
    is_last: bool


class Bounds(NamedTuple):
    """The last ``Id``, and the last before which nothing can come any more; 0 without rows."""

    last: int
    settled: int


class Span(NamedTuple):
    """Between which two Ids everything is that is selected: behind the first, up to the second."""

    after: int
    last: int


class Pages:
    """Reads pages, as large as the rows allow."""

    def __init__(self, pool: Pool, queries: Queries, names: Names) -> None:
        """Read with ``pool``; `of` opens one."""
        self._pool = pool
        self._queries = queries
        self._names = names
        self._rows = _FIRST_ROWS
        self._clock = time.time() - time.monotonic()

    @classmethod
    @asynccontextmanager
    async def of(cls, options: SqlServerOptions, selection: Selection) -> AsyncIterator[Pages]:
        """Open a pool, and look what columns the table has.

        Raises:
            UnavailableError: The table is missing, or the server refuses us.
            TransientError: The server does not answer.
        """
        names = names_of(options)
        pool = open_pool(options, size=1)
        try:
            async with pool.session() as session:
                with doing(f"read the table {names}", needs="SELECT"):
                    columns = await columns_of_table(session, names)
            if not columns:
                raise UnavailableError(f"cannot read the table {names}: it is missing; {MIGRATE}")
            yield cls(pool, Queries(names, columns, selection), names)
        finally:
            await pool.close()

    def now(self) -> float:
        """Return the time of the server's clock, in seconds since 1970-01-01 UTC."""
        return self._clock + time.monotonic()

    async def bounds(self) -> Bounds:
        """Return where the table ends, and begin to know the server's time."""
        [(last, settled, now)] = await self._run(self._queries.bounds(PATIENCE))
        self._clock = _seconds(now) - time.monotonic()
        return Bounds(_number(last), _number(settled))

    async def removed(self, after: int) -> int:
        """Return how many rows right behind one that was read may have been removed: 0, at most.

        That is known if the row itself was: retention takes the oldest first. Numbers that never
        had a row, as those of transactions that were rolled back, count too.
        """
        [(number,)] = await self._run(self._queries.next_row(after))
        first = _number(number)
        return 0 if first <= after else first - after - 1

    async def span(self, after: int, last: int) -> Span:
        """Return where to look between two Ids, as far as indexes can tell."""
        statement = self._queries.span(after, last)
        if statement is None or after >= last:
            return Span(after, last)
        [(lowest, highest)] = await self._run(statement)
        return Span(last, last) if lowest is None else Span(_number(lowest) - 1, _number(highest))

    async def settled(self, after: int, last: int) -> Page:
        """Return selected rows between two Ids."""
        asked = self._rows
        rows = await self._run(self._queries.settled(after, last, asked))
        return self._page([(number, 0.0, *row) for number, *row in rows], asked)

    async def recent(self, after: int, last: int | None) -> Page:
        """Return the rows behind an Id, and up to another if one is given."""
        asked = self._rows
        end = 2**63 - 1 if last is None else last
        return self._page(await self._run(self._queries.recent(after, end, asked)), asked)

    async def came(self, gaps: Sequence[Gap]) -> Page:
        """Return the rows that are in gaps now."""
        asked = self._rows
        return self._page(await self._run(self._queries.came(gaps, asked)), asked)

    def _page(self, rows: Sequence[Sequence[object]], asked: int) -> Page:
        found = [_numbered(values) for values in rows]
        size = sum(len(each.row.payload) for each in found if each.row is not None)
        wanted = _MOST_ROWS if not size else _CHARACTERS * len(found) // size
        self._rows = max(1, min(wanted, self._rows * 4, _MOST_ROWS))
        return Page(found, len(found) < asked)

    async def _run(self, statement: Statement) -> list[tuple[object, ...]]:
        for tried in range(1, _TRIES):
            try:
                return await self._run_once(statement)
            except UnavailableError:
                raise
            except TransientError:
                await asyncio.sleep(_PAUSE * 2**tried)
        return await self._run_once(statement)

    async def _run_once(self, statement: Statement) -> list[tuple[object, ...]]:
        async with self._pool.session() as session:
            with doing(f"read the table {self._names}", needs="SELECT"):
                return (await session.run(statement.text, *statement.parameters)).rows


def _numbered(values: Sequence[object]) -> Numbered:
    number, made, *row = values
    seconds = made if isinstance(made, float) else _seconds(made)
    # A row that is not selected has no event id.
    return Numbered(_number(number), seconds, None if row[0] is None else row_of(row))


def _number(value: object) -> int:
    return value if isinstance(value, int) else 0


def _seconds(value: object) -> float:
    return value.timestamp() if isinstance(value, datetime) else 0.0
