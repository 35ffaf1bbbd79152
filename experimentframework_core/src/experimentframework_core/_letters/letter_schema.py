"""The table of dead letters, and what makes it of a former one."""

from __future__ import annotations

from experimentframework_core._sqlite.schema import Schema

_table = """
CREATE TABLE dead_letters (
    position    INTEGER PRIMARY KEY AUTOINCREMENT,
    event_id    TEXT NOT NULL,
    backplane   TEXT NOT NULL,
    event_type  TEXT NOT NULL,
    experiment  TEXT,
    reason      TEXT NOT NULL,
    error       TEXT NOT NULL,
    error_class TEXT NOT NULL,
    attempts    INTEGER NOT NULL,
    first_at    INTEGER NOT NULL,  -- microseconds since 1970-01-01 UTC
    last_at     INTEGER NOT NULL,  -- the same
    stored_at   INTEGER NOT NULL,  -- the same
    traceback   TEXT,
    body        BLOB NOT NULL,     -- the event as it was to be delivered
    origin      TEXT NOT NULL DEFAULT '',
    UNIQUE (event_id, backplane, origin)
)
"""
_index = "CREATE INDEX dead_letters_by_time ON dead_letters (last_at)"
_first_columns = (
    "position, event_id, backplane, event_type, experiment, reason, error, error_class, attempts,"
    " first_at, last_at, stored_at, traceback, body"
)
schema = Schema(
    kind="dead-letter store",
    application_id=0x4578446C,  # "ExDl"
    version=2,
    statements=(_table, _index),
    upgrades={
        1: (
            "DROP INDEX dead_letters_by_time",
            "ALTER TABLE dead_letters RENAME TO former",
            _table,
            f"INSERT INTO dead_letters ({_first_columns}) SELECT {_first_columns} FROM former",  # noqa: S608 - constants
            # No position may come a second time, nor where all letters are removed.
            "DELETE FROM sqlite_sequence WHERE name = 'dead_letters'",
            "UPDATE sqlite_sequence SET name = 'dead_letters' WHERE name = 'former'",
            "DROP TABLE former",
            _index,
        )
    },
)
