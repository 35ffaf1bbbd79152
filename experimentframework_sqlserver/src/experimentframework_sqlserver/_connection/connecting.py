"""Turns the options into what the driver is given: the one place that sees the password."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from experimentframework_core.errors import UnavailableError
from experimentframework_core.units import Secret
from experimentframework_sqlserver._connection.connection_string import ConnectionString, parse
from experimentframework_sqlserver._connection.driver import driver_of
from experimentframework_sqlserver._connection.pairs import odbc_text, pairs_of

if TYPE_CHECKING:
    from experimentframework_sqlserver._options import SqlServerOptions

_LOGIN_TIMEOUT = 7
"""Seconds: less than an opening may take, so that it ends with what the driver says."""
_MASK = "***"


class Target:
    """Where to connect to, and how.

    Attributes:
        text: The whole ODBC connection string, the driver included.
        login_timeout: Seconds that signing in may take.
        place: The server and the database, in words.
    """

    def __init__(self, said: ConnectionString, driver: str) -> None:
        """Put together what ``said`` says and what this library needs."""
        values = {pair.keyword: pair.value for pair in pairs_of(said.odbc.reveal())}
        self._password = values.get("PWD", "")
        # One statement at a time is all a session does; several at once cost a copy of each row.
        values["MARS_Connection"] = "No"
        values.setdefault("APP", "experimentframework")
        self.text = Secret(odbc_text([("Driver", driver), *values.items()]))
        self.login_timeout = _LOGIN_TIMEOUT if said.login_timeout is None else said.login_timeout
        self.place = _place(said)

    def masked(self, text: str) -> str:
        """Return ``text`` without the password."""
        if not self._password:
            return text
        for password in (self._password.replace("}", "}}"), self._password):
            text = re.sub(rf"(?<!\w){re.escape(password)}(?!\w)", _MASK, text)
        return text


def place_of(options: SqlServerOptions) -> str:
    """Return the server and the database in words.

    Raises:
        UnavailableError: The connection string, which the configuration's check reports with its
            place, is wrong.
    """
    return _place(_parsed(options))


def _place(said: ConnectionString) -> str:
    database = "the user's database" if said.database is None else f"database '{said.database}'"
    return f"{database} on server '{said.server}'"


def _parsed(options: SqlServerOptions) -> ConnectionString:
    said = parse(options.connection_string.reveal())
    if not isinstance(said, ConnectionString):
        raise UnavailableError(f"connectionString: {'; '.join(said)}")
    return said


def target_of(options: SqlServerOptions) -> Target:
    """Return where to connect to.

    Raises:
        UnavailableError: The driver is not there; or the connection string, which the
            configuration's check reports with its place, is wrong.
    """
    said = _parsed(options)
    return Target(said, driver_of(options.driver if said.driver is None else said.driver))
