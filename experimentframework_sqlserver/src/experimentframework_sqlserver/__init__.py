"""The SQL Server backplane: events as rows of a table, each event id once."""

from __future__ import annotations

from experimentframework_core.plugin import BackplanePlugin, Features
from experimentframework_sqlserver._backplane import channel_defaults, open_sql_server
from experimentframework_sqlserver._check import check_sql_server
from experimentframework_sqlserver._options import SqlServerOptions, SqlServerRetention
from experimentframework_sqlserver._reader import read_records, read_sql_server
from experimentframework_sqlserver._writing.outbox import AsyncOutbox, Outbox, outbox, publish_in

__all__ = [
    "AsyncOutbox",
    "Outbox",
    "SqlServerOptions",
    "SqlServerRetention",
    "outbox",
    "plugin",
    "publish_in",
]

plugin = BackplanePlugin(
    type="sqlServer",
    options=SqlServerOptions,
    open=open_sql_server,
    features=Features(deduplicates=True, durable=True, readable=True, partial_failures=True),
    read=read_sql_server,
    read_records=read_records,
    check=check_sql_server,
    channel_defaults=channel_defaults,
)
