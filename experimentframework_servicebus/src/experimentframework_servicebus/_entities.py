"""Which queue or topic an event goes to, and which names the service takes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from experimentframework_core.destinations import usual_destination

if TYPE_CHECKING:
    from experimentframework_servicebus._options import ServiceBusOptions

_LONGEST = 260
_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._/-]*[A-Za-z0-9])?")


def entity_of(event_type: str, options: ServiceBusOptions) -> str:
    """Return the queue or topic of an event type."""
    return options.queue_name or options.topic_name or usual_destination(event_type)


def why_no_entity(name: str) -> str | None:
    """Return what is wrong with the name of a queue or topic; None if it is good."""
    if len(name) > _LONGEST:
        return f"{len(name)} characters; a queue's or topic's name has at most {_LONGEST}"
    if not _NAME.fullmatch(name):
        return (
            "not the name of a queue or topic; expected letters, digits, '.', '-', '_' and '/' of "
            "ASCII only, with a letter or digit at each end"
        )
    return None
