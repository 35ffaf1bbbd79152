"""The tables of docs/reference/configuration.md, made from the options classes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from msgspec import inspect

from experimentframework_core import config
from experimentframework_core.config._describe import alternatives, expected
from experimentframework_core.config._types import fields_of
from experimentframework_core.units import Secret

if TYPE_CHECKING:
    import msgspec

SECTIONS: dict[str, type[msgspec.Struct]] = {
    "dataPlane": config.DataPlaneOptions,
    "dataPlane.piiRedaction": config.PiiRedactionOptions,
    "dataPlane.buffer": config.BufferOptions,
    "dataPlane.retry": config.RetryOptions,
    "dataPlane.breaker": config.BreakerOptions,
    "dataPlane.deadLetter": config.DeadLetterOptions,
    "dataPlane.deadLetter.options": config.DeadLetterStoreOptions,
    "dataPlane.backplane": config.BackplaneOptions,
}


def tables() -> str:
    """Return each section's heading, first sentence and table."""
    return "\n".join(_section(path, options) for path, options in SECTIONS.items())


def _section(path: str, options: type[msgspec.Struct]) -> str:
    meanings = _meanings(options)
    rows = [
        f"| `{field.encode_name}` | {_in_cell(_kind(field))} | {_default(field)} |"
        f" {_in_cell(meanings[field.name])} |"
        for field in fields_of(options)
    ]
    lead = (options.__doc__ or "").partition("\n\n    Attributes:")[0]
    lead = re.sub(r"\n +", "\n", lead).replace("``", "`")
    head = "| key | value | default | meaning |\n|---|---|---|---|"
    return "\n".join([f"## `{path}`\n\n{lead}\n\n{head}", *rows, ""])


def _meanings(options: type[msgspec.Struct]) -> dict[str, str]:
    _, _, attributes = (options.__doc__ or "").partition("Attributes:\n")
    found = re.findall(
        r"^        (\w+): (.*?)(?=^        \w|\Z)", attributes, re.DOTALL | re.MULTILINE
    )
    return {name: " ".join(meaning.split()).replace("``", "`") for name, meaning in found}


def _kind(field: inspect.Field) -> str:
    bare = alternatives(field.type)[0] if isinstance(field.type, inspect.UnionType) else field.type
    if isinstance(bare, inspect.CustomType) and bare.cls is Secret:
        return "a secret"
    named = expected(field.type)
    named = re.sub(r"(a list|text)(, at least 1 character)", r"\1", named)
    short = {
        "0 or more milliseconds": "a duration",
        "1 or more milliseconds": "a duration, at least 1ms",
        "1 or more bytes": "a size",
    }
    return short.get(named.partition(", or")[0], named)


def _default(field: inspect.Field) -> str:
    if field.required:
        return "required"
    default = field.default
    if default is None or default == ():
        return ""
    if isinstance(default, bool):
        return f"`{str(default).lower()}`"
    if isinstance(default, int | float):
        return f"{default:,}"
    return f"`{default}`" if isinstance(default, str | Secret) else "see below"


def _in_cell(text: str) -> str:
    return text.replace("|", "\\|")
