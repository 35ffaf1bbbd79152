"""A dead letter as JSON: its story, and the event's own bytes, which come back exactly."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec
from msgspec import UNSET, UnsetType

from experimentframework_core._codec.faults import is_deeper
from experimentframework_core._letters.letters import DeadLetter

DEEPEST_EVENT = 60
"""Levels of an event that may stand in another JSON document: common readers take 64 in all."""


class Story(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """What is written of a dead letter.

    Attributes:
        event: The event's bytes, where they are JSON that keeps its bytes when it is read and
            written again.
        event_base64: The event's bytes, where they are not.
    """

    event_id: str
    event_type: str
    experiment_name: str | None = None
    backplane: str
    reason: str
    error: str
    error_class: str
    attempts: int
    first_at: datetime
    last_at: datetime
    traceback: str | None = None
    origin: str = ""
    event: msgspec.Raw | UnsetType = UNSET
    event_base64: bytes | UnsetType = UNSET


def story_of(letter: DeadLetter) -> Story:
    """Return ``letter`` as it is written."""
    whole = stays(letter.body)
    return Story(
        event_id=letter.event_id,
        event_type=letter.event_type,
        experiment_name=letter.experiment,
        backplane=letter.backplane,
        reason=letter.reason,
        error=letter.error,
        error_class=letter.error_class,
        attempts=letter.attempts,
        first_at=letter.first_at.astimezone(UTC),
        last_at=letter.last_at.astimezone(UTC),
        traceback=letter.traceback,
        origin=letter.origin,
        event=msgspec.Raw(letter.body) if whole else UNSET,
        event_base64=UNSET if whole else letter.body,
    )


def letter_in(story: Story) -> DeadLetter:
    """Return the dead letter that was written.

    Raises:
        ValueError: The event is missing.
    """
    body = story.event_base64 if story.event is UNSET else bytes(story.event)
    if body is UNSET:
        message = "the event is missing"
        raise ValueError(message)
    return DeadLetter(
        event_id=story.event_id,
        event_type=story.event_type,
        experiment=story.experiment_name,
        body=body,
        backplane=story.backplane,
        reason=story.reason,
        error=story.error,
        error_class=story.error_class,
        attempts=story.attempts,
        first_at=story.first_at,
        last_at=story.last_at,
        traceback=story.traceback,
        origin=story.origin,
    )


def stays(body: bytes) -> bool:
    """Return whether ``body`` is JSON that any reader could write again with the same bytes."""
    try:
        value = msgspec.json.decode(body)
        return msgspec.json.encode(value) == body and not is_deeper(value, DEEPEST_EVENT)
    except (msgspec.MsgspecError, ValueError, OverflowError, RecursionError):
        return False
