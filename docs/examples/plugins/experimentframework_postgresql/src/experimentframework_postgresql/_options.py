"""The options of the type ``postgreSql``."""

from __future__ import annotations

from typing import Annotated

import msgspec

from experimentframework_core.plugin import ChannelSettings
from experimentframework_core.units import LONGEST_DURATION, Secret

Text = Annotated[str, msgspec.Meta(min_length=1)]
Seconds = Annotated[int, msgspec.Meta(ge=1, le=LONGEST_DURATION // 1000)]


class PostgreSqlOptions(ChannelSettings, frozen=True, kw_only=True, rename="camel"):
    """Options of the type ``postgreSql``. Its ``batchSize`` is 500 where nobody says another.

    Attributes:
        connection_string: Where the database is and how to sign in, as
            ``postgresql://user:password@host:5432/database?sslmode=verify-full``.
        password: The password, where it does not stand in the connection string: there, some
            characters must be written as ``%40``.
        schema: The schema of the table.
        table_name: The table.
        auto_migrate: Make or upgrade the table when the backplane opens.
        command_timeout_seconds: Seconds after which a statement is given up.
    """

    connection_string: Secret
    password: Secret | None = None
    schema: Text = "public"
    table_name: Text = "experiment_events"
    auto_migrate: bool = False
    command_timeout_seconds: Seconds = 30
