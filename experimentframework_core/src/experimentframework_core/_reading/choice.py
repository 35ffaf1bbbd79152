"""Which backplane of a configuration is read: the only one that can be, or the named one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from difflib import get_close_matches
from typing import TYPE_CHECKING

from experimentframework_core._reading.source import Source, source_from
from experimentframework_core.errors import ReplayError
from experimentframework_core.plugins import find_plugin

if TYPE_CHECKING:
    from experimentframework_core.backplanes.composite import FindPlugin
    from experimentframework_core.config import BackplaneOptions

WhyNot = Callable[[Source], str | None]
"""Returns why a source is of no use, as said of it (``cannot be …``); None if it is."""


def why_unreadable(source: Source) -> str | None:
    """Return why nothing is read back from ``source`` here; None if something is."""
    return "cannot be read back" if source.plugin.read is None else None


def why_unreadable_elsewhere(source: Source) -> str | None:
    """Return why another process cannot read events back from ``source``; None if it can."""
    if reason := why_unreadable(source):
        return reason
    if not source.plugin.features.durable:
        return "keeps events only in the process that published them"
    return None


def leaves(node: BackplaneOptions | None) -> Iterator[BackplaneOptions]:
    """Yield ``node``, or what its composites and failovers are made of."""
    if node is None:
        return
    if node.backplanes is None:
        yield node
    for member in node.backplanes or ():
        yield from leaves(member)


class Choice:
    """The backplanes of a configuration, of which one is chosen."""

    def __init__(
        self,
        root: BackplaneOptions | None,
        *,
        why_not: WhyNot = why_unreadable,
        verb: str = "read",
        find: FindPlugin = find_plugin,
    ) -> None:
        """Look at all of them.

        Args:
            root: The configuration's backplane.
            why_not: Which ones are of no use.
            verb: What is wanted of one, as in ``read``.
            find: Finds the plugin of a type.

        Raises:
            PluginError: The plugin of one cannot be used.
        """
        self._root = root
        self._why_not = why_not
        self._verb = verb
        self._sources = [source_from(node, find) for node in leaves(root)]

    def only(self, how: str) -> Source:
        """Return the only one that is of use.

        Args:
            how: How one is named, as in ``--backplane``.

        Raises:
            ValueError: There are several; it lists them.
            ReplayError: There is none; it says why.
        """
        usable = self._usable()
        if len(usable) == 1:
            return usable[0]
        others = [f"{each} {reason}" for each in self._sources if (reason := self._why_not(each))]
        if usable:
            what = f"say with {how} which one to {self._verb}: {_listed(usable)}"
            raise ValueError("; ".join((what, *others)))
        what = f"has no backplane to {self._verb}"
        raise ReplayError("; ".join((what, *others)))

    def named(self, name: str) -> Source:
        """Return the one of that name.

        Raises:
            ValueError: There is none.
            ReplayError: It is of no use; it says why, and lists those that are.
        """
        for source in self._sources:
            if source.name == name:
                if reason := self._why_not(source):
                    usable = self._usable()
                    others = f"; name {_listed(usable)}" if usable else ""
                    raise ReplayError(f"{source} {reason}{others}")
                return source
        raise ValueError(self._unknown(name))

    def _usable(self) -> list[Source]:
        return [source for source in self._sources if self._why_not(source) is None]

    def _unknown(self, name: str) -> str:
        """Say what stands there instead of a backplane of that name."""
        for group in _groups(self._root):
            if (group.name or group.type) == name:
                members = ", ".join(each.name or each.type for each in leaves(group))
                return f"is a {group.type}; name one of its backplanes: {members}"
        names = [source.name for source in self._sources]
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
