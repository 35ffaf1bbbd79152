"""What became of events: how many were lost, came twice, or in another order."""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from typing import TYPE_CHECKING, NamedTuple

from tests.kafka._consumer import consume

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from experimentframework_core.envelope import Record

LONG = os.environ.get("EXPERIMENTFRAMEWORK_FAULTS") == "long"


class Tally(NamedTuple):
    """The counts of one fault.

    Attributes:
        events: How many were delivered.
        lost: How many are not in the topic.
        twice: How many copies are there beyond the first.
        disordered: How many keys have their events in another order.
    """

    events: int
    lost: int = 0
    twice: int = 0
    disordered: int = 0


def tally(brokers: str, topic: str, records: Sequence[Record], fault: str) -> Tally:
    """Count what is in a topic, as librdkafka reads it; the long form prints it too."""
    seen = consume(brokers, topic)
    copies = Counter(each.value for each in seen)
    expected = _by_key((record.subject or "", record.body) for record in records)
    found = _by_key((each.key, each.value) for each in seen)
    counted = Tally(
        len(records),
        lost=sum(record.body not in copies for record in records),
        twice=copies.total() - len(copies),
        disordered=sum(list(found[key]) != list(bodies) for key, bodies in expected.items()),
    )
    tell(fault, counted)
    return counted


def tell(fault: str, counted: Tally) -> None:
    """Print the counts as a row of a table, in the long form."""
    if LONG:
        print(f"\n| {fault} | {' | '.join(f'{each:,}' for each in counted)} |")  # noqa: T201


def _by_key(pairs: Iterable[tuple[str, bytes]]) -> defaultdict[str, dict[bytes, None]]:
    keys: defaultdict[str, dict[bytes, None]] = defaultdict(dict)
    for key, body in pairs:
        keys[key][body] = None
    return keys
