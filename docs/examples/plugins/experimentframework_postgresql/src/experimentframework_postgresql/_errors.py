"""What the errors of PostgreSQL and its driver mean, by tables."""

from __future__ import annotations

import ssl
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from experimentframework_core.errors import (
    DeliveryError,
    PermanentError,
    TransientError,
    UnavailableError,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from experimentframework_postgresql._names import Names

Verb: TypeAlias = Literal["migrate", "read", "write to"]
"""What is done to the table."""

MIGRATE: Final = (
    "say autoMigrate: true, or run as somebody who may make tables what"
    " `python -m experimentframework_postgresql` prints"
)
RESTRICTED_POOLER: Final = (
    "a pooler between shares connections and knows no prepared statements: set PgBouncer's"
    " max_prepared_statements, or its pool_mode to session"
)

CONFIGURATION: Final[Mapping[str, str]] = {
    "0P000": "the server knows no such role; see connectionString",
    "22023": "the server does not take a parameter of connectionString",
    "23502": "the table has a column of somebody else's that must have a value; give it a default",
    "25006": (
        "the server takes no writes, as a standby does; name the primary in connectionString, or"
        " all hosts with target_session_attrs=primary"
    ),
    "26000": RESTRICTED_POOLER,
    "28000": "the server refuses the user or its host; see connectionString and pg_hba.conf",
    "28P01": "the server refuses the password; see connectionString and password",
    "3D000": "there is no such database; create it, or see connectionString",
    "3F000": f"the schema is missing; {MIGRATE}",
    "42703": f"the table lacks a column, or is somebody else's; {MIGRATE}",
    "42704": "the server does not know a parameter of connectionString, or a type of the table",
    "42883": "the server lacks a function; PostgreSQL 13 or newer is needed",
    "42P01": f"the table is missing; {MIGRATE}",
    "42P05": RESTRICTED_POOLER,
    "42P07": "there is a table of that name that no migration made; say another tableName",
    "42P10": "the table has no unique index on event_id, or is somebody else's",
    "53100": "the server's disk is full",
    "57P04": "the database was dropped while it was used",
    "XX001": "the table is damaged",
    "XX002": "an index of the table is damaged",
}
"""What speaks of the configuration: nothing arrives until somebody changes something."""

CONFIGURATION_CLASSES: Final[Mapping[str, str]] = {
    "28": "the server refuses to let us sign in; see connectionString",
    "42": "the server does not take the statement; is the table somebody else's?",
}
"""The same, by the first two characters, for codes that no other table has."""

RECORD_CLASSES: Final[Mapping[str, str]] = {
    "22": "a value of it does not fit its column",
    "23": "a constraint of the table refuses it",
    "44": "a view's check refuses it",
    "54": "a value of it is too long for an index",
    "P0": "a trigger of the table refuses it",
}
"""What speaks of a record: it is refused for ever, and only it."""

NO_RIGHT: Final = "42501"
"""The user lacks a right: what to grant depends on what was attempted."""

RIGHTS: Final[Mapping[Verb, str]] = {
    "migrate": (
        "grant it CREATE on the schema, and on the database where the schema is missing; or run as"
        " somebody who may make tables what `python -m experimentframework_postgresql` prints, and"
        " say autoMigrate: false"
    ),
    "read": "grant it SELECT on the table, USAGE on the schema",
    "write to": "grant it SELECT and INSERT on the table, USAGE on the schema",
}
"""What somebody needs to be granted, by what is done to the table."""

BUSY: Final = frozenset({"53300", "53400", "57P03"})
"""The server has too much to do, or is starting: it is left alone for `BUSY_PAUSE`."""

BUSY_PAUSE: Final = 1.0
"""Seconds."""


@contextmanager
def doing(verb: Verb, table: Names) -> Iterator[None]:
    """Raise the errors of server, driver and network as what they mean here.

    Raises:
        TransientError: It may succeed when it is tried again.
        UnavailableError: It will not before somebody changes something.
        PermanentError: The server refuses a value.
    """
    import asyncpg

    try:
        yield
    except (
        asyncpg.PostgresError,
        asyncpg.InterfaceError,
        asyncpg.InternalClientError,
        OSError,
    ) as error:
        raise delivery_error(error, verb, table) from error


def delivery_error(error: Exception, verb: Verb, table: Names) -> DeliveryError:
    """Return what an error means to the channel; its text says what was attempted."""
    failure = f"cannot {verb} the table {table}"
    state = str(getattr(error, "sqlstate", None) or "")
    # What the server says beside its message may have values of the event in it.
    said = str(error.args[0] if error.args else error) or type(error).__name__
    details = " ".join(said.split()) + (f"; SQLSTATE {state}" if state else "")
    if state == NO_RIGHT:
        return UnavailableError(f"{failure}: this user lacks a right; {RIGHTS[verb]} ({details})")
    if why := CONFIGURATION.get(state):
        return UnavailableError(f"{failure}: {why} ({details})")
    if why := RECORD_CLASSES.get(state[:2]):
        return PermanentError(f"{failure}: {why} ({details})")
    if why := CONFIGURATION_CLASSES.get(state[:2]):
        return UnavailableError(f"{failure}: {why} ({details})")
    if state:
        return TransientError(
            f"{failure}: {details}", retry_after=BUSY_PAUSE if state in BUSY else None
        )
    return _without_state(error, failure, details)


def _without_state(error: Exception, failure: str, details: str) -> DeliveryError:
    import asyncpg

    if isinstance(error, ssl.SSLError) or "SSL" in details:
        return UnavailableError(
            f"{failure}: the encrypted connection cannot be made; see sslmode and sslrootcert in"
            f" connectionString ({error.args[-1] if error.args else details})"
        )
    if isinstance(
        error, asyncpg.exceptions.ClientConfigurationError | asyncpg.UnsupportedClientFeatureError
    ):
        return UnavailableError(f"{failure}: {details}; see connectionString")
    if isinstance(error, TimeoutError):
        return TransientError(f"{failure}: the server did not answer in time")
    if isinstance(error, OSError):
        why = error.strerror or str(error)
        return TransientError(f"{failure}: the server cannot be reached: {why}")
    return TransientError(f"{failure}: {details}")
