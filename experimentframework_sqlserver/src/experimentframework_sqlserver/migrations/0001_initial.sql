-- The events: one row for each event id, only ever inserted, and removed by retention.
-- Texts are compared by code point: 'u-a' and 'u-A' are two subjects, whatever the database does.
CREATE TABLE [$(Schema)].[$(Table)]
(
    Id             BIGINT IDENTITY(1, 1) NOT NULL CONSTRAINT [PK_$(Table)] PRIMARY KEY CLUSTERED,
    EventId        VARCHAR(128) COLLATE Latin1_General_100_BIN2 NOT NULL,
    [Timestamp]    DATETIMEOFFSET(7) NOT NULL,
    EventType      NVARCHAR(128) COLLATE Latin1_General_100_BIN2 NOT NULL,
    SchemaVersion  NVARCHAR(32) COLLATE Latin1_General_100_BIN2 NOT NULL,
    PayloadJson    NVARCHAR(MAX) NOT NULL,
    CorrelationId  NVARCHAR(512) COLLATE Latin1_General_100_BIN2 NULL,
    MetadataJson   NVARCHAR(MAX) NULL,
    CreatedAt      DATETIMEOFFSET(7) NOT NULL
        CONSTRAINT [DF_$(Table)_CreatedAt] DEFAULT SYSDATETIMEOFFSET(),
    TraceParent    NVARCHAR(64) COLLATE Latin1_General_100_BIN2 NULL,
    ExtraJson      NVARCHAR(MAX) NULL,
    ExperimentName NVARCHAR(256) COLLATE Latin1_General_100_BIN2 NULL,
    VariantKey     NVARCHAR(256) COLLATE Latin1_General_100_BIN2 NULL,
    SubjectId      NVARCHAR(512) COLLATE Latin1_General_100_BIN2 NULL,
    TenantId       NVARCHAR(512) COLLATE Latin1_General_100_BIN2 NULL
);
GO
-- Exactly one row for an event id, whatever is sent again.
CREATE UNIQUE NONCLUSTERED INDEX [UX_$(Table)_EventId] ON [$(Schema)].[$(Table)] (EventId);
GO
-- Ranges of time, and retention.
CREATE NONCLUSTERED INDEX [IX_$(Table)_Timestamp] ON [$(Schema)].[$(Table)] (Timestamp);
GO
-- What one request or job caused.
CREATE NONCLUSTERED INDEX [IX_$(Table)_CorrelationId] ON [$(Schema)].[$(Table)] (CorrelationId);
GO
-- An experiment's exposures and outcomes, side by side for each subject, in the order of time.
CREATE NONCLUSTERED INDEX [IX_$(Table)_Subject]
    ON [$(Schema)].[$(Table)] (ExperimentName, SubjectId, Timestamp)
    INCLUDE (EventType, VariantKey);
GO
CREATE VIEW [$(Schema)].[$(Table)Exposures] AS
SELECT
    Id, EventId, Timestamp, ExperimentName, VariantKey, SubjectId, TenantId, CorrelationId,
    JSON_VALUE(PayloadJson, '$.selectionReason') AS SelectionReason,
    JSON_VALUE(PayloadJson, '$.subjectType') AS SubjectType,
    JSON_VALUE(PayloadJson, '$.rulePath') AS RulePath,
    JSON_VALUE(PayloadJson, '$.assignmentPolicy') AS AssignmentPolicy,
    CAST(CASE JSON_VALUE(PayloadJson, '$.isRepeatExposure') WHEN 'true' THEN 1 ELSE 0 END AS BIT)
        AS IsRepeatExposure,
    JSON_QUERY(PayloadJson, '$.attributes') AS AttributesJson
FROM [$(Schema)].[$(Table)]
WHERE EventType IN (N'exposure', N'Exposure');
GO
-- The .NET ExperimentFramework says metricName, numbers the types, and calls attributes metadata.
CREATE VIEW [$(Schema)].[$(Table)Outcomes] AS
SELECT
    Id, EventId, Timestamp, ExperimentName, VariantKey, SubjectId, TenantId, CorrelationId,
    COALESCE(JSON_VALUE(PayloadJson, '$.name'), JSON_VALUE(PayloadJson, '$.metricName')) AS Name,
    CASE JSON_VALUE(PayloadJson, '$.outcomeType')
        WHEN '0' THEN 'binary'
        WHEN '1' THEN 'continuous'
        WHEN '2' THEN 'count'
        WHEN '3' THEN 'duration'
        ELSE JSON_VALUE(PayloadJson, '$.outcomeType')
    END AS OutcomeType,
    TRY_CAST(JSON_VALUE(PayloadJson, '$.value') AS FLOAT) AS Value,
    COALESCE(JSON_QUERY(PayloadJson, '$.attributes'), JSON_QUERY(PayloadJson, '$.metadata'))
        AS AttributesJson
FROM [$(Schema)].[$(Table)]
WHERE EventType IN (N'outcome', N'Outcome');
GO
-- A row for each outcome of an exposed subject, from its first exposure on, with the variant of
-- that exposure; a subject without outcomes has one row, whose outcome is NULL.
CREATE VIEW [$(Schema)].[$(Table)ExposureOutcomes] AS
SELECT
    exposed.ExperimentName, exposed.VariantKey, exposed.SubjectId, exposed.TenantId,
    exposed.Timestamp AS ExposedAt, exposed.EventId AS ExposureEventId,
    outcome.Timestamp AS OutcomeAt, outcome.EventId AS OutcomeEventId,
    outcome.Name AS OutcomeName, outcome.OutcomeType, outcome.Value
FROM
(
    SELECT
        ExperimentName, VariantKey, SubjectId, TenantId, Timestamp, EventId,
        ROW_NUMBER() OVER (PARTITION BY ExperimentName, SubjectId ORDER BY Timestamp, Id) AS Place
    FROM [$(Schema)].[$(Table)]
    WHERE EventType IN (N'exposure', N'Exposure')
        AND ExperimentName IS NOT NULL AND VariantKey IS NOT NULL AND SubjectId IS NOT NULL
) AS exposed
LEFT JOIN [$(Schema)].[$(Table)Outcomes] AS outcome
    ON outcome.ExperimentName = exposed.ExperimentName
    AND outcome.SubjectId = exposed.SubjectId
    AND outcome.Timestamp >= exposed.Timestamp
WHERE exposed.Place = 1;
