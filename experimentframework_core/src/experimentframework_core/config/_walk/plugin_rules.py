"""Rules of a plugin's options: what the plugin itself says, and settings without effect."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, get_args

import msgspec

from experimentframework_core.config._effective import attempts_in
from experimentframework_core.config._problems.breach import Breach
from experimentframework_core.plugin import ChannelSettings, Severity

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from experimentframework_core.plugin import BackplanePlugin, Finding

_NO_CHANNEL = ("flushIntervalMs", "concurrency")
_AT_ONCE = "has no effect on dead letters, which are written at once; leave it out"


def plugin_breaches(
    plugin: BackplanePlugin[Any], options: ChannelSettings, path: str
) -> Iterator[Breach]:
    """Yield what the plugin finds wrong with the options of the node at ``path``."""
    if plugin.check is not None:
        yield from check_breaches(plugin.check, options, path)


def check_breaches(
    check: Callable[[Any], Iterable[Finding]], options: object, path: str
) -> Iterator[Breach]:
    """Yield what a plugin's ``check`` says of the options of the node at ``path``.

    It was given defaults for options that are wrong. Where it does not say at which ones it has
    looked, all of them have to be good.
    """
    try:
        said = [_parts(finding) for finding in check(options)]
    except Exception as error:  # noqa: BLE001 - a plugin's bug must not hide the other problems
        message = f"the plugin failed in its check: {type(error).__name__}: {error}"
        yield Breach(f"{path}.type", message, about=path)
        return
    options_path = f"{path}.options"
    for key, message, severity, others in said:
        where = f"{options_path}.{key}" if key else options_path
        reads = tuple(f"{options_path}.{other}" for other in others or ())
        whole = options_path if others is None else None
        yield Breach(where, message, reads, options_path, severity, whole)


def _parts(finding: Finding) -> tuple[str, str, Severity, tuple[str, ...] | None]:
    """Return the four parts of what a check yields; the last two may be left out."""
    if len(finding) == 2:  # noqa: PLR2004 - mypy narrows the union by this number
        return (*finding, "error", None)
    if finding[2] not in get_args(Severity):
        raise ValueError(f"{finding[2]!r} is no severity")
    return (*finding, None) if len(finding) == 3 else finding  # noqa: PLR2004 - the same


def dead_letter_breaches(
    plugin: BackplanePlugin[Any], options: ChannelSettings, path: str
) -> Iterator[Breach]:
    """Yield what is wrong with the options of a backplane that takes dead letters."""
    yield from plugin_breaches(plugin, options, path)
    for key in channel_settings_in(options):
        if key in _NO_CHANNEL:
            yield Breach(f"{path}.options.{key}", _AT_ONCE)
    attempts = attempts_key(plugin, options)
    if attempts is not None:
        yield Breach(f"{path}.options.{attempts}", _AT_ONCE)


def attempts_key(plugin: BackplanePlugin[Any], options: ChannelSettings) -> str | None:
    """Return the key by which ``options`` say ``retry.maxAttempts``; None if they do not."""
    if attempts_in(options, plugin) is None:
        return None
    keys = {field.name: field.encode_name for field in msgspec.structs.fields(options)}
    return keys[str(plugin.attempts_option)]


def channel_settings_in(options: ChannelSettings) -> Iterator[str]:
    """Yield the keys of the channel's settings that ``options`` say."""
    for field in msgspec.structs.fields(options):
        said = getattr(options, field.name) != field.default
        if said and field.name in ChannelSettings.__struct_fields__:
            yield field.encode_name
