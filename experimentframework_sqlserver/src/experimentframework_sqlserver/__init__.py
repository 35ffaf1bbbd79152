"""The SQL Server backplane. This version checks its configuration and does not deliver yet."""

from __future__ import annotations

from experimentframework_core.plugin import BackplanePlugin
from experimentframework_sqlserver._backplane import channel_defaults, open_sql_server
from experimentframework_sqlserver._check import check_sql_server
from experimentframework_sqlserver._options import SqlServerOptions, SqlServerRetention

__all__ = ["SqlServerOptions", "SqlServerRetention", "plugin"]

plugin = BackplanePlugin(
    type="sqlServer",
    options=SqlServerOptions,
    open=open_sql_server,
    check=check_sql_server,
    channel_defaults=channel_defaults,
)
