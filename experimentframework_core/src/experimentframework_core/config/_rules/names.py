"""Rules of names: none is taken twice, none stands twice in a list."""

from __future__ import annotations

from typing import TYPE_CHECKING

from experimentframework_core.config._problems.breach import Breach
from experimentframework_core.config._problems.report import shown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator


def taken(
    paths: Iterable[str], names: Iterable[str], what: str, owner: str, *, about: str
) -> Iterator[Breach]:
    """Yield each name that an earlier one has already, in any case of letters.

    Args:
        paths: Where the names stand.
        names: The names.
        what: What a name is called.
        owner: What has the name.
        about: What holds all of them.
    """
    owners: dict[str, str] = {}
    for path, name in zip(paths, names, strict=True):
        first = owners.setdefault(name.casefold(), path)
        if first != path:
            holder = first.rpartition(".")[0]
            message = f"the {what} '{name}' is taken by {holder}; give each {owner} its own"
            yield Breach(path, message, (first,), about)


def repeated(
    path: str, items: Iterable[str], *, same: Callable[[str], str] = str
) -> Iterator[Breach]:
    """Yield each item of the list at ``path`` that stands there already.

    Args:
        path: Where the list stands.
        items: Its items.
        same: Returns what is equal for items that mean the same.
    """
    before: set[str] = set()
    for index, item in enumerate(items):
        if same(item) in before:
            yield Breach(f"{path}[{index}]", f"{shown(item)} is listed already; leave it out")
        before.add(same(item))
