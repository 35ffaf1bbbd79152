"""What an event's id may be."""

from __future__ import annotations

import re

event_id_pattern = re.compile(r"[!#-\[\]-~]{1,128}")
"""Printable ASCII without space, quote and backslash: the same in JSON and in headers."""


def event_id_fault(event_id: object) -> str | None:
    """Return what is wrong with an event's id; None if nothing is."""
    if isinstance(event_id, str) and event_id_pattern.fullmatch(event_id):
        return None
    return f'{event_id!r} is not 1 to 128 printable ASCII characters without " and \\'
