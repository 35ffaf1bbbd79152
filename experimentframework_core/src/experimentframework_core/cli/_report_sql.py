"""The statements of a report: two temporary tables, then sums over them.

Parameters: ``:experiments`` a JSON list, empty for all; ``:since`` and ``:until`` microseconds.
"""

# ruff: noqa: S608 - the parts are constants of this module

from __future__ import annotations

from typing import NamedTuple


class TemporaryTable(NamedTuple):
    """A table that SQLite keeps in a file of its own until the connection closes."""

    create: str
    fill: str


_CHOSEN = """
    subject IS NOT NULL AND occurred_at >= :since AND occurred_at < :until
    AND (:experiments = '[]' OR experiment IN (SELECT value FROM json_each(:experiments)))
"""

FIRST_EXPOSURES = TemporaryTable(
    create="""
CREATE TEMP TABLE first_exposures (
    experiment TEXT, subject TEXT, variant TEXT, exposed_at INTEGER, crossed INTEGER,
    PRIMARY KEY (experiment, subject)
) WITHOUT ROWID
""",
    fill=f"""
INSERT INTO first_exposures
SELECT experiment, subject, variant, occurred_at, 0 FROM events
WHERE type = 'exposure' AND experiment IS NOT NULL AND variant IS NOT NULL AND {_CHOSEN}
ORDER BY occurred_at, position
ON CONFLICT DO UPDATE SET crossed = crossed OR excluded.variant <> variant
""",
)
"""A row for each exposed subject: its first exposure, and whether it saw other variants too."""

RESULTS = TemporaryTable(
    create="""
CREATE TEMP TABLE results (
    experiment TEXT, name TEXT, kind TEXT, variant TEXT, subject TEXT,
    events INTEGER, positive INTEGER, total REAL
)
""",
    fill=f"""
INSERT INTO results
SELECT experiment, name, kind, variant, subject, count(*), max(value <> 0), sum(value) FROM (
    SELECT experiment, subject,
           CASE WHEN occurred_at >= exposed_at THEN first_exposures.variant END AS variant,
           json_extract(body, '$.payload.name') AS name,
           json_extract(body, '$.payload.outcomeType') AS kind,
           json_extract(body, '$.payload.value') AS value
    FROM events LEFT JOIN first_exposures USING (experiment, subject)
    WHERE type = 'outcome' AND {_CHOSEN}
)
GROUP BY experiment, name, kind, variant, subject
""",
)
"""A row for each subject and outcome; no variant where the outcome belongs to no exposure."""

EXPOSED = """
SELECT experiment, variant, count(*), sum(crossed) FROM first_exposures
GROUP BY experiment, variant
"""

LEFT_OUT = """
SELECT experiment, sum(events) FROM results WHERE variant IS NULL GROUP BY experiment
"""

SUMS = """
WITH exposed AS (
    SELECT experiment, variant, count(*) AS exposed FROM first_exposures
    GROUP BY experiment, variant
), means AS (
    SELECT experiment, name, kind, variant, exposed,
           count(*) AS subjects, sum(positive) AS positives,
           sum(total) AS total, sum(total) / exposed AS per_exposed, avg(total / events) AS mean
    FROM results JOIN exposed USING (experiment, variant)
    GROUP BY experiment, name, kind, variant
)
SELECT experiment, name, kind, variant, subjects, positives, means.total,
       sum((results.total - per_exposed) * (results.total - per_exposed))
           + (exposed - subjects) * per_exposed * per_exposed,
       mean,
       sum((results.total / events - mean) * (results.total / events - mean))
FROM results CROSS JOIN means USING (experiment, name, kind, variant)
GROUP BY experiment, name, kind, variant
"""
