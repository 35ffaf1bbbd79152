"""Reads a connection string of SQL Server in either spelling. Its problems never quote it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from experimentframework_core.config import listed, nearest
from experimentframework_core.units import Secret
from experimentframework_sqlserver._connection.keywords import (
    BY_SPELLING,
    DRIVER,
    ELSEWHERE,
    LOGIN_TIMEOUT,
    SPELLINGS,
    WITHOUT_EFFECT,
    folded,
)
from experimentframework_sqlserver._connection.pairs import PairError, odbc_text, pairs_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from experimentframework_sqlserver._connection.pairs import Pair

_LONGEST = 8192
_HIGHEST_PORT = 65_535
_PORT = re.compile(" *[0-9]{1,5} *")


class ConnectionString(NamedTuple):
    """What a connection string says.

    Attributes:
        odbc: All that the ODBC driver is told, without the driver itself.
        server: The server, as it is written.
        database: The database. None: the user's own.
        driver: The driver that the string names. None: it names none.
        login_timeout: Seconds that signing in may take. None: as the driver has it.
    """

    odbc: Secret
    server: str
    database: str | None
    driver: str | None
    login_timeout: int | None


def parse(text: str) -> ConnectionString | list[str]:
    """Return what the connection string says, or everything that is wrong with it."""
    if len(text) > _LONGEST:
        return [f"it has {len(text):,} characters; expected at most {_LONGEST:,}"]
    if "\0" in text:
        return ["it holds a NUL character, at which the driver would end it"]
    try:
        pairs = list(pairs_of(text))
    except PairError as error:
        return [str(error)]
    values, problems = _normalized(pairs)
    problems += _breaches(values)
    if problems:
        return problems
    beside = (DRIVER.odbc, LOGIN_TIMEOUT.odbc)
    timeout = values.get(LOGIN_TIMEOUT.odbc)
    return ConnectionString(
        odbc=Secret(odbc_text(item for item in values.items() if item[0] not in beside)),
        server=values["Server"],
        database=values.get("Database"),
        driver=values.get(DRIVER.odbc),
        login_timeout=None if timeout is None else int(timeout),
    )


def _normalized(pairs: Iterable[Pair]) -> tuple[dict[str, str], list[str]]:
    """Return ODBC's values by ODBC's keywords, and what could not be understood."""
    values: dict[str, str] = {}
    problems: list[str] = []
    for pair in pairs:
        name = folded(pair.keyword)
        keyword = BY_SPELLING.get(name)
        if keyword is not None:
            value = keyword.converted(pair.value)
            if keyword.odbc in values:
                problems.append(f"it says {keyword.odbc} twice")
            elif value is None:
                wanted = listed(keyword.expected())
                problems.append(f"its {keyword.odbc} has a wrong value; expected {wanted}")
            values.setdefault(keyword.odbc, value or "")
        elif name in ELSEWHERE:
            problems.append(f"it has {ELSEWHERE[name]}")
        elif name not in WITHOUT_EFFECT:
            problems.append(_unknown(pair))
    return values, problems


def _unknown(pair: Pair) -> str:
    """Word a keyword that is not known; it may be a piece of a password, so it is not shown."""
    meant = nearest(pair.keyword, SPELLINGS)
    mend = (
        f"did you mean '{meant}'?"
        if meant
        else "a value with a ';' in it stands in braces, as in PWD={…}"
    )
    return f"its part {pair.number} has an unknown keyword; {mend}"


def _breaches(values: Mapping[str, str]) -> Iterator[str]:
    if "Server" not in values:
        yield "it has no Server"
    _, comma, port = values.get("Server", "").partition(",")
    if comma and not (_PORT.fullmatch(port) and 0 < int(port) <= _HIGHEST_PORT):
        yield f"the port behind its Server is no number from 1 to {_HIGHEST_PORT:,}"
    yield from _signing_in(values)


def _signing_in(values: Mapping[str, str]) -> Iterator[str]:
    trusted = values.get("Trusted_Connection") == "Yes"
    user = [keyword for keyword in ("UID", "PWD") if keyword in values]
    if trusted and user:
        yield f"it has a trusted connection and {listed(user)}; expected one of the two"
    elif not trusted and "Authentication" not in values:
        if not user:
            yield "it does not say how to sign in; expected UID and PWD, or Trusted_Connection=Yes"
        elif user == ["PWD"]:
            yield "it has a PWD and no UID"
        elif user == ["UID"]:
            yield "it has a UID and no PWD"
