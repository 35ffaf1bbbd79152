"""Reads the addresses of brokers."""

from __future__ import annotations

import re
from ipaddress import IPv6Address
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

DEFAULT_PORT = 9092
_HIGHEST_PORT = 65_535
_LONGEST_HOST = 253
_LABEL = "[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
_HOST = re.compile(rf"{_LABEL}(\.{_LABEL})*\.?")
_BETWEEN = re.compile(r"[\s;]")
_BRACKETED = re.compile(r"\[([^\[\]]*)\](?::(.*))?")


class Address(NamedTuple):
    """Where a broker listens."""

    host: str
    port: int

    def __str__(self) -> str:
        """Return it as Kafka clients take it."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class AddressError(Exception):
    """A text is not a broker's address; the message says why not."""


def addresses(brokers: tuple[str, ...] | str) -> tuple[Address, ...]:
    """Return the brokers' addresses.

    Raises:
        AddressError: One of them is not an address; the message names the option.
    """
    found = []
    for path, text in written(brokers):
        try:
            found.append(address_of(text))
        except AddressError as error:
            message = f"the option {path} does not fit: {error}; expected host:port"
            raise AddressError(message) from error
    return tuple(found)


def written(brokers: tuple[str, ...] | str) -> Iterator[tuple[str, str]]:
    """Yield each address as it is written, after the path of the option that has it."""
    if isinstance(brokers, str):
        for text in brokers.split(","):
            yield "brokers", text.strip()
    else:
        for index, text in enumerate(brokers):
            yield f"brokers[{index}]", text.strip()


def address_of(text: str) -> Address:
    """Return the address that ``text`` means.

    Raises:
        AddressError: It is not ``host``, ``host:port``, ``[IPv6]`` or ``[IPv6]:port``.
    """
    if not text:
        raise AddressError("it is empty")
    if "://" in text:
        raise AddressError("the protocol is said in security.protocol")
    if "," in text:
        raise AddressError("each address is an item of its own")
    if _BETWEEN.search(text):
        raise AddressError("addresses have commas between")
    if text.startswith("["):
        return _version_6(text)
    host, colon, port = text.partition(":")
    if ":" in port:
        raise AddressError("an IPv6 address stands in brackets, as in [::1]:9092")
    if len(host) > _LONGEST_HOST or not _HOST.fullmatch(host):
        raise AddressError(
            "the host is no name of parts with a '.' between, each of up to 63 letters, digits, "
            "'-' and '_'"
        )
    return Address(host.lower(), _port(port) if colon else DEFAULT_PORT)


def _version_6(text: str) -> Address:
    match = _BRACKETED.fullmatch(text)
    try:
        host = IPv6Address(match[1]) if match else None
    except ValueError:
        host = None
    if match is None or host is None:
        raise AddressError("in the brackets stands no IPv6 address, as in [::1]:9092")
    return Address(str(host), DEFAULT_PORT if match[2] is None else _port(match[2]))


def _port(text: str) -> int:
    if not re.fullmatch("[0-9]{1,5}", text) or not 0 < int(text) <= _HIGHEST_PORT:
        raise AddressError(f"the port is no number from 1 to {_HIGHEST_PORT:,}")
    return int(text)
