"""What became of events on their way to a topic."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.kafka._consumer import consume
from tests.peers.tally import LONG, Tally, counted, tell

if TYPE_CHECKING:
    from collections.abc import Sequence

    from experimentframework_core.envelope import Record

__all__ = ["LONG", "Tally", "tally", "tell"]


def tally(brokers: str, topic: str, records: Sequence[Record], fault: str) -> Tally:
    """Count what is in a topic, as librdkafka reads it; the long form prints it too."""
    expected = [(record.subject or "", record.body) for record in records]
    return counted(expected, [(each.key, each.value) for each in consume(brokers, topic)], fault)
