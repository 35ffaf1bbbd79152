"""The statement that stores a batch, and its repetitions."""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING, NamedTuple

from experimentframework_sqlserver._errors import is_deadlock, is_duplicate
from experimentframework_sqlserver._table.naming import names_of
from experimentframework_sqlserver._writing.rows import BOXED_FIELD, EXTRA_FIELD

if TYPE_CHECKING:
    from collections.abc import Mapping

    from experimentframework_sqlserver._connection.session import Session
    from experimentframework_sqlserver._options import SqlServerOptions
    from experimentframework_sqlserver._writing.rows import Rows

MOST_TRIES = 10
"""How often a statement is executed that others get in the way of."""

_PAUSE = 0.02
"""Seconds of which at most that many are waited after a deadlock, for each try."""

_PASCAL = (
    "UPPER(LEFT(new.EventType, 1) COLLATE Latin1_General_100_BIN2)"
    " + SUBSTRING(new.EventType, 2, 127)"
)

_INSERT = """
INSERT INTO [$(Schema)].[$(Table)]
    (EventId, Timestamp, EventType, SchemaVersion, PayloadJson, CorrelationId, MetadataJson,
     TraceParent, ExtraJson, ExperimentName, VariantKey, SubjectId, TenantId)
SELECT
    new.EventId, new.Timestamp, {event_type}, new.SchemaVersion, {payload}, new.CorrelationId,
    {metadata}, new.TraceParent, {extra}, new.ExperimentName,
    COALESCE(new.NewVariantKey, new.VariantKey), new.SubjectId, new.TenantId
FROM {source} WITH (
    EventId        VARCHAR(128)      '$.eventId',
    Timestamp      DATETIMEOFFSET(7) '$.timestamp',
    EventType      NVARCHAR(128)     '$.eventType',
    SchemaVersion  NVARCHAR(32)      '$.schemaVersion',{documents}
    CorrelationId  NVARCHAR(512)     '$.correlationId',
    TraceParent    NVARCHAR(64)      '$.traceparent',
    ExperimentName NVARCHAR(256)     '$.payload.experimentName',
    NewVariantKey  NVARCHAR(256)     '$.payload.newVariantKey',
    VariantKey     NVARCHAR(256)     '$.payload.variantKey',
    SubjectId      NVARCHAR(512)     '$.payload.subjectId',
    TenantId       NVARCHAR(512)     '$.payload.tenantId'
) AS new
"""
_USUAL = {
    "source": "OPENJSON(CAST(? AS NVARCHAR(MAX)))",
    "documents": """
    PayloadJson    NVARCHAR(MAX)     '$.payload' AS JSON,
    MetadataJson   NVARCHAR(MAX)     '$.metadata' AS JSON,""",
    "payload": "new.PayloadJson",
    "metadata": "new.MetadataJson",
    "extra": "NULL",
}
_BOXED = f"JSON_QUERY(element.[value], '$.\"{BOXED_FIELD}\"')"
# Babelfish cuts what OPENJSON gives at 4,000 characters, and not what JSON_QUERY gives.
_ANY = {
    "source": (
        "OPENJSON(CAST(? AS NVARCHAR(MAX))) AS element CROSS APPLY OPENJSON(element.[value])"
    ),
    "documents": "",
    "payload": f"""COALESCE(
        CAST(SUBSTRING({_BOXED}, 2, LEN({_BOXED}) - 2) AS NVARCHAR(MAX)),
        JSON_QUERY(element.[value], '$.payload'))""",
    "metadata": "JSON_QUERY(element.[value], '$.metadata')",
    "extra": f"JSON_QUERY(element.[value], '$.\"{EXTRA_FIELD}\"')",
}
_UNLESS_STORED = """
WHERE NOT EXISTS (
    SELECT 1 FROM [$(Schema)].[$(Table)] AS stored
    WHERE stored.EventId = new.EventId COLLATE Latin1_General_100_BIN2
)
"""


class Statements(NamedTuple):
    """Two statements that take an array of events.

    Attributes:
        always: Stores all, and fails where one is stored already.
        unless_stored: Stores those that are not stored yet.
    """

    always: str
    unless_stored: str


class Insert:
    """Stores arrays of events in the table."""

    def __init__(self, options: SqlServerOptions) -> None:
        """Make the statements for the table of the options.

        Raises:
            UnavailableError: The schema's or the table's name is none.
        """
        self._names = names_of(options)
        self._event_type = _PASCAL if options.event_type_case == "pascal" else "new.EventType"
        self._usual = self._statements(_USUAL)
        self._any = self._statements(_ANY)

    def _statements(self, parts: Mapping[str, str]) -> Statements:
        template = _INSERT.format(event_type=self._event_type, **parts)
        always = self._names.within(template)
        return Statements(always, always + self._names.within(_UNLESS_STORED))

    def statements(self, rows: Rows) -> Statements:
        """Return what stores these rows."""
        return self._usual if rows.usual else self._any

    async def store(self, session: Session, rows: Rows, *, maybe_stored: bool) -> int:
        """Store each event once, whatever was stored before, and return how many were stored.

        The statement is a transaction of its own. It is executed again where it met another
        writer's: that one's rows are there then.

        Args:
            session: Where to execute it.
            rows: The events.
            maybe_stored: Whether to look from the beginning for those that are stored.

        Raises:
            pyodbc.Error: The server or the driver refuses.
            TransientError: The driver does not come back.
        """
        import pyodbc

        always, unless_stored = self.statements(rows)
        statement = unless_stored if maybe_stored else always
        tries = 0
        while True:
            tries += 1
            try:
                return (await session.run_alone(statement, rows.json)).rowcount
            except pyodbc.Error as error:
                if tries == MOST_TRIES or not (is_duplicate(error) or is_deadlock(error)):
                    raise
                if is_deadlock(error):
                    await asyncio.sleep(random.uniform(0, _PAUSE * tries))  # noqa: S311 - no secret
            statement = unless_stored
