-- The table of the .NET ExperimentFramework becomes one of version 1. Its rows stay, and the .NET
-- ExperimentFramework can go on writing: it names its columns, and all that are added may be NULL.
DROP INDEX IF EXISTS [IX_$(Table)_EventId] ON [$(Schema)].[$(Table)];
DROP INDEX IF EXISTS [IX_$(Table)_EventType] ON [$(Schema)].[$(Table)];
DROP INDEX IF EXISTS [IX_$(Table)_CreatedAt] ON [$(Schema)].[$(Table)];
DROP INDEX IF EXISTS [IX_$(Table)_CorrelationId] ON [$(Schema)].[$(Table)];
GO
-- Texts are compared by code point from here on. Babelfish cannot alter that, and leaves them.
IF SERVERPROPERTY(N'Babelfish') IS NULL
    EXEC (N'
        ALTER TABLE [$(Schema)].[$(Table)]
            ALTER COLUMN EventId VARCHAR(128) COLLATE Latin1_General_100_BIN2 NOT NULL;
        ALTER TABLE [$(Schema)].[$(Table)]
            ALTER COLUMN EventType NVARCHAR(128) COLLATE Latin1_General_100_BIN2 NOT NULL;
        ALTER TABLE [$(Schema)].[$(Table)]
            ALTER COLUMN SchemaVersion NVARCHAR(32) COLLATE Latin1_General_100_BIN2 NOT NULL;
        ALTER TABLE [$(Schema)].[$(Table)]
            ALTER COLUMN CorrelationId NVARCHAR(512) COLLATE Latin1_General_100_BIN2 NULL;
    ');
GO
ALTER TABLE [$(Schema)].[$(Table)] ADD
    TraceParent NVARCHAR(64) COLLATE Latin1_General_100_BIN2 NULL;
GO
ALTER TABLE [$(Schema)].[$(Table)] ADD
    ExtraJson NVARCHAR(MAX) NULL;
GO
ALTER TABLE [$(Schema)].[$(Table)] ADD
    ExperimentName NVARCHAR(256) COLLATE Latin1_General_100_BIN2 NULL;
GO
ALTER TABLE [$(Schema)].[$(Table)] ADD
    VariantKey NVARCHAR(256) COLLATE Latin1_General_100_BIN2 NULL;
GO
ALTER TABLE [$(Schema)].[$(Table)] ADD
    SubjectId NVARCHAR(512) COLLATE Latin1_General_100_BIN2 NULL;
GO
ALTER TABLE [$(Schema)].[$(Table)] ADD
    TenantId NVARCHAR(512) COLLATE Latin1_General_100_BIN2 NULL;
GO
CREATE UNIQUE NONCLUSTERED INDEX [UX_$(Table)_EventId] ON [$(Schema)].[$(Table)] (EventId);
CREATE NONCLUSTERED INDEX [IX_$(Table)_CorrelationId] ON [$(Schema)].[$(Table)] (CorrelationId);
CREATE NONCLUSTERED INDEX [IX_$(Table)_Subject]
    ON [$(Schema)].[$(Table)] (ExperimentName, SubjectId, Timestamp)
    INCLUDE (EventType, VariantKey);
