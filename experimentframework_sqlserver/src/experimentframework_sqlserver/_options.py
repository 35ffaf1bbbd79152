"""The options of the type ``sqlServer``."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from experimentframework_core.plugin import ChannelSettings
from experimentframework_core.units import LONGEST_DURATION, Days, Secret

Text = Annotated[str, msgspec.Meta(min_length=1)]
Minutes = Annotated[int, msgspec.Meta(ge=1, le=LONGEST_DURATION // 60_000)]
Seconds = Annotated[int, msgspec.Meta(ge=1, le=LONGEST_DURATION // 1000)]
Slice = Annotated[int, msgspec.Meta(ge=1, le=4000)]
Pool = Annotated[int, msgspec.Meta(ge=1, le=100)]


class SqlServerRetention(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """How long events stay in the table.

    Attributes:
        days: Events that happened longer ago are removed.
        batch_size: Most rows that one statement removes. From about 5,000 the server would lock
            the whole table.
        interval_minutes: How often is looked for events to remove.
    """

    days: Days
    batch_size: Slice = 1000
    interval_minutes: Minutes = 60


class SqlServerOptions(ChannelSettings, frozen=True, kw_only=True, rename="camel"):
    """Options of the type ``sqlServer``. Its ``batchSize`` is 100 where nobody says another.

    Attributes:
        connection_string: Where the database is and how to sign in, as ODBC or as ADO.NET spells
            it.
        driver: The ODBC driver: its name, or the path of its file. ``auto``: the newest
            of Microsoft's that is installed, else the one in the wheel of the extra ``driver``.
        schema: The schema of the table.
        table_name: The table.
        enable_idempotency: Look in every statement for the events that are stored already. Off,
            only a repeated one looks: less work where events rarely come twice. In both cases an
            event id is stored once.
        auto_migrate: Make or upgrade the table when the backplane opens.
        command_timeout_seconds: Seconds after which a statement is given up.
        pool_size: Most connections at the same time.
        retention: How long events stay. None: for ever.
        event_type_case: How event types are spelt in the column: ``camel`` as everywhere, or
            ``pascal`` as the .NET ExperimentFramework does.
    """

    connection_string: Secret
    driver: Text = "auto"
    schema: Text = "dbo"
    table_name: Text = "ExperimentEvents"
    enable_idempotency: bool = True
    auto_migrate: bool = False
    command_timeout_seconds: Seconds = 30
    pool_size: Pool = 2
    retention: SqlServerRetention | None = None
    event_type_case: Literal["camel", "pascal"] = "camel"
