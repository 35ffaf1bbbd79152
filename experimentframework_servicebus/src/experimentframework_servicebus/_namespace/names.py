"""Which names of queues, topics and subscriptions the service takes."""

from __future__ import annotations

import re

_LONGEST = 260
_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._/-]*[A-Za-z0-9])?")
_LONGEST_SUBSCRIPTION = 50
_SUBSCRIPTION = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?")


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


def why_no_subscription(name: str) -> str | None:
    """Return what is wrong with the name of a subscription; None if it is good."""
    if len(name) > _LONGEST_SUBSCRIPTION:
        most = _LONGEST_SUBSCRIPTION
        return f"{len(name)} characters; a subscription's name has at most {most}"
    if not _SUBSCRIPTION.fullmatch(name):
        return (
            "not the name of a subscription; expected letters, digits, '.', '-' and '_' of ASCII "
            "only, with a letter or digit at each end"
        )
    return None
