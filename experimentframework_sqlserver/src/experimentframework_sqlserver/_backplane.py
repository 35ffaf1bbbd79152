"""Opens the type ``sqlServer`` and delivers to it."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from experimentframework_core.errors import PartialBatchError
from experimentframework_core.plugin import ChannelSettings
from experimentframework_sqlserver._connection.pool import open_pool
from experimentframework_sqlserver._doing import doing
from experimentframework_sqlserver._table.migrating import migrate
from experimentframework_sqlserver._table.naming import names_of
from experimentframework_sqlserver._table.retention import keep_removing
from experimentframework_sqlserver._writing.insert import Insert
from experimentframework_sqlserver._writing.rows import rows_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from experimentframework_core.envelope import Record
    from experimentframework_core.plugin import Backplane, OpenContext
    from experimentframework_sqlserver._connection.pool import Pool
    from experimentframework_sqlserver._options import SqlServerOptions
    from experimentframework_sqlserver._writing.rows import Rows

_BATCH_SIZE = 100
_LONGEST_WAIT = 8.0
"""Seconds to wait for another that migrates: less than an opening may take, so that it says why."""
_CANCEL_TIMEOUT = 1.0
"""Seconds that the removing of old events has to end."""


@asynccontextmanager
async def open_sql_server(
    options: SqlServerOptions, context: OpenContext
) -> AsyncIterator[Backplane]:
    """Yield a backplane that has found its table, or made it where ``autoMigrate`` says so.

    The first of several lanes removes what ``retention`` says.

    Raises:
        TransientError: The server does not answer.
        UnavailableError: It refuses us, there is no driver, or the table is missing or another.
    """
    pool = open_pool(options)
    backplane = SqlServerBackplane(options, pool)
    removing: asyncio.Future[None] | None = None
    try:
        if options.auto_migrate:
            await migrate(pool, options, wait=_LONGEST_WAIT)
        await backplane.ping()
        if options.retention is not None and context.lane == 0:
            removing = asyncio.ensure_future(keep_removing(pool, options, backplane=context.name))
        yield backplane
    finally:
        if removing is not None:
            removing.cancel()
            await asyncio.wait((removing,), timeout=_CANCEL_TIMEOUT)
        await pool.close()


def channel_defaults(_options: SqlServerOptions) -> ChannelSettings:
    """Return the settings of the channel where nobody says others."""
    return ChannelSettings(batch_size=_BATCH_SIZE)


class SqlServerBackplane:
    """Stores each batch with one statement."""

    def __init__(self, options: SqlServerOptions, pool: Pool) -> None:
        """Use ``pool``, which somebody else closes.

        Raises:
            UnavailableError: The schema's or the table's name is none.
        """
        self._pool = pool
        self._insert = Insert(options)
        self._names = names_of(options)
        self._always_look = options.enable_idempotency
        self._unsure = False

    async def deliver(self, batch: Sequence[Record]) -> None:
        """Return when every record is committed, each event id once.

        Raises:
            TransientError: Not confirmed, possibly stored.
            UnavailableError: The same, and somebody must change something.
            PermanentError: A record of the batch is refused; nothing of it is stored.
            PartialBatchError: All records that it does not name are stored.
        """
        rows = rows_of(batch)
        if len(rows.refused) < len(batch):
            # After a failure the same records come again, and may be stored already.
            looks, self._unsure = self._always_look or self._unsure, True
            await self._store(rows, maybe_stored=looks)
            self._unsure = False
        if rows.refused:
            raise PartialBatchError(rows.refused)

    async def ping(self) -> None:
        """Return if the server takes the statement that stores events, given none.

        Raises:
            DeliveryError: It does not answer or refuses; the table or a right is missing.
        """
        await self._store(rows_of(()), maybe_stored=True)

    async def _store(self, rows: Rows, *, maybe_stored: bool) -> None:
        with doing(f"write to the table {self._names}"):
            async with self._pool.session() as session:
                await self._insert.store(session, rows, maybe_stored=maybe_stored)
