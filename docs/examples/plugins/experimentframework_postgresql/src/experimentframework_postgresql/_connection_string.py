"""What a connection string may say, as the driver takes it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qsl, urlsplit

from experimentframework_core.config import listed

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_FORM = "expected postgresql://user:password@host:port/database?name=value"
_LAST_PORT = 65_535

_VALUES: Final = {
    "sslmode": ("disable", "allow", "prefer", "require", "verify-ca", "verify-full"),
    "sslnegotiation": ("postgres", "direct"),
    "target_session_attrs": (
        "any",
        "primary",
        "standby",
        "read-write",
        "read-only",
        "prefer-standby",
    ),
}
_PARAMETERS: Final = {
    *_VALUES,
    "database",
    "dbname",
    "gsslib",
    "host",
    "krbsrvname",
    "passfile",
    "password",
    "port",
    "service",
    "ssl_max_protocol_version",
    "ssl_min_protocol_version",
    "sslcert",
    "sslcrl",
    "sslkey",
    "sslpassword",
    "sslrootcert",
    "user",
}
"""What asyncpg 0.32 takes for itself; it sends any other parameter to the server, as a setting."""

_OF_LIBPQ: Final = {
    "channel_binding",
    "connect_timeout",
    "fallback_application_name",
    "gssencmode",
    "hostaddr",
    "keepalives",
    "keepalives_count",
    "keepalives_idle",
    "keepalives_interval",
    "load_balance_hosts",
    "require_auth",
    "requirepeer",
    "sslcertmode",
    "sslcompression",
    "sslsni",
    "tcp_user_timeout",
}
"""What other clients take, and the server refuses as a setting that it does not know."""

_USUAL_SETTINGS: Final = {
    "application_name",
    "client_encoding",
    "idle_in_transaction_session_timeout",
    "lock_timeout",
    "options",
    "role",
    "search_path",
    "statement_timeout",
    "synchronous_commit",
    "timezone",
    "work_mem",
}


def connection_string_problems(text: str) -> Iterator[str]:
    """Yield what is wrong with a connection string, and no part of it that may be a secret."""
    if not text.startswith(("postgresql://", "postgres://")):
        yield f"it does not begin with postgresql://; {_FORM}"
        return
    if not text.isprintable() or " " in text:
        yield "it has a blank or a character that cannot be printed; write it as %20, say"
        return
    try:
        parts = urlsplit(text)
        parameters = _parameters(text)
    except ValueError:
        yield f"it cannot be read: {_FORM}"
        return
    if parts.netloc.count("@") > 1 or parts.fragment or "@" in parts.query:
        yield (
            "its user or password has '@', '#' or '?'; write them as %40, %23 and %3F, or say"
            " password"
        )
        return
    hosts = parts.netloc.rpartition("@")[2]
    for host in filter(None, hosts.split(",")):
        port = host.rpartition("]")[2].partition(":")[2]
        if port and not (port.isascii() and port.isdigit() and 0 < int(port) <= _LAST_PORT):
            yield (
                f"a port of it is none; expected 1 to {_LAST_PORT:,} behind the host, and"
                " %2F for a '/' in the user or password"
            )
            return
    yield from _parameter_problems(parameters)


def has_password(text: str) -> bool:
    """Return whether a connection string without problems has a password."""
    return bool(urlsplit(text).password) or "password" in _parameters(text)


def settings_of_the_server(text: str) -> list[str]:
    """Return the names, in one without problems, that only the server may know."""
    names = sorted(_parameters(text).keys() - _PARAMETERS - _USUAL_SETTINGS)
    return [name for name in names if "." not in name]


def _parameters(text: str) -> dict[str, str]:
    """Return the parameters behind ``?``; of those that are said twice, the driver's: the last.

    Raises:
        ValueError: They cannot be read.
    """
    query = urlsplit(text).query
    return dict(parse_qsl(query, strict_parsing=True)) if query else {}


def _parameter_problems(parameters: Mapping[str, str]) -> Iterator[str]:
    for name, known in _VALUES.items():
        if parameters.get(name, known[0]) not in known:
            yield f"its {name} is none; expected {listed(known)}"
    for name in sorted(parameters.keys() & _OF_LIBPQ):
        yield f"its {name} is known to libpq, and not to this driver; leave it out"
