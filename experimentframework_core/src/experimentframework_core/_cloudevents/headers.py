"""Attributes in headers: percent-encoded for HTTP, in UTF-8 for Kafka."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote, unquote_to_bytes

from experimentframework_core.errors import InvalidEventError

Headers = Mapping[str, str] | Mapping[str, bytes] | Iterable[tuple[str | bytes, str | bytes | None]]

_safe = "".join(map(chr, range(0x21, 0x7F))).replace('"', "").replace("%", "")
_backslash = re.compile(r"\\(.)")


def http_headers(attributes: Mapping[str, str]) -> dict[str, str]:
    """Return attributes as headers of HTTP."""
    return {
        **{
            f"ce-{name}": quote(value, _safe)
            for name, value in attributes.items()
            if name != "datacontenttype"
        },
        "content-type": attributes["datacontenttype"],
    }


def kafka_headers(attributes: Mapping[str, str]) -> list[tuple[str, bytes]]:
    """Return attributes as headers of Kafka."""
    return [
        ("content-type" if name == "datacontenttype" else f"ce_{name}", value.encode())
        for name, value in attributes.items()
    ]


def attributes_in(headers: Headers) -> dict[str, Any]:
    """Return the attributes that headers of HTTP or Kafka have.

    Raises:
        InvalidEventError: One stands twice, is not UTF-8, or neither text nor bytes.
        TypeError: They are no mapping and no pairs.
    """
    attributes: dict[str, Any] = {}
    for name, value in _pairs(headers):
        header = (name.decode("latin-1") if isinstance(name, bytes) else name).lower()
        is_type = header == "content-type"
        if value is None or not (is_type or header.startswith(("ce-", "ce_"))):
            continue
        attribute = "datacontenttype" if is_type else header[3:]
        if attribute in attributes:
            raise InvalidEventError("stands twice in the headers", path=attribute)
        if not isinstance(value, str | bytes):
            reason = f"expected text or bytes, not {type(value).__name__}"
            raise InvalidEventError(reason, path=attribute)
        try:
            attributes[attribute] = _value(value, percent=header.startswith("ce-"))
        except UnicodeError as error:
            raise InvalidEventError(f"not UTF-8: {error}", path=attribute) from error
    return attributes


def _pairs(headers: Headers) -> list[tuple[str | bytes, str | bytes | None]]:
    pairs = headers.items() if isinstance(headers, Mapping) else headers
    try:
        found = [(name, value) for name, value in pairs]
    except (TypeError, ValueError):
        raise TypeError("headers: expected a mapping, or pairs of a name and a value") from None
    for name, _ in found:
        if not isinstance(name, str | bytes):
            raise TypeError(f"headers: expected names as text or bytes, not {type(name).__name__}")
    return found


def _value(value: str | bytes, *, percent: bool) -> str:
    text = value.decode() if isinstance(value, bytes) else value
    if not percent:
        return text
    if len(text) > 1 and text[0] == text[-1] == '"':
        text = _backslash.sub(r"\1", text[1:-1])
    return unquote_to_bytes(text).decode()
