"""What fits together in ``security``."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from experimentframework_core.config import listed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from experimentframework_core.plugin import Finding
    from experimentframework_kafka._options import KafkaSecurity

_FUNCTION = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*")
_SASL = ("mechanism", "username", "password", "tokenProvider")
_SSL = ("cafile", "certfile", "keyfile", "keyfilePassword")
_PROTOCOL = ("security.protocol",)
_SIGNED_IN_BY = (*_PROTOCOL, "security.mechanism")
_BY_PASSWORD: Final = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")


def security_breaches(security: KafkaSecurity) -> Iterator[Finding]:
    """Yield what is missing, has no effect, or is dangerous."""
    said = _said(security)
    yield from _signing_in(security, said)
    yield from _encryption(security, said)
    if security.token_provider is not None and not _FUNCTION.fullmatch(security.token_provider):
        message = "not the name of a function; expected module:function"
        yield "security.tokenProvider", message, "error", ()
    if security.protocol == "SASL_PLAINTEXT" and security.mechanism in ("PLAIN", "OAUTHBEARER"):
        message = (
            f"sends what {security.mechanism} signs in with over the network as it is; "
            "expected SASL_SSL, except on a network that nobody else reads"
        )
        yield "security.protocol", message, "warning", ("security.mechanism",)


def _said(security: KafkaSecurity) -> set[str]:
    values = {
        "mechanism": security.mechanism,
        "username": security.username,
        "password": security.password,
        "tokenProvider": security.token_provider,
        "cafile": security.cafile,
        "certfile": security.certfile,
        "keyfile": security.keyfile,
        "keyfilePassword": security.keyfile_password,
    }
    return {key for key, value in values.items() if value is not None}


def _signing_in(security: KafkaSecurity, said: set[str]) -> Iterator[Finding]:
    if not security.protocol.startswith("SASL"):
        where = f"with protocol {security.protocol}"
        yield from _useless(_SASL, said, where, "a SASL protocol", _PROTOCOL)
        return
    if security.mechanism is None:
        choices = listed([*_BY_PASSWORD, "OAUTHBEARER"])
        message = f"missing; {security.protocol} needs {choices}"
        yield "security.mechanism", message, "error", _PROTOCOL
        return
    by_password = security.mechanism in _BY_PASSWORD
    needed = ("username", "password") if by_password else ("tokenProvider",)
    other = ("tokenProvider",) if by_password else ("username", "password")
    for key in needed:
        if key not in said:
            message = f"missing; {security.mechanism} needs it"
            yield f"security.{key}", message, "error", _SIGNED_IN_BY
    instead = "OAUTHBEARER" if by_password else listed(_BY_PASSWORD)
    where = f"with {security.mechanism}"
    yield from _useless(other, said, where, f"mechanism {instead}", _SIGNED_IN_BY)


def _encryption(security: KafkaSecurity, said: set[str]) -> Iterator[Finding]:
    if not security.protocol.endswith("SSL"):
        encrypted = "SASL_SSL" if security.protocol.startswith("SASL") else "SSL"
        where = f"with protocol {security.protocol}"
        yield from _useless(_SSL, said, where, f"protocol {encrypted}", _PROTOCOL)
        return
    for key in ("keyfile", "keyfilePassword"):
        if key in said and "certfile" not in said:
            message = "has no effect without certfile, the key's certificate"
            yield f"security.{key}", message, "error", ("security.certfile",)


def _useless(
    keys: tuple[str, ...], said: set[str], why: str, instead: str, reads: tuple[str, ...]
) -> Iterator[Finding]:
    for key in keys:
        if key in said:
            message = f"has no effect {why}; expected {instead}, or leave it out"
            yield f"security.{key}", message, "error", reads
