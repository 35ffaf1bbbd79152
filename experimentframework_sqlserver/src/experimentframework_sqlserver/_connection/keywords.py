"""The keywords of a connection string: ADO.NET's and ODBC's, and what ODBC is told for each."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

_YES_NO = {"yes": "Yes", "true": "Yes", "no": "No", "false": "No"}
_AUTHENTICATION = (
    "SqlPassword",
    "ActiveDirectoryPassword",
    "ActiveDirectoryIntegrated",
    "ActiveDirectoryInteractive",
    "ActiveDirectoryServicePrincipal",
    "ActiveDirectoryMsi",
)
_HIGHEST = 2**31 - 1


class Keyword(NamedTuple):
    """A keyword that the ODBC driver takes.

    Attributes:
        odbc: How ODBC spells it.
        spellings: The other ways in which it is written.
        values: The values that it takes, folded, and ODBC's for each; empty for any text.
        number: Whether its value is a whole number.
    """

    odbc: str
    spellings: tuple[str, ...] = ()
    values: Mapping[str, str] = {}
    number: bool = False

    def converted(self, value: str) -> str | None:
        """Return ODBC's value for ``value``; None if it takes no such value."""
        if self.number:
            return value if re.fullmatch("[0-9]{1,10}", value) and int(value) <= _HIGHEST else None
        return self.values.get(folded(value)) if self.values else value or None

    def expected(self) -> tuple[str, ...]:
        """Return the values that it takes, in words."""
        if self.number:
            return (f"a whole number, at most {_HIGHEST:,}",)
        return tuple(dict.fromkeys(self.values.values())) or ("text",)


def folded(text: str) -> str:
    """Return ``text`` as it is compared: without case, spaces and underscores."""
    return re.sub("[ _]", "", text).lower()


LOGIN_TIMEOUT = Keyword("Connect Timeout", ("Connection Timeout", "Timeout"), number=True)
"""Not of ODBC's strings: the seconds are given to the driver beside them."""

DRIVER = Keyword("Driver")

KEYWORDS = (
    DRIVER,
    Keyword("Server", ("Data Source", "Address", "Addr", "Network Address")),
    Keyword("Database", ("Initial Catalog",)),
    Keyword("UID", ("User ID", "User")),
    Keyword("PWD", ("Password",)),
    Keyword("Trusted_Connection", ("Integrated Security",), {**_YES_NO, "sspi": "Yes"}),
    Keyword(
        "Authentication",
        (),
        {
            **{folded(value): value for value in _AUTHENTICATION},
            "activedirectorymanagedidentity": "ActiveDirectoryMsi",
        },
    ),
    Keyword(
        "Encrypt",
        (),
        {**_YES_NO, "mandatory": "Yes", "optional": "No", "strict": "Strict"},
    ),
    Keyword("TrustServerCertificate", (), _YES_NO),
    Keyword("HostNameInCertificate"),
    Keyword("ServerCertificate"),
    Keyword("ServerSPN"),
    Keyword("APP", ("Application Name",)),
    Keyword("WSID", ("Workstation ID",)),
    Keyword("Language", ("Current Language",)),
    Keyword("ApplicationIntent", (), {"readwrite": "ReadWrite"}),
    Keyword("MultiSubnetFailover", (), _YES_NO),
    Keyword("Failover_Partner"),
    Keyword("MARS_Connection", ("MultipleActiveResultSets",), _YES_NO),
    Keyword("ConnectRetryCount", (), number=True),
    Keyword("ConnectRetryInterval", (), number=True),
    Keyword("KeepAlive", (), number=True),
    Keyword("KeepAliveInterval", (), number=True),
    LOGIN_TIMEOUT,
)

ELSEWHERE = {
    "commandtimeout": "a command timeout; say commandTimeoutSeconds",
    "dsn": "a DSN; expected the server itself, as Server",
    "filedsn": "a DSN; expected the server itself, as Server",
    "maxpoolsize": "a pool size; say poolSize",
    "minpoolsize": "a pool size; say poolSize",
    "pooling": "pooling; the backplane has a pool of its own, see poolSize",
}
"""Keywords, folded, whose matter is an option's."""

WITHOUT_EFFECT = frozenset({"persistsecurityinfo"})
"""Keywords, folded, that change nothing and stand in every string that the Azure portal gives."""

BY_SPELLING = {
    folded(spelling): keyword
    for keyword in KEYWORDS
    for spelling in (keyword.odbc, *keyword.spellings)
}
SPELLINGS = tuple(
    spelling for keyword in KEYWORDS for spelling in (keyword.odbc, *keyword.spellings)
)
