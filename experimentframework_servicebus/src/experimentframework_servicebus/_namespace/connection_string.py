"""Reads a connection string of Azure Service Bus. Its problems never quote it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from experimentframework_core.config import listed, nearest
from experimentframework_core.units import Secret

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from experimentframework_servicebus._options import ServiceBusOptions

_PARTS = (
    "Endpoint",
    "SharedAccessKeyName",
    "SharedAccessKey",
    "SharedAccessSignature",
    "EntityPath",
    "UseDevelopmentEmulator",
)
_BY_LOWER_CASE = {name.lower(): name for name in _PARTS}
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_HOST = re.compile(rf"(?=.{{1,253}}\Z){_LABEL}(?:\.{_LABEL})*")
_ENDPOINT = re.compile(r"sb://([A-Za-z0-9.-]+)(:([0-9]{1,5}))?/?")
_LONGEST = 8192
_HIGHEST_PORT = 65_535


class ConnectionString(NamedTuple):
    """What a connection string says.

    Attributes:
        host: The namespace's host.
        port: The endpoint's port, which only the emulator takes; None where there is none.
        key_name: The name of the shared access policy; None with a signature.
        key: The policy's key.
        signature: A ready-made signature.
        entity_path: The one queue or topic that it is for.
        emulator: Whether it is of Microsoft's emulator: no encryption.
    """

    host: str
    port: int | None
    key_name: str | None
    key: Secret | None
    signature: Secret | None
    entity_path: str | None
    emulator: bool


def is_host(text: str) -> bool:
    """Return whether a text can be a host: parts of 1 to 63 letters, digits and '-'."""
    return _HOST.fullmatch(text) is not None


def parse(text: str) -> ConnectionString | list[str]:
    """Return what the connection string says, or everything that is wrong with it."""
    if len(text) > _LONGEST:
        return [f"it has {len(text):,} characters; expected at most {_LONGEST:,}"]
    values, problems = _split(text)
    problems += _missing(values)
    emulator = values.get("UseDevelopmentEmulator")
    if emulator not in (None, "true", "false"):
        problems.append("its UseDevelopmentEmulator is neither true nor false, in small letters")
    endpoint = _ENDPOINT.fullmatch(values.get("Endpoint", ""))
    port = int(endpoint[3]) if endpoint and endpoint[3] else None
    if values.get("Endpoint") and not (endpoint and is_host(endpoint[1])):
        problems.append("its Endpoint is not a host as in sb://shop.servicebus.windows.net/")
    if port is not None and not 0 < port <= _HIGHEST_PORT:
        problems.append(f"the port of its Endpoint is no number from 1 to {_HIGHEST_PORT:,}")
    elif port is not None and emulator != "true":
        problems.append("its Endpoint has a port, which only UseDevelopmentEmulator=true takes")
    if problems or endpoint is None:
        return problems
    return ConnectionString(
        host=endpoint[1],
        port=port,
        key_name=values.get("SharedAccessKeyName"),
        key=_secret(values, "SharedAccessKey"),
        signature=_secret(values, "SharedAccessSignature"),
        entity_path=values.get("EntityPath"),
        emulator=emulator == "true",
    )


def host_of(options: ServiceBusOptions) -> str:
    """Return the namespace's host."""
    host = options.fully_qualified_namespace
    if options.connection_string is not None:
        found = parse(options.connection_string.reveal())
        host = found.host if isinstance(found, ConnectionString) else None
    return host or "NAMESPACE"


def _split(text: str) -> tuple[dict[str, str], list[str]]:
    values: dict[str, str] = {}
    problems: list[str] = []
    parts = [part.strip() for part in text.split(";")]
    for number, part in enumerate(parts, start=1):
        name, equals, value = (each.strip() for each in part.partition("="))
        known = _BY_LOWER_CASE.get(name.lower())
        if not part:
            if number < len(parts):
                problems.append(f"its part {number} is empty")
        elif not equals:
            problems.append(f"its part {number} has no '='; expected name=value")
        elif known is None:
            problems.append(f"its part {number} has an unknown name; {_expected(name)}")
        elif known in values:
            problems.append(f"it says {known} twice")
        else:
            values[known] = value
            if not value:
                problems.append(f"its {known} is empty")
    return values, problems


def _expected(name: str) -> str:
    meant = nearest(name, _PARTS)
    return f"did you mean '{meant}'?" if meant else f"expected {listed(_PARTS)}"


def _missing(values: Mapping[str, str]) -> Iterator[str]:
    if "Endpoint" not in values:
        yield "it has no Endpoint"
    by_key = {"SharedAccessKeyName", "SharedAccessKey"} & values.keys()
    if "SharedAccessSignature" in values:
        if by_key:
            yield "it has a SharedAccessSignature and a key; expected one of the two"
    elif not by_key:
        yield "it has no SharedAccessKeyName and SharedAccessKey, and no SharedAccessSignature"
    elif "SharedAccessKey" not in by_key:
        yield "it has a SharedAccessKeyName and no SharedAccessKey"
    elif "SharedAccessKeyName" not in by_key:
        yield "it has a SharedAccessKey and no SharedAccessKeyName"


def _secret(values: Mapping[str, str], name: str) -> Secret | None:
    value = values.get(name)
    return None if value is None else Secret(value)
