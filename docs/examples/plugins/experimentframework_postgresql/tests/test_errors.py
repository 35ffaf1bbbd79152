"""What errors of the server, the driver and the network mean."""

from __future__ import annotations

import ssl

import asyncpg
import pytest

from experimentframework_core.errors import (
    DeliveryError,
    PermanentError,
    TransientError,
    UnavailableError,
)
from experimentframework_postgresql._errors import (
    CONFIGURATION,
    NO_RIGHT,
    RECORD_CLASSES,
    RIGHTS,
    delivery_error,
)
from experimentframework_postgresql._names import Names

names = Names("shop", "events")


def refused(state: str) -> asyncpg.PostgresError:
    """Return the error that the driver makes of the server's answer."""
    error: asyncpg.PostgresError = asyncpg.PostgresError.new(
        {"C": state, "M": "no", "D": "Failing row contains (a secret)."}
    )
    return error


@pytest.mark.parametrize(
    ("state", "kind"),
    [
        *((state, UnavailableError) for state in (*CONFIGURATION, NO_RIGHT)),
        *((f"{state}001", PermanentError) for state in RECORD_CLASSES),
        ("28001", UnavailableError),
        ("42809", UnavailableError),
        *(
            (state, TransientError)
            for state in (
                "08000", "08003", "08006", "0A000", "40001", "40P01", "53200", "53300", "53400",
                "55P03", "57014", "57P01", "57P02", "57P03", "58000", "58030", "XX000", "99999",
            )
        ),
    ],
)  # fmt: skip
def test_what_the_server_says(state: str, kind: type[DeliveryError]) -> None:
    """Given a SQLSTATE, When it is looked up, Then it means this, and shows no row."""
    error = refused(state)

    meant = delivery_error(error, "write to", names)

    assert type(meant) is kind
    assert str(meant).startswith("cannot write to the table shop.events: ")
    assert f"SQLSTATE {state}" in str(meant)
    assert "a secret" not in str(meant)


def test_what_is_to_be_granted_depends_on_what_was_attempted() -> None:
    """Given a missing right, When it is looked up, Then each verb asks for what it needs."""
    error = refused(NO_RIGHT)

    said = {verb: str(delivery_error(error, verb, names)) for verb in RIGHTS}

    assert "grant it CREATE on the schema" in said["migrate"]
    assert "say autoMigrate: false" in said["migrate"]
    assert "grant it SELECT on the table" in said["read"]
    assert "grant it SELECT and INSERT on the table" in said["write to"]


def test_a_server_that_has_too_much_to_do_is_left_alone() -> None:
    """Given too many connections, When it is looked up, Then there is a pause."""
    error = refused("53300")

    meant = delivery_error(error, "write to", names)

    assert isinstance(meant, TransientError)
    assert meant.retry_after == 1.0


@pytest.mark.parametrize(
    ("error", "kind", "says"),
    [
        (TimeoutError(), TransientError, "did not answer in time"),
        (ConnectionRefusedError(111, "Connection refused"), TransientError, "Connection refused"),
        (OSError("Multiple exceptions"), TransientError, "Multiple exceptions"),
        (ssl.SSLError(1, "unknown authority"), UnavailableError, "unknown authority"),
        (ConnectionError("server rejected SSL upgrade"), UnavailableError, "see sslmode"),
        (
            asyncpg.exceptions.ClientConfigurationError("bad"),
            UnavailableError,
            "see connectionString",
        ),
        (asyncpg.InterfaceError("connection is closed"), TransientError, "connection is closed"),
        (asyncpg.InternalClientError(), TransientError, "InternalClientError"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else None,
)
def test_what_the_driver_and_the_network_say(
    error: Exception, kind: type[DeliveryError], says: str
) -> None:
    """Given an error without SQLSTATE, When it is looked at, Then it means this."""
    meant = delivery_error(error, "write to", names)

    assert type(meant) is kind
    assert says in str(meant)
