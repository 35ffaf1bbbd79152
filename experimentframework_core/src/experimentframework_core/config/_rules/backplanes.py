"""Rules of single backplanes, of groups and their members, and of names."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from experimentframework_core.config._model.data_plane import BackplaneOptions
from experimentframework_core.config._problems.breach import Breach
from experimentframework_core.config._rules.event_types import event_type_problem
from experimentframework_core.config._rules.names import repeated
from experimentframework_core.config._walk.backplanes import GROUPS
from experimentframework_core.config._walk.plugin_rules import (
    attempts_key,
    channel_settings_in,
    plugin_breaches,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from experimentframework_core.config._walk.backplanes import Found

_KEYS = {field.name: field.encode_name for field in msgspec.structs.fields(BackplaneOptions)}


def backplane_breaches(found: Sequence[Found]) -> Iterator[Breach]:
    """Yield what is wrong with each backplane, then with their names."""
    for each in found:
        yield from _nesting(each)
        yield from _useless_settings(each)
        yield from _attempts(each)
        yield from _events(each)
        yield from _by_the_plugin(each)
    yield from _names(found)


def _nesting(found: Found) -> Iterator[Breach]:
    kind = found.node.type
    if kind in GROUPS and not found.node.backplanes:
        yield Breach(f"{found.path}.backplanes", "missing; expected at least 1 backplane")
    if kind in GROUPS and kind in found.inside:
        message = f"a {kind} inside a {kind}; list its backplanes in the outer one"
        yield Breach(f"{found.path}.type", message)
    elif kind == "composite" and "failover" in found.inside:
        message = "a composite inside a failover; expected single backplanes"
        yield Breach(f"{found.path}.type", message)


def _useless_settings(found: Found) -> Iterator[Breach]:
    """Yield settings that nothing would read."""
    node, kind = found.node, found.node.type
    for name in _said(node):
        if reason := _why_useless(name, kind, in_failover="failover" in found.inside):
            yield Breach(f"{found.path}.{_KEYS[name]}", reason, (f"{found.path}.type",))
    if "failover" in found.inside and found.options is not None:
        for key in channel_settings_in(found.options):
            yield Breach(f"{found.path}.options.{key}", _IN_FAILOVER)


_IN_FAILOVER = "has no effect on a member of a failover; say it on the failover"


def _why_useless(name: str, kind: str, *, in_failover: bool) -> str | None:
    if name == "require" and kind != "composite":
        return "only a composite has it"
    if name == "backplanes" and kind not in GROUPS:
        return "only a composite or failover has it"
    if kind == "composite" and name not in ("backplanes", "require"):
        return "has no effect on a composite; say it on each of its backplanes"
    if kind not in GROUPS and in_failover and name not in ("options", "name"):
        return _IN_FAILOVER
    return None


def _attempts(found: Found) -> Iterator[Breach]:
    """Yield an older spelling of ``retry.maxAttempts`` that says it again, or to nobody."""
    if found.plugin is None or found.options is None:
        return
    key = attempts_key(found.plugin, found.options)
    if key is None:
        return
    path = f"{found.path}.options.{key}"
    if "failover" in found.inside:
        yield Breach(path, "has no effect on a member of a failover; say retry on the failover")
    elif found.node.retry is not None and found.node.retry.max_attempts is not None:
        message = "says the same as retry.maxAttempts of this backplane; leave one out"
        yield Breach(path, message, (f"{found.path}.retry.maxAttempts",))


def _said(node: BackplaneOptions) -> list[str]:
    return [name for name in _KEYS if name != "type" and getattr(node, name) is not None]


def _events(found: Found) -> Iterator[Breach]:
    if found.node.events == ():
        message = "empty; expected at least 1 event type, or leave it out to take all"
        yield Breach(f"{found.path}.events", message)
    yield from repeated(f"{found.path}.events", found.node.events or ())
    for index, name in enumerate(found.node.events or ()):
        if problem := event_type_problem(name):
            message, severity = problem
            yield Breach(f"{found.path}.events[{index}]", message, severity=severity)


def _by_the_plugin(found: Found) -> Iterator[Breach]:
    if found.plugin is not None and found.options is not None:
        yield from plugin_breaches(found.plugin, found.options, found.path)


def _names(found: Sequence[Found]) -> Iterator[Breach]:
    taken: dict[str, tuple[str, str]] = {}
    for each in sorted(found, key=lambda each: len(each.inside)):
        if each.node.type == "composite" or each.node.type in each.inside:
            continue
        path = f"{each.path}.name" if each.node.name else f"{each.path}.type"
        holder, named_at = taken.setdefault(each.name, (each.path, path))
        if holder != each.path:
            message = f"the name '{each.name}' is taken by {holder}; give each backplane its own"
            yield Breach(path, message, (named_at,))
