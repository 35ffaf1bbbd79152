"""Which topic an event goes to, and which names Kafka takes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from experimentframework_core.destinations import usual_destination
from experimentframework_core.events import event_types

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from experimentframework_core.envelope import Record
    from experimentframework_kafka._options import KafkaOptions

_LONGEST = 249
_NAME = re.compile(r"[a-zA-Z0-9._-]+")


def topic_of(event_type: str, options: KafkaOptions) -> str:
    """Return the topic of an event type."""
    if options.topic is not None:
        return options.topic
    return options.topics.get(event_type) or usual_destination(event_type)


def by_topic(
    batch: Sequence[Record], indexes: Sequence[int], options: KafkaOptions
) -> Mapping[str, Sequence[int]]:
    """Return the indexes of records of a batch, in order, by the topics of the records."""
    if options.topic is not None:
        return {options.topic: indexes}
    found: dict[str, list[int]] = {}
    for index in indexes:
        found.setdefault(topic_of(batch[index].event_type, options), []).append(index)
    return found


def all_topics(options: KafkaOptions) -> set[str]:
    """Return the topics of all event types that are registered."""
    return {topic_of(each.name, options) for each in event_types()}


def readable_topics(options: KafkaOptions) -> set[str]:
    """Return the topics of all event types, also of those that only other programs know."""
    return all_topics(options) | {topic_of("", options)}


def why_no_topic(name: str) -> str | None:
    """Return what is wrong with the name of a topic, by Kafka's own rules; None if it is good."""
    if len(name) > _LONGEST:
        return f"{len(name)} characters; a topic's name has at most {_LONGEST}"
    if name in (".", ".."):
        return f"a topic cannot have the name '{name}'"
    if not _NAME.fullmatch(name):
        return "not a topic's name; expected letters, digits, '.', '_' and '-' of ASCII only"
    return None
