"""The event database: its table, its indexes, its views for people."""

from __future__ import annotations

from experimentframework_core._sqlite.schema import Schema

_table = """
CREATE TABLE events (
    position       INTEGER PRIMARY KEY AUTOINCREMENT,
    event_id       TEXT NOT NULL UNIQUE,
    type           TEXT NOT NULL,
    schema_version TEXT NOT NULL,
    experiment     TEXT,
    variant        TEXT,
    subject        TEXT,
    tenant         TEXT,
    correlation_id TEXT,
    occurred_at    INTEGER NOT NULL,  -- microseconds since 1970-01-01 UTC
    stored_at      INTEGER NOT NULL,  -- the same
    body           TEXT NOT NULL      -- the event's canonical JSON
)
"""
_experiment_index = "CREATE INDEX events_by_experiment ON events (experiment, type, occurred_at)"
_time_index = "CREATE INDEX events_by_time ON events (occurred_at)"

# What the query planner takes the table for. Without it a join of an experiment's exposures with
# its outcomes looks at each pair: minutes instead of seconds for some 100,000 of each.
_statistics = (
    "ANALYZE sqlite_master",
    """
INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES
    ('events', 'events_by_experiment', '2000000 200000 100000 1'),
    ('events', 'events_by_time', '2000000 1'),
    ('events', 'sqlite_autoindex_events_1', '2000000 1')
""",
)


def _view(name: str, event_type: str, payload: dict[str, str]) -> str:
    fields = "".join(
        f",\n    json_extract(body, '$.payload.{field}') AS {column}"
        for column, field in payload.items()
    )
    return f"""
CREATE VIEW {name} AS SELECT
    position, event_id,
    strftime('%Y-%m-%dT%H:%M:%fZ', occurred_at / 1e6, 'unixepoch') AS time,
    experiment, variant, subject, tenant, correlation_id{fields}
FROM events WHERE type = '{event_type}'
"""  # noqa: S608 - the parts are constants of this module


schema = Schema(
    kind="event database",
    application_id=0x45784576,  # "ExEv"
    version=1,
    statements=(
        _table,
        _experiment_index,
        _time_index,
        *_statistics,
        _view(
            "exposures",
            "exposure",
            {
                "selection_reason": "selectionReason",
                "subject_type": "subjectType",
                "rule_path": "rulePath",
                "assignment_policy": "assignmentPolicy",
                "is_repeat_exposure": "isRepeatExposure",
                "attributes": "attributes",
            },
        ),
        _view(
            "outcomes",
            "outcome",
            {
                "name": "name",
                "outcome_type": "outcomeType",
                "value": "value",
                "attributes": "attributes",
            },
        ),
    ),
)
