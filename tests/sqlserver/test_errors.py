"""What the errors of SQL Server and its driver mean to the channel."""

from __future__ import annotations

import re

import pyodbc
import pytest

from experimentframework_core.errors import PermanentError, TransientError, UnavailableError
from experimentframework_sqlserver._errors import (
    CONFIGURATION,
    DUPLICATE,
    RECORD,
    THROTTLED,
    TRANSIENT,
    delivery_error,
    is_deadlock,
    is_duplicate,
    loses_connection,
    numbers_of,
)

DOING = "write to the table dbo.ExperimentEvents"


def said(number: int, text: str = "It went wrong.", state: str = "42000") -> pyodbc.Error:
    """Return an error as Microsoft's driver and pyodbc word what the server says."""
    dressed = f"[{state}] [Microsoft][ODBC Driver 18 for SQL Server][SQL Server]{text} ({number})"
    return pyodbc.Error(state, f"{dressed} (SQLExecDirectW)")


def driver(state: str, text: str) -> pyodbc.Error:
    """Return an error of the driver's own."""
    dressed = f"[{state}] [Microsoft][ODBC Driver 18 for SQL Server]{text} (0) (SQLDriverConnect)"
    return pyodbc.Error(state, dressed)


@pytest.mark.parametrize(
    ("number", "meaning"),
    [
        *((number, UnavailableError) for number in sorted(CONFIGURATION)),
        *((number, PermanentError) for number in sorted(RECORD)),
        *((number, TransientError) for number in sorted(TRANSIENT)),
        *((number, TransientError) for number in sorted(DUPLICATE)),
        (50000, TransientError),
    ],
)
def test_the_meaning_of_a_number(number: int, meaning: type[Exception]) -> None:
    """Given a number of the server, When it is mapped, Then it means that, and is the cause."""
    error = said(number)

    found = delivery_error(error, DOING)

    assert type(found) is meaning
    assert found.__cause__ is error


def test_a_missing_right_is_that_of_what_was_attempted() -> None:
    """Given a refusal of a deletion, When it is mapped, Then it says which rights to grant."""
    found = delivery_error(said(229), "remove old events", needs="SELECT and DELETE")

    assert "grant it SELECT and DELETE on the table" in str(found)


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (driver("HYT00", "Login timeout expired"), "nothing listens at the port, .*see Server in"),
        (driver("08001", "Encryption not supported on SQL Server."), "see Encrypt in"),
        (driver("01000", "Can't open lib '/a/b' : file not found"), "'/a/b' is no ODBC driver of"),
        (
            said(33557097, 'column "x" of relation "events" does not exist'),
            "the table lacks a column, or is somebody else's",
        ),
    ],
)
def test_what_to_look_at_is_told(error: pyodbc.Error, says: str) -> None:
    """Given an error with a usual cause, When it is mapped, Then it says what to look at."""
    found = delivery_error(error, "connect to the server")

    assert re.search(says, str(found))
    assert "file not found" not in str(found)


@pytest.mark.parametrize(
    ("error", "meaning"),
    [
        (driver("08001", "TCP Provider: Error code 0x2AF9"), TransientError),
        (driver("08S01", "Communication link failure"), TransientError),
        (driver("HYT00", "Login timeout expired"), TransientError),
        (driver("HYT00", "Query timeout expired"), TransientError),
        (driver("HY000", "The driver did not supply an error!"), TransientError),
        (driver("08001", "SSL Provider: [certificate verify failed]"), UnavailableError),
        (driver("IM002", "Data source name not found"), UnavailableError),
        (driver("01S00", "Invalid connection string attribute"), UnavailableError),
        (said(0, state="28000"), UnavailableError),
        (said(0, state="42S02"), UnavailableError),
        (said(0, state="22001"), PermanentError),
        (said(0, state="23000"), PermanentError),
        (pyodbc.Error("HY106"), TransientError),
        (pyodbc.Error(), TransientError),
    ],
)
def test_the_meaning_of_a_state(error: pyodbc.Error, meaning: type[Exception]) -> None:
    """Given an error without a telling number, When it is mapped, Then its SQLSTATE decides."""
    assert type(delivery_error(error, DOING)) is meaning


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ('relation "dbo.nope" does not exist', UnavailableError),
        ('column "nope" does not exist', UnavailableError),
        ("permission denied for table events", UnavailableError),
        ('invalid input syntax for type datetimeoffset: "20"', PermanentError),
        ("unsupported Unicode escape sequence", PermanentError),
        ("canceling statement due to lock timeout", TransientError),
        ("something else", TransientError),
    ],
)
def test_what_babelfish_says_in_words_only(text: str, meaning: type[Exception]) -> None:
    """Given Babelfish's number for all, When it is mapped, Then its words decide."""
    assert type(delivery_error(said(33557097, text), DOING)) is meaning


def test_no_number_has_two_meanings() -> None:
    """Given the tables, When they are compared, Then no number stands in two of them."""
    tables = [set(CONFIGURATION), set(RECORD), set(TRANSIENT), set(DUPLICATE)]

    assert sum(map(len, tables)) == len(set.union(*tables))
    assert THROTTLED <= TRANSIENT


@pytest.mark.parametrize("number", sorted(THROTTLED))
def test_a_throttling_server_is_left_alone(number: int) -> None:
    """Given a server with too much to do, When its error is mapped, Then it says for how long."""
    found = delivery_error(said(number), DOING)

    assert isinstance(found, TransientError)
    assert found.retry_after == 5.0


def test_the_text_says_what_to_do() -> None:
    """Given a missing table, When it is mapped, Then the text names it and the command to run."""
    error = said(208, "Invalid object name 'dbo.ExperimentEvents'.", state="42S02")

    found = delivery_error(error, DOING)

    assert str(found) == (
        "cannot write to the table dbo.ExperimentEvents: the table is missing; run:"
        " experimentframework sqlserver migrate --config FILE"
        " (Invalid object name 'dbo.ExperimentEvents'. (208))"
    )


def test_several_messages_are_undressed() -> None:
    """Given an error of two messages, When it is mapped, Then both are there, without dressing."""
    first, second = str(said(18456, "Login failed.").args[1]), str(said(4060, "No database."))

    found = delivery_error(pyodbc.Error("28000", f"{first}; {second}"), "connect")

    assert "(Login failed. (18456); " in str(found)
    assert "Microsoft" not in str(found)


def test_all_numbers_are_read() -> None:
    """Given an error of two messages, When its numbers are read, Then both are, in order."""
    text = f"{said(2627).args[1]}; {said(3621).args[1]}"

    assert numbers_of(pyodbc.Error("23000", text)) == (2627, 3621)


def test_what_is_a_duplicate() -> None:
    """Given errors of constraints, When asked, Then only a unique index's is a duplicate."""
    found = [number for number in (2601, 2627, 547, 515) if is_duplicate(said(number))]

    assert found == [2601, 2627]


def test_what_is_a_deadlock() -> None:
    """Given errors of waiting, When asked, Then only a chosen victim's is a deadlock."""
    errors = [said(1205), said(0, state="40001"), said(1222)]

    assert [is_deadlock(error) for error in errors] == [True, True, False]


def test_what_ends_a_connection() -> None:
    """Given errors, When asked, Then the connection is lost where its state is not known."""
    states = ("08S01", "08001", "HYT00", "HY010", "42000", "HY008", "40001")

    found = [state for state in states if loses_connection(said(0, state=state))]

    assert found == ["08S01", "08001", "HYT00", "HY010"]
