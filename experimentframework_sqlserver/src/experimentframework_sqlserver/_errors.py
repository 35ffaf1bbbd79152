"""What the errors of SQL Server and its driver mean, by tables."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from experimentframework_core.errors import (
    DeliveryError,
    PermanentError,
    TransientError,
    UnavailableError,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

DUPLICATE: Final = frozenset({2601, 2627})
"""A unique index has the row already."""

DEADLOCK: Final = 1205

THROTTLED: Final = frozenset(
    {
        1204, 8628, 8645, 8651, 9515, 10922, 10928, 10929, 10930, 10936, 14355, 17889, 40501,
        40540, 40613, 40890, 41823, 41840, 49918, 49919, 49920,
    }
)  # fmt: skip
"""The server has too much to do, or is being moved: it is left alone for `THROTTLED_PAUSE`."""

THROTTLED_PAUSE: Final = 5.0
"""Seconds."""

RECORD: Final[Mapping[int, str]] = {
    220: "a number of it is outside what its column takes",
    241: "the time of it cannot be read as a time",
    242: "the time of it is outside what its column takes",
    547: "a constraint of the table refuses it",
    2628: "a text of it is longer than its column",
    8115: "a number of it is outside what its column takes",
    8152: "a text of it is longer than its column",
    13608: "a property of it cannot be found where the table expects it",
    13609: "the server cannot read it as JSON",
    13610: "the server cannot read it as JSON",
    13624: "a property of it is no JSON object where the table expects one",
    13625: "a property of it is longer than its column",
}
"""Numbers that speak of a record: it is refused for ever, and only it."""

RECORD_STATES: Final[Mapping[str, str]] = {
    "22001": "a text of it is longer than its column",
    "22003": "a number of it is outside what its column takes",
    "22007": "a time of it cannot be read",
    "22008": "a time of it is outside what its column takes",
    "22018": "a value of it does not fit its column",
    "23000": "a constraint of the table refuses it",
}
"""The same, where the server's number says nothing."""

MISSING: Final = frozenset({208, 1088})
"""There is no such table where the connection is."""

NO_RIGHT: Final = frozenset({229, 230})
"""The user lacks a right on a table or a column."""

WRITES: Final = "SELECT and INSERT"
"""The rights that writing events needs."""

MIGRATE: Final = "run: experimentframework sqlserver migrate --config FILE"

CONFIGURATION: Final[Mapping[int, str]] = {
    102: "the server does not understand the statement; SQL Server 2016 or newer is needed",
    207: f"the table lacks a column, or is somebody else's; {MIGRATE}",
    208: f"the table is missing; {MIGRATE}",
    229: "this user lacks a right; grant it {needs} on the table",
    230: "this user lacks a right on a column; grant it {needs} on the table",
    515: "the table has a column of somebody else's that must have a value; give it a default",
    262: "this user lacks a right in the database",
    911: "there is no such database; create it, or see Database in connectionString",
    916: "this user may not use the database; create a user for the login there",
    1088: f"the table is missing or this user may not see it; {MIGRATE}",
    1105: "the database has no room left in a filegroup",
    2760: "the schema is missing or this user may not use it",
    3906: "the database is read-only",
    4060: "the database is missing or this login may not open it; see Database in connectionString",
    4064: "the user's default database cannot be opened; see Database in connectionString",
    9002: "the database's transaction log is full",
    18452: "the server does not take this kind of login; see connectionString",
    18456: "the server refuses the user or the password; see UID and PWD in connectionString",
    18470: "the login is disabled",
    18486: "the login is locked",
    18487: "the password has expired",
    18488: "the password must be changed",
    40532: "the server refuses the user or the server's name; see connectionString",
    40615: "the firewall of the server refuses this address",
    40914: "the server refuses this network; see its virtual network rules",
    47073: "the server takes no connections of the public network",
}
"""Numbers that speak of the configuration: nothing arrives until somebody changes something."""

CONFIGURATION_STATES: Final[Mapping[str, str]] = {
    "01S00": "the driver does not take a keyword of connectionString",
    "08004": "the server refuses the connection; see Database in connectionString",
    "28000": "the server refuses the user or the password; see UID and PWD in connectionString",
    "42S02": f"the table is missing; {MIGRATE}",
    "42S22": f"the table lacks a column, or is somebody else's; {MIGRATE}",
    "HY024": "the driver does not take a value of connectionString",
    "IM002": "the ODBC driver is not registered; see driver",
    "IM003": "the ODBC driver cannot be loaded; see driver",
    "IM004": "the ODBC driver cannot be loaded; see driver",
    "IM005": "the ODBC driver cannot be loaded; see driver",
}
"""The same, where the server's number says nothing or there is none."""

TRANSIENT: Final = frozenset(
    {
        20, 64, 121, 203, 233, 539, 601, 615, 617, 669, 921, 926, 927, 941, 952, 982, 988, 997,
        1203, 1204, 1205, 1215, 1216, 1221, 1222, 1232, 1404, 1413, 1421, 1438, 1532, 1533, 1534,
        1535, 1807, 2021, 2816, 3429, 3635, 3935, 3941, 3947, 3948, 3950, 3953, 3957, 3960, 3966,
        3980, 4117, 4184, 4221, 5280, 5529, 6292, 7951, 8628, 8645, 8651, 9020, 9515, 9985, 10053,
        10054, 10060, 10922, 10928, 10929, 10930, 10936, 11001, 11539, 14355, 14817, 14868, 14906,
        16528, 16554, 16555, 17065, 17066, 17067, 17197, 17889, 18401, 18858, 19413, 19416, 19494,
        20041, 21503, 22225, 22226, 22335, 22353, 22355, 22358, 22427, 22430, 22491, 22493, 22498,
        22754, 22758, 22759, 22760, 22984, 25003, 25738, 25740, 30080, 30085, 33123, 35216, 35218,
        35256, 35293, 37202, 37327, 39025, 39108, 39110, 39151, 39152, 40106, 40143, 40189, 40197,
        40501, 40540, 40613, 40623, 40642, 40648, 40671, 40675, 40890, 40903, 40918, 40938, 41301,
        41302, 41305, 41325, 41339, 41383, 41614, 41619, 41640, 41700, 41701, 41823, 41839, 41840,
        42029, 42108, 42109, 45153, 45156, 45157, 45161, 45179, 45182, 45319, 45547, 47132, 47137,
        47139, 49510, 49802, 49918, 49919, 49920, 49977, 49983,
    }
)  # fmt: skip
"""Numbers after which the same may succeed: those that EF Core tries again, without 4060.

From its SqlServerTransientExceptionDetector, of August 2026.
"""

BABELFISH: Final = 33557097
"""What Babelfish for PostgreSQL says instead of most numbers."""

_NUMBERS_OF_TEXTS: Final = (
    (re.compile("column .* does not exist"), 207),
    (re.compile("relation .* does not exist"), 208),
    (re.compile("permission denied"), 229),
    (re.compile("canceling statement due to lock timeout"), 1222),
    (re.compile("invalid input syntax for type"), 241),
    (re.compile("unsupported Unicode escape sequence"), 13609),
)
"""The numbers of SQL Server for what Babelfish says."""

_NO_SERVER = (
    "the server cannot be reached: its name is unknown, nothing listens at the port, or it does not"
    " answer in time; see Server in connectionString"
)
_NO_ENCRYPTION = (
    "the server has no TLS, and the driver encrypts unless it is told otherwise; see Encrypt in"
    " connectionString"
)
_UNTRUSTED = (
    "the encrypted connection cannot be made; see Encrypt, HostNameInCertificate and "
    "TrustServerCertificate in connectionString"
)
_UNLOADED = re.compile("Can't open lib '([^']*)'")
_NUMBER = re.compile(r"\((-?\d+)\) \(SQL\w+\)")
_DRESSING = (
    re.compile(r"\[\w{5}\] (?:\[[^\]]*\])*"),
    re.compile(r"\(SQL\w+\)"),
)
_LOST_CONNECTION = re.compile("08...|HYT0[01]|HY010")


def sqlstate_of(error: BaseException) -> str:
    """Return the five characters in which ODBC says what kind of error it is."""
    return str(error.args[0]) if error.args else ""


def numbers_of(error: BaseException) -> tuple[int, ...]:
    """Return the server's numbers in an error of the driver, in the order in which it says them."""
    text = str(error.args[1]) if len(error.args) > 1 else ""
    numbers = tuple(map(int, _NUMBER.findall(text)))
    if BABELFISH in numbers:
        numbers += tuple(number for words, number in _NUMBERS_OF_TEXTS if words.search(text))
    return numbers


def is_duplicate(error: BaseException) -> bool:
    """Return whether a unique index has a row of the statement already."""
    return not DUPLICATE.isdisjoint(numbers_of(error))


def is_deadlock(error: BaseException) -> bool:
    """Return whether the server chose this transaction to end a deadlock, and rolled it back."""
    return DEADLOCK in numbers_of(error) or sqlstate_of(error) == "40001"


def loses_connection(error: BaseException) -> bool:
    """Return whether the connection is not to be used again."""
    return _LOST_CONNECTION.fullmatch(sqlstate_of(error)) is not None


def delivery_error(error: BaseException, doing: str, *, needs: str = WRITES) -> DeliveryError:
    """Return what an error of the driver means to the channel.

    Args:
        error: The driver's error; the result says what it says.
        doing: What was attempted, as in ``write to table [dbo].[ExperimentEvents]``.
        needs: The rights that it needs, as in ``SELECT and INSERT``.

    Returns:
        A TransientError, an UnavailableError or a PermanentError, with ``error`` as its cause.
    """
    said = _meaning(error, doing, needs)
    said.__cause__ = error
    return said


def _meaning(error: BaseException, doing: str, needs: str) -> DeliveryError:
    details = _details(error)
    if "Encryption not supported" in details:
        return UnavailableError(f"cannot {doing}: {_NO_ENCRYPTION} ({details})")
    for number in numbers_of(error):
        if number in THROTTLED:
            return TransientError(f"cannot {doing}: {details}", retry_after=THROTTLED_PAUSE)
        if number in TRANSIENT:
            return TransientError(f"cannot {doing}: {details}")
        if number in CONFIGURATION:
            why = CONFIGURATION[number].replace("{needs}", needs)
            return UnavailableError(f"cannot {doing}: {why} ({details})")
        if number in RECORD:
            return PermanentError(f"cannot {doing}: {RECORD[number]} ({details})")
    return _meaning_of_state(error, f"cannot {doing}", details)


def _meaning_of_state(error: BaseException, failure: str, details: str) -> DeliveryError:
    state = sqlstate_of(error)
    if state in CONFIGURATION_STATES:
        return UnavailableError(f"{failure}: {CONFIGURATION_STATES[state]} ({details})")
    if unloaded := _UNLOADED.search(details):
        return UnavailableError(
            f"{failure}: '{unloaded[1]}' is no ODBC driver of this system, or lacks a library that"
            " it needs; see driver"
        )
    if "SSL Provider" in details:
        return UnavailableError(f"{failure}: {_UNTRUSTED} ({details})")
    if state in RECORD_STATES and not is_duplicate(error):
        return PermanentError(f"{failure}: {RECORD_STATES[state]} ({details})")
    if "Login timeout expired" in details:
        return TransientError(f"{failure}: {_NO_SERVER} ({details})")
    return TransientError(f"{failure}: {details}")


def _details(error: BaseException) -> str:
    """Return the server's words and numbers without the driver's dressing."""
    text = str(error.args[1]) if len(error.args) > 1 else str(error)
    for dressing in _DRESSING:
        text = dressing.sub(" ", text)
    return " ".join(text.split()).replace(" (0)", "").replace(" ;", ";") or type(error).__name__
