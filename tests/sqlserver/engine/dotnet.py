"""The table that the .NET ExperimentFramework makes."""

from __future__ import annotations

from typing import Final

TABLE: Final = """
CREATE TABLE [$(Schema)].[$(Table)]
(
    Id BIGINT IDENTITY(1, 1) NOT NULL CONSTRAINT [PK_$(Table)] PRIMARY KEY,
    EventId NVARCHAR(100) NOT NULL,
    Timestamp DATETIMEOFFSET(7) NOT NULL,
    EventType NVARCHAR(50) NOT NULL,
    SchemaVersion NVARCHAR(20) NOT NULL,
    PayloadJson NVARCHAR(MAX) NOT NULL,
    CorrelationId NVARCHAR(100) NULL,
    MetadataJson NVARCHAR(MAX) NULL,
    CreatedAt DATETIMEOFFSET(7) NOT NULL DEFAULT SYSDATETIMEOFFSET()
)
"""
