"""Exposures of the current subject: recorded once, with the plane that is meant."""

from __future__ import annotations

from experimentframework_core._exposure.current import current_plane
from experimentframework_core._exposure.decision import Decision
from experimentframework_core._exposure.decorator import exposure
from experimentframework_core._exposure.facts import ExposureFacts
from experimentframework_core._exposure.subject import Subject, current_subject, identify

__all__ = [
    "Decision",
    "ExposureFacts",
    "Subject",
    "current_plane",
    "current_subject",
    "exposure",
    "identify",
]
