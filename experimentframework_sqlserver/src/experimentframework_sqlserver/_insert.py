"""The statement that stores a batch, and its repetitions."""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING

from experimentframework_sqlserver._errors import is_deadlock, is_duplicate
from experimentframework_sqlserver._naming import names_of
from experimentframework_sqlserver._rows import BOXED_FIELD, EXTRA_FIELD

if TYPE_CHECKING:
    from experimentframework_sqlserver._options import SqlServerOptions
    from experimentframework_sqlserver._session import Session

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
    new.EventId, new.Timestamp, {event_type}, new.SchemaVersion,
    COALESCE(SUBSTRING(new.BoxedJson, 2, LEN(new.BoxedJson) - 2), new.PayloadJson),
    new.CorrelationId, new.MetadataJson, new.TraceParent, new.ExtraJson, new.ExperimentName,
    COALESCE(new.NewVariantKey, new.VariantKey), new.SubjectId, new.TenantId
FROM OPENJSON(CAST(? AS NVARCHAR(MAX))) WITH (
    EventId        VARCHAR(128)      '$.eventId',
    Timestamp      DATETIMEOFFSET(7) '$.timestamp',
    EventType      NVARCHAR(128)     '$.eventType',
    SchemaVersion  NVARCHAR(32)      '$.schemaVersion',
    PayloadJson    NVARCHAR(MAX)     '$.payload' AS JSON,
    BoxedJson      NVARCHAR(MAX)     '$."{boxed}"' AS JSON,
    CorrelationId  NVARCHAR(512)     '$.correlationId',
    MetadataJson   NVARCHAR(MAX)     '$.metadata' AS JSON,
    TraceParent    NVARCHAR(64)      '$.traceparent',
    ExtraJson      NVARCHAR(MAX)     '$."{extra}"' AS JSON,
    ExperimentName NVARCHAR(256)     '$.payload.experimentName',
    NewVariantKey  NVARCHAR(256)     '$.payload.newVariantKey',
    VariantKey     NVARCHAR(256)     '$.payload.variantKey',
    SubjectId      NVARCHAR(512)     '$.payload.subjectId',
    TenantId       NVARCHAR(512)     '$.payload.tenantId'
) AS new
"""
_UNLESS_STORED = """
WHERE NOT EXISTS (
    SELECT 1 FROM [$(Schema)].[$(Table)] AS stored
    WHERE stored.EventId = new.EventId COLLATE Latin1_General_100_BIN2
)
"""


class Insert:
    """Stores arrays of events in the table.

    Attributes:
        always: Stores all, and fails where one is stored already.
        unless_stored: Stores those that are not stored yet.
    """

    def __init__(self, options: SqlServerOptions) -> None:
        """Make the statements for the table of the options.

        Raises:
            UnavailableError: The schema's or the table's name is none.
        """
        names = names_of(options)
        event_type = _PASCAL if options.event_type_case == "pascal" else "new.EventType"
        template = _INSERT.format(event_type=event_type, boxed=BOXED_FIELD, extra=EXTRA_FIELD)
        self.always = names.within(template)
        self.unless_stored = self.always + names.within(_UNLESS_STORED)

    async def store(self, session: Session, events: str, *, maybe_stored: bool) -> int:
        """Store each event once, whatever was stored before, and return how many were stored.

        The statement is a transaction of its own. It is executed again where it met another
        writer's: that one's rows are there then.

        Args:
            session: Where to execute it.
            events: An array of events, as `rows_of` makes it.
            maybe_stored: Whether to look from the beginning for those that are stored.

        Raises:
            pyodbc.Error: The server or the driver refuses.
            TransientError: The driver does not come back.
        """
        import pyodbc

        statement = self.unless_stored if maybe_stored else self.always
        tries = 0
        while True:
            tries += 1
            try:
                return (await session.run_alone(statement, events)).rowcount
            except pyodbc.Error as error:
                if tries == MOST_TRIES or not (is_duplicate(error) or is_deadlock(error)):
                    raise
                if is_deadlock(error):
                    await asyncio.sleep(random.uniform(0, _PAUSE * tries))  # noqa: S311 - no secret
            statement = self.unless_stored
