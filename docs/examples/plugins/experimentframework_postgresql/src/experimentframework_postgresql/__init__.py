"""The PostgreSQL backplane: events as rows of a table, each event id once."""

from __future__ import annotations

from experimentframework_core.plugin import BackplanePlugin, Features
from experimentframework_postgresql._backplane import channel_defaults, open_postgresql
from experimentframework_postgresql._check import check_postgresql
from experimentframework_postgresql._options import PostgreSqlOptions
from experimentframework_postgresql._reader import read_postgresql, read_records

__all__ = ["PostgreSqlOptions", "plugin"]

plugin = BackplanePlugin(
    type="postgreSql",
    options=PostgreSqlOptions,
    open=open_postgresql,
    features=Features(ordered=True, deduplicates=True, durable=True, readable=True),
    read=read_postgresql,
    read_records=read_records,
    check=check_postgresql,
    channel_defaults=channel_defaults,
    other_names={"dsn": "connectionString", "url": "connectionString", "table": "tableName"},
)
