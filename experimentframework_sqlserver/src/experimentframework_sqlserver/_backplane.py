"""Opens the type ``sqlServer``."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from experimentframework_core.errors import UnavailableError
from experimentframework_core.plugin import ChannelSettings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from experimentframework_core.plugin import Backplane, OpenContext
    from experimentframework_sqlserver._options import SqlServerOptions

_BATCH_SIZE = 100


@asynccontextmanager
async def open_sql_server(
    _options: SqlServerOptions, context: OpenContext
) -> AsyncIterator[Backplane]:
    """Say that nothing is delivered yet.

    Raises:
        UnavailableError: Always.
    """
    raise UnavailableError(
        f"cannot open backplane '{context.name}': this version of experimentframework-sqlserver "
        "checks the configuration and does not deliver yet; name another type until it does"
    )
    yield


def channel_defaults(_options: SqlServerOptions) -> ChannelSettings:
    """Return the settings of the channel where nobody says others."""
    return ChannelSettings(batch_size=_BATCH_SIZE)
