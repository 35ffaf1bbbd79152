IF SCHEMA_ID(N'$(Schema)') IS NULL
    EXEC (N'CREATE SCHEMA [$(Schema)]');
GO
IF OBJECT_ID(N'[$(Schema)].[$(Table)Migrations]', N'U') IS NULL
    CREATE TABLE [$(Schema)].[$(Table)Migrations]
    (
        Id             INT               NOT NULL CONSTRAINT [PK_$(Table)Migrations] PRIMARY KEY,
        Name           NVARCHAR(128)     NOT NULL,
        Checksum       CHAR(64)          NOT NULL,
        AppliedAt      DATETIMEOFFSET(7) NOT NULL
            CONSTRAINT [DF_$(Table)Migrations_AppliedAt] DEFAULT SYSDATETIMEOFFSET(),
        ProductVersion NVARCHAR(32)      NOT NULL
    );
