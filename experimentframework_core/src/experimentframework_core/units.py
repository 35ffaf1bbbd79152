"""Value types of options: durations, sizes and secrets.

The configuration reads these from text with a unit; Python code gives plain numbers.
"""

from __future__ import annotations

from typing import Annotated

import msgspec

LONGEST_DURATION = 3650 * 24 * 60 * 60 * 1000
"""Ten years in milliseconds: every timer, lock and date can still take that."""

Milliseconds = Annotated[int, msgspec.Meta(ge=0, le=LONGEST_DURATION, extra={"unit": "duration"})]
"""A duration in whole milliseconds; in a file also ``250ms``, ``10s``, ``5m``, ``2h``, ``1d``."""

Delay = Annotated[int, msgspec.Meta(ge=1, le=LONGEST_DURATION, extra={"unit": "duration"})]
"""A duration that cannot be zero: a timeout, an age, or what something is tried again after."""

Days = Annotated[int, msgspec.Meta(ge=1, le=36_500)]
"""Days for which something is kept, a hundred years at most."""

ByteSize = Annotated[int, msgspec.Meta(ge=1, extra={"unit": "size"})]
"""A size in bytes; in a file also ``64KiB``, ``1MiB``, ``1GiB``, ``64kB``, ``1MB``, ``1GB``."""


class Secret:
    """A value that shows itself only when it is asked to.

    ``str``, ``repr``, logs, errors and health say ``***``; `reveal` gives the text.
    """

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        """Hold ``value``."""
        self._value = value

    def reveal(self) -> str:
        """Return the secret text."""
        return self._value

    def __repr__(self) -> str:
        """Return ``***``."""
        return "***"

    def __eq__(self, other: object) -> bool:
        """Compare the hidden values."""
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        """Hash the hidden value."""
        return hash(self._value)
