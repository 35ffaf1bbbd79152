"""Opens the type ``postgreSql`` and delivers to it."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from experimentframework_core.plugin import ChannelSettings
from experimentframework_postgresql._errors import doing
from experimentframework_postgresql._migrations import migrate
from experimentframework_postgresql._names import names_of
from experimentframework_postgresql._rows import COLUMNS, columns_of
from experimentframework_postgresql._session import Session

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from experimentframework_core.envelope import Record
    from experimentframework_core.plugin import Backplane, OpenContext
    from experimentframework_postgresql._options import PostgreSqlOptions

_BATCH_SIZE = 500

_names = ", ".join(f'"{name}"' for name in COLUMNS)
_arrays = ", ".join(f"${place}::{kind}[]" for place, kind in enumerate(COLUMNS.values(), 1))
_INSERT = f"""
INSERT INTO "$(schema)"."$(table)" ({_names})
SELECT {_names} FROM unnest({_arrays}) WITH ORDINALITY AS new ({_names}, place)
ORDER BY place
ON CONFLICT (event_id) DO NOTHING
"""  # noqa: S608 - the names are constants


@asynccontextmanager
async def open_postgresql(
    options: PostgreSqlOptions,
    context: OpenContext,  # noqa: ARG001 - lanes differ in nothing
) -> AsyncIterator[Backplane]:
    """Yield a backplane that has found its table, or made it where ``autoMigrate`` says so.

    Raises:
        TransientError: The server does not answer.
        UnavailableError: It refuses us, or the table is missing or another.
    """
    async with Session(options) as session:
        backplane = PostgreSqlBackplane(options, session)
        if options.auto_migrate:
            await migrate(session, names_of(options))
        await backplane.store(session, ())
        yield backplane


def channel_defaults(_options: PostgreSqlOptions) -> ChannelSettings:
    """Return the settings of the channel where nobody says others."""
    return ChannelSettings(batch_size=_BATCH_SIZE)


class PostgreSqlBackplane:
    """Stores each batch with one statement, which is one transaction."""

    def __init__(self, options: PostgreSqlOptions, session: Session) -> None:
        """Use ``session``, which somebody else closes."""
        self._options = options
        self._session = session
        self._table = names_of(options)
        self._insert = self._table.within(_INSERT)

    async def deliver(self, batch: Sequence[Record]) -> None:
        """Return when every record is committed, each event id once.

        Raises:
            TransientError: Not confirmed, possibly stored.
            UnavailableError: The same, and somebody must change something.
            PermanentError: A record of the batch is refused; nothing of it is stored.
        """
        if batch:
            await self.store(self._session, batch)

    async def ping(self) -> None:
        """Return if the server takes the statement that stores events, given none.

        Raises:
            DeliveryError: It does not answer or refuses; the table or a right is missing.
        """
        async with Session(self._options) as session:
            await self.store(session, ())

    async def store(self, session: Session, batch: Sequence[Record]) -> None:
        """Run the statement that stores events, for as many as there are.

        Raises:
            DeliveryError: As for `deliver`.
        """
        with doing("write to", self._table):
            await session.run(self._insert, *columns_of(batch))
