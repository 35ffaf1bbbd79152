"""What became of events: how many were lost, came twice, or in another order."""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable

LONG = os.environ.get("EXPERIMENTFRAMEWORK_FAULTS") == "long"


class Tally(NamedTuple):
    """The counts of one fault.

    Attributes:
        events: How many were delivered.
        lost: How many are not there.
        twice: How many copies are there beyond the first.
        disordered: How many keys have their events in another order.
    """

    events: int
    lost: int = 0
    twice: int = 0
    disordered: int = 0


def counted(
    expected: Iterable[tuple[str, Hashable]], found: Iterable[tuple[str, Hashable]], fault: str
) -> Tally:
    """Compare pairs of key and event, in order; the long form prints the counts as a row.

    Args:
        expected: What was delivered.
        found: What is there.
        fault: What went wrong meanwhile.
    """
    given, there = list(expected), list(found)
    copies = Counter(event for _, event in there)
    keys = _by_key(there)
    result = Tally(
        len(given),
        lost=sum(event not in copies for _, event in given),
        twice=copies.total() - len(copies),
        disordered=sum(list(keys[key]) != list(each) for key, each in _by_key(given).items()),
    )
    tell(fault, result)
    return result


def tell(fault: str, result: Tally) -> None:
    """Print the counts as a row of a table, in the long form."""
    if LONG:
        print(f"\n| {fault} | {' | '.join(f'{each:,}' for each in result)} |")  # noqa: T201


def _by_key(pairs: Iterable[tuple[str, Hashable]]) -> defaultdict[str, dict[Hashable, None]]:
    keys: defaultdict[str, dict[Hashable, None]] = defaultdict(dict)
    for key, event in pairs:
        keys[key][event] = None
    return keys
