"""Which backplane of a configuration a command reads: the only one it can, or the named one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from difflib import get_close_matches
from typing import TYPE_CHECKING

from experimentframework_core._reading.source import Source, source_from
from experimentframework_core.cli._configuration import destinations, load
from experimentframework_core.cli._output import USAGE, CommandError

if TYPE_CHECKING:
    from pathlib import Path

    from experimentframework_core.config import BackplaneOptions

WhyNot = Callable[[Source], str | None]
"""Returns why a command cannot use a source, as said of it (``cannot be …``); None if it can."""


def why_unreadable(source: Source) -> str | None:
    """Return why a command cannot read events back from ``source``; None if it can."""
    if source.plugin.read is None:
        return "cannot be read back"
    if not source.plugin.features.durable:
        return "keeps events only in the process that published them"
    return None


def source_of(
    config: Path, name: str | None = None, *, why_not: WhyNot = why_unreadable, verb: str = "read"
) -> Source:
    """Return the backplane of a configuration that a command means.

    Args:
        config: The configuration's file or folder.
        name: What ``--backplane`` says; None for the only one that can be used.
        why_not: Which backplanes the command cannot use.
        verb: What it wants to do, as in ``read``.

    Raises:
        CommandError: None or several can be used, or the named one is not there or cannot be.
        ConfigurationError: The configuration is wrong.
    """
    root = load(config).backplane
    sources = [source_from(node) for node in destinations(root)]
    if name is None:
        return _only(config, sources, why_not, verb)
    for source in sources:
        if source.name == name:
            if reason := why_not(source):
                message = f"--backplane {name}: {source} {reason}{_others(sources, why_not)}"
                raise CommandError(message, exit_code=USAGE)
            return source
    raise CommandError(f"--backplane {name}: {_unknown(root, name)}", exit_code=USAGE)


def _name(node: BackplaneOptions) -> str:
    return node.name or node.type


def _only(config: Path, sources: Sequence[Source], why_not: WhyNot, verb: str) -> Source:
    usable = [source for source in sources if why_not(source) is None]
    if len(usable) == 1:
        return usable[0]
    others = [f"{each} {reason}" for each in sources if (reason := why_not(each))]
    if usable:
        what = f"say with --backplane which one to {verb}: {_listed(usable)}"
    else:
        what = f"has no backplane to {verb}"
    raise CommandError("; ".join((f"{config}: {what}", *others)), exit_code=USAGE)


def _others(sources: Sequence[Source], why_not: WhyNot) -> str:
    usable = [source for source in sources if why_not(source) is None]
    return f"; name {_listed(usable)}" if usable else ""


def _unknown(root: BackplaneOptions | None, name: str) -> str:
    """Say what stands there instead of a backplane of that name."""
    for group in _groups(root):
        if _name(group) == name:
            members = ", ".join(_name(each) for each in destinations(group))
            return f"is a {group.type}; name one of its backplanes: {members}"
    names = [_name(each) for each in destinations(root)]
    near = get_close_matches(name, names, n=1)
    suggestion = f"; did you mean {near[0]!r}?" if near else ""
    return f"there is none; the configuration has {', '.join(names)}{suggestion}"


def _groups(node: BackplaneOptions | None) -> list[BackplaneOptions]:
    if node is None or node.backplanes is None:
        return []
    return [node, *(group for each in node.backplanes for group in _groups(each))]


def _listed(sources: Sequence[Source]) -> str:
    *first, last = map(str, sources)
    return f"{', '.join(first)} or {last}" if first else last
