"""Keeps the secrets of a configuration out of what is shown: a foreign error may quote them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, TypeAlias
from urllib.parse import quote, quote_plus

import msgspec

from experimentframework_core._log import encodable
from experimentframework_core.units import Secret

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

Plain: TypeAlias = "bool | float | str | Sequence[Plain] | Mapping[str, Plain] | None"
"""What JSON has names for."""

HIDDEN = "***"

_SETTING = re.compile(r"([^=;]+)=\s*(\{(?:[^}]|\}\})*\}|\"[^\"]*\"|'[^']*'|[^;]*)")
_SENSITIVE = re.compile(r"pass|pwd|key$|secret|signature|token|credential", re.IGNORECASE)
_LOGIN = re.compile(r"://([^/@\s]*)@")
_CREDENTIALS = re.compile(r"[A-Za-z]+ +(\S+)")
_SHORT = 5


def hidden_in(options: object) -> list[str]:
    """Return the texts that must not be shown: secrets anywhere in the options, and their parts.

    The longest come first. A connection string has its passwords and keys as parts.
    """
    texts = {form for secret in _secrets_of(options) for form in _forms(secret.reveal())}
    return sorted(filter(None, texts), key=len, reverse=True)


def _secrets_of(value: object) -> Iterator[Secret]:
    if isinstance(value, Secret):
        yield value
    elif isinstance(value, msgspec.Struct):
        for name in value.__struct_fields__:
            yield from _secrets_of(getattr(value, name))
    elif isinstance(value, dict):
        for each in value.values():
            yield from _secrets_of(each)
    elif isinstance(value, list | tuple | set | frozenset):
        for each in value:
            yield from _secrets_of(each)


def _forms(secret: str) -> Iterator[str]:
    """Yield a secret and its parts, as they are and as errors write them."""
    for text in (secret, *_parts(secret)):
        yield from (text, text.strip(), encodable(text), repr(text)[1:-1])
        plain = encodable(text)
        yield from (quote(plain), quote(plain, safe=""), quote_plus(plain))


def _parts(secret: str) -> Iterator[str]:
    for key, value in _SETTING.findall(secret):
        if _SENSITIVE.search(key.strip()):
            yield from (value.strip(), value.strip().strip("{}\"'"))
    for login in _LOGIN.findall(secret):
        yield from (login, login.partition(":")[2])
    if (behind_the_scheme := _CREDENTIALS.fullmatch(secret)) is not None:
        yield behind_the_scheme[1]


def hide(text: str, hidden: list[str]) -> str:
    """Return the text with what is hidden replaced by ``***``, and the login of every address.

    What has few letters is hidden only where it stands alone: it would be found in any number.
    """
    for secret in hidden:
        if len(secret) < _SHORT:
            text = re.sub(rf"(?<!\w){re.escape(secret)}(?!\w)", HIDDEN, text)
        else:
            text = text.replace(secret, HIDDEN)
    return encodable(_LOGIN.sub(f"://{HIDDEN}@", text))


def without(value: Plain, hidden: list[str]) -> Plain:
    """Return the value with `hide` done to every text in it."""
    if isinstance(value, str):
        return hide(value, hidden)
    if isinstance(value, dict):
        return {name: without(each, hidden) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [without(each, hidden) for each in value]
    return value
