"""The value types of the sections around ``dataPlane``."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import msgspec

_TRIMMED = r"^(?!\s|[\s\S]*\s$)"
_SHAPE = "text without spaces around it"

Label = Annotated[
    str,
    msgspec.Meta(min_length=1, pattern=_TRIMMED, extra={"expected": "text", "shape": _SHAPE}),
]
"""A name of something outside: a type, a flag, a role."""

Name = Annotated[
    str,
    msgspec.Meta(
        min_length=1,
        max_length=128,
        pattern=_TRIMMED,
        extra={"expected": "text", "shape": f"{_SHAPE}, at most 128 characters"},
    ),
]
"""The name of an experiment or the key of a condition, as events carry it."""

Instant = Annotated[datetime, msgspec.Meta(tz=True)]
"""A point in time: ISO 8601 with a zone."""

TimeOfDay = Annotated[
    str,
    msgspec.Meta(
        pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9](?!\n)$",
        extra={"expected": "a time of day as in 09:00 or 17:30"},
    ),
]
"""Hours and minutes of a day, ``HH:mm``."""

Percentage = Annotated[int, msgspec.Meta(ge=0, le=100)]
Positive = Annotated[float, msgspec.Meta(gt=0)]
Probability = Annotated[float, msgspec.Meta(gt=0, lt=1)]
"""A share that is neither nothing nor everything."""

Free: TypeAlias = dict[str, Any]
"""Any keys with any values that JSON can hold."""

if TYPE_CHECKING:
    OptionsOfType: TypeAlias = msgspec.Struct | Free | None
    """Options whose class goes by the ``type`` beside them."""
else:  # msgspec has no union of a Struct and a dict; the walk knows the class
    OptionsOfType = Any
