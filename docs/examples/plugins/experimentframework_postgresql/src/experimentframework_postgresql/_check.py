"""What the types of the options cannot say: every problem at once, nothing is opened."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

from experimentframework_postgresql._names import LONGEST_NAME, LONGEST_TABLE, why_no_name

if TYPE_CHECKING:
    from collections.abc import Iterator

    from experimentframework_core.plugin import Finding
    from experimentframework_postgresql._options import PostgreSqlOptions

_FORM = "expected postgresql://user:password@host:port/database?name=value"
_LAST_PORT = 65_535


def check_postgresql(options: PostgreSqlOptions) -> Iterator[Finding]:
    """Yield what is wrong with the options."""
    for problem in connection_string_problems(options.connection_string.reveal()):
        yield "connectionString", problem, "error", ()
    for key, name, longest in (
        ("schema", options.schema, LONGEST_NAME),
        ("tableName", options.table_name, LONGEST_TABLE),
    ):
        if why := why_no_name(name, longest):
            yield key, why, "error", ()


def connection_string_problems(text: str) -> Iterator[str]:
    """Yield what is wrong with a connection string, and never a part of it."""
    if not text.startswith(("postgresql://", "postgres://")):
        yield f"it does not begin with postgresql://; {_FORM}"
        return
    if not text.isprintable() or " " in text:
        yield "it has a blank or a character that cannot be printed; write it as %20, say"
        return
    try:
        parts = urlsplit(text)
        if parts.query:
            parse_qs(parts.query, strict_parsing=True)
    except ValueError:
        yield f"it cannot be read: {_FORM}"
        return
    if parts.netloc.count("@") > 1 or parts.fragment:
        yield "its user or password has '@' or '#'; write them as %40 and %23, or say password"
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
