"""Connection strings of SQL Server in both spellings."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from experimentframework_core.units import Secret
from experimentframework_sqlserver._connection.connection_string import ConnectionString, parse

SIGNED_IN = "UID=app;PWD=hunter2"
ADO_NET = (
    "Server=tcp:shop.database.windows.net,1433;Initial Catalog=events;Persist Security Info=False;"
    "User ID=app;Password='hunter;2';MultipleActiveResultSets=False;Encrypt=True;"
    "TrustServerCertificate=False;Connection Timeout=30;"
)
ODBC = (
    "Driver={ODBC Driver 18 for SQL Server};Server=tcp:shop.database.windows.net,1433;"
    "Database=events;Uid=app;Pwd={hunter;2};Encrypt=yes;TrustServerCertificate=no;"
    "MARS_Connection=no"
)
PIECES = ("Server=", "h", "UID=", "PWD=", "Encrypt=", "hunter2", "=", ";", "{", "}", "'", '"', " ")
AUTHENTICATION = (
    "SqlPassword, ActiveDirectoryPassword, ActiveDirectoryIntegrated, ActiveDirectoryInteractive,"
    " ActiveDirectoryServicePrincipal or ActiveDirectoryMsi"
)


def said(text: str) -> ConnectionString:
    """Return what a good connection string says."""
    found = parse(text)
    assert isinstance(found, ConnectionString), found
    return found


def test_both_spellings_say_the_same() -> None:
    """Given one database in both spellings, When they are parsed, Then ODBC is told the same."""
    ado_net, odbc = said(ADO_NET), said(ODBC)

    pairs = [set(each.odbc.reveal().split(";")) for each in (ado_net, odbc)]
    assert pairs[0] == pairs[1]
    assert ado_net == ConnectionString(
        odbc=Secret(
            "Server=tcp:shop.database.windows.net,1433;Database=events;UID=app;PWD={hunter;2};"
            "MARS_Connection=No;Encrypt=Yes;TrustServerCertificate=No"
        ),
        server="tcp:shop.database.windows.net,1433",
        database="events",
        driver=None,
        login_timeout=30,
    )
    assert (odbc.driver, odbc.login_timeout) == ("ODBC Driver 18 for SQL Server", None)
    assert "hunter" not in repr(ado_net)


@pytest.mark.parametrize(
    ("text", "odbc"),
    [
        (
            "Server=localhost;Database=ExperimentFramework;Trusted_Connection=True;",
            "Server=localhost;Database=ExperimentFramework;Trusted_Connection=Yes",
        ),
        (
            "Data Source=(localdb)\\shop;Integrated Security=SSPI",
            "Server={(localdb)\\shop};Trusted_Connection=Yes",
        ),
        ("addr=h\\i,1433 ; user = a ; password = }", "Server=h\\i,1433;UID=a;PWD={}}}"),
        (
            "Server=h;Authentication=Active Directory Managed Identity;Encrypt=strict",
            "Server=h;Authentication=ActiveDirectoryMsi;Encrypt=Strict",
        ),
        (
            f"server=h;{SIGNED_IN};ConnectRetryCount=3;Application Name=my app",
            "Server=h;UID=app;PWD=hunter2;ConnectRetryCount=3;APP=my app",
        ),
        (
            f"Server=h;{SIGNED_IN};Trusted_Connection=false",
            f"Server=h;{SIGNED_IN};Trusted_Connection=No",
        ),
    ],
)
def test_what_odbc_is_told(text: str, odbc: str) -> None:
    """Given a good string, When it is parsed, Then keywords and values are ODBC's."""
    found = said(text)

    assert found.odbc.reveal() == odbc


@pytest.mark.parametrize(
    ("text", "messages"),
    [
        (
            "",
            [
                "it has no Server",
                "it does not say how to sign in; expected UID and PWD, or Trusted_Connection=Yes",
            ],
        ),
        (f"Database=events;{SIGNED_IN}", ["it has no Server"]),
        (f"Server=;{SIGNED_IN}", ["its Server has a wrong value; expected text"]),
        *(
            (
                f"Server=h,{port};{SIGNED_IN}",
                ["the port behind its Server is no number from 1 to 65,535"],
            )
            for port in ("", "0", "65536", "hunter2", "²", "1" * 5000)
        ),
        ("Server=h;UID=app", ["it has a UID and no PWD"]),
        ("Server=h;PWD=hunter2", ["it has a PWD and no UID"]),
        (
            f"Server=h;{SIGNED_IN};Trusted_Connection=yes",
            ["it has a trusted connection and UID or PWD; expected one of the two"],
        ),
        (
            f"Server=h;{SIGNED_IN};Encrypt=hunter2",
            ["its Encrypt has a wrong value; expected Yes, No or Strict"],
        ),
        (
            f"Server=h;{SIGNED_IN};Authentication=ActiveDirectoryDefault",
            [f"its Authentication has a wrong value; expected {AUTHENTICATION}"],
        ),
        (
            f"Server=h;{SIGNED_IN};ApplicationIntent=ReadOnly",
            ["its ApplicationIntent has a wrong value; expected ReadWrite"],
        ),
        (
            f"Server=h;{SIGNED_IN};Connect Timeout=-1",
            [
                (
                    "its Connect Timeout has a wrong value;"
                    " expected a whole number, at most 2,147,483,647"
                )
            ],
        ),
        (f"Server=h;Data Source=i;{SIGNED_IN}", ["it says Server twice"]),
        (f"Server=h;{SIGNED_IN};Max Pool Size=5", ["it has a pool size; say poolSize"]),
        (
            f"Server=h;{SIGNED_IN};Command Timeout=5",
            ["it has a command timeout; say commandTimeoutSeconds"],
        ),
        (
            f"DSN=hunter2;{SIGNED_IN}",
            ["it has a DSN; expected the server itself, as Server", "it has no Server"],
        ),
        (
            f"Server=h;{SIGNED_IN};Databse=events",
            ["its part 4 has an unknown keyword; did you mean 'Database'?"],
        ),
        (
            "Server=h;UID=app;PWD=hun;ter2=x",
            [
                (
                    "its part 4 has an unknown keyword;"
                    " a value with a ';' in it stands in braces, as in PWD={…}"
                )
            ],
        ),
        ("x" * 8193, ["it has 8,193 characters; expected at most 8,192"]),
        ("Server=h;UID=app;PWD=x;hunter2", ["its part 4 has no '='; expected keyword=value"]),
    ],
)
def test_a_string_with_problems(text: str, messages: list[str]) -> None:
    """Given a bad connection string, When it is parsed, Then all is told and nothing quoted."""
    found = parse(text)

    assert found == messages
    assert "hunter" not in str(found)


@given(st.lists(st.sampled_from(PIECES), max_size=12).map("".join))
def test_no_problem_shows_what_is_in_the_string(text: str) -> None:
    """Given any string of the usual pieces, When it is parsed, Then no password comes out."""
    found = parse(text)

    assert "hunter2" not in repr(found)


def test_a_nul_is_refused() -> None:
    """Given a NUL in a password, When it is parsed, Then it is a problem: all behind it is lost."""
    assert parse(f"Server=h;{SIGNED_IN}\0x") == [
        "it holds a NUL character, at which the driver would end it"
    ]
