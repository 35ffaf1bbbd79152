"""How statements of T-SQL are written for SQLite, and what is refused."""

from __future__ import annotations

import pytest

from tests.peers.tds.definitions import definition
from tests.peers.tds.errors import SqlError
from tests.peers.tds.lexer import items_of
from tests.peers.tds.translation import query


def closed(text: object) -> str:
    """Return a text without spaces that say nothing."""
    return " ".join(str(text).split()).replace(" ,", ",").replace("( ", "(").replace(" .", ".")


@pytest.mark.parametrize(
    ("said", "written"),
    [
        ("SELECT TOP (5) a FROM t -- why", "SELECT a FROM [dbo.t] LIMIT 5"),
        (
            "SELECT Id FROM [s].[t] AS x WITH (UPDLOCK, HOLDLOCK) WHERE Id > @P1",
            "SELECT Id FROM [s.t] AS [x] WHERE Id > @p1",
        ),
        (
            "SELECT a FROM t ORDER BY a OFFSET 10 ROWS FETCH NEXT 5 ROWS ONLY",
            "SELECT a FROM [dbo.t] ORDER BY a LIMIT 5 OFFSET 10",
        ),
        (
            "DELETE TOP (@P1) FROM [s].[t] WITH (READPAST) WHERE a < 3",
            ("DELETE FROM [s.t] WHERE rowid IN (SELECT rowid FROM [s.t] WHERE a < 3 LIMIT @p1)"),
        ),
        (
            "INSERT [t] (a) VALUES (CAST(@P1 AS NVARCHAR(40)))",
            "INSERT INTO [dbo.t] (a) VALUES (converted(@p1, 'NVARCHAR', 40))",
        ),
        (
            "SELECT CONVERT(VARCHAR(40), a, 126) FROM t WHERE b = N'it''s' COLLATE X_BIN2",
            (
                "SELECT converted(a, 'VARCHAR', 40, 126) FROM [dbo.t]"
                " WHERE b = 'it''s' COLLATE BINARY"
            ),
        ),
        (
            "WITH c AS (SELECT a FROM t) SELECT a FROM c",
            "WITH c AS (SELECT a FROM [dbo.t]) SELECT a FROM [c]",
        ),
        (
            "SELECT x FROM OPENJSON(@P1) WITH (x INT '$.a', y NVARCHAR(MAX) '$.b' AS JSON) AS j",
            (
                "SELECT x FROM (SELECT converted(json_value(json_each.value, '$.a'), 'INT', NULL)"
                " AS [x], json_query(json_each.value, '$.b') AS [y]"
                " FROM json_each(json_rows(@p1))) AS j"
            ),
        ),
        (
            "SELECT j.x FROM OPENJSON(@P1) AS e CROSS APPLY OPENJSON(e.value) WITH (x INT) AS j",
            (
                "SELECT converted(json_value([J].value, '$.x'), 'INT', NULL) FROM (SELECT key,"
                " value, type FROM json_each(@p1)) AS e JOIN json_each(json_rows(e. value)) AS [j]"
            ),
        ),
        (
            "SELECT UPPER(LEFT(a, 1)) + SUBSTRING(a, 2, 9), 1 + 2 FROM t",
            "SELECT UPPER (substr(a, 1, 1)) || SUBSTRING (a, 2, 9), 1 + 2 FROM [dbo.t]",
        ),
    ],
)
def test_a_query(said: str, written: str) -> None:
    """Given a query, When it is translated, Then it is SQLite's."""
    assert closed(query(items_of(said))) == written


@pytest.mark.parametrize(
    ("said", "written"),
    [
        (
            "CREATE TABLE [s].[t] (Id BIGINT IDENTITY(1, 1) PRIMARY KEY CLUSTERED, a NCHAR(9))",
            (
                "CREATE TABLE [s.t] ([Id] INTEGER PRIMARY KEY AUTOINCREMENT,"
                " [a] NCHAR CONSTRAINT [too long] CHECK (units([a]) <= 9))"
            ),
        ),
        (
            "CREATE UNIQUE NONCLUSTERED INDEX [x] ON [s].[t] (a) INCLUDE (b)",
            "CREATE UNIQUE INDEX [s.t.x] ON [s.t] (a)",
        ),
        ("ALTER TABLE t ADD a FLOAT NULL", "ALTER TABLE [dbo.t] ADD COLUMN [a] FLOAT NULL"),
        ("DROP VIEW [s].[v]", "DROP VIEW [s.v]"),
    ],
)
def test_a_definition(said: str, written: str) -> None:
    """Given a definition, When it is translated, Then it is SQLite's."""
    assert closed(definition(items_of(said))) == written


@pytest.mark.parametrize(
    "said",
    [
        "ALTER TABLE t ALTER COLUMN a FLOAT NULL",
        "CREATE TABLE t (Id INT IDENTITY(1, 1) NOT NULL)",
        "CREATE TABLE t (a GEOGRAPHY)",
        "CREATE PARTITION FUNCTION f (INT) AS RANGE RIGHT FOR VALUES (1)",
    ],
)
def test_an_unknown_definition_is_refused(said: str) -> None:
    """Given something that SQLite cannot do so, When it is translated, Then that is said."""
    with pytest.raises(SqlError, match="does not know"):
        definition(items_of(said))


def test_a_text_that_has_no_end_is_refused() -> None:
    """Given a text without its end, When it is split, Then its place is named."""
    with pytest.raises(SqlError, match="Incorrect syntax near ''later"):
        items_of("SELECT 'later")
