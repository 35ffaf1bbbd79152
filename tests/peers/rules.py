"""Which fault is next: rules that say what they are meant for, and how often."""

from __future__ import annotations

from typing import Generic, TypeVar

import msgspec


class Rule(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """When something goes wrong.

    Attributes:
        at: What it happens to.
        matching: Only where this is in one of the texts that the peer knows of it.
        skip: How many of those pass before the first that fails.
        times: How many fail; -1 is all.
    """

    at: str
    matching: str = ""
    skip: int = 0
    times: int = 1


R = TypeVar("R", bound=Rule)


class Coming(Generic[R]):
    """The faults that are still to come; each moment gets the first that is meant for it."""

    def __init__(self) -> None:
        """Begin with none."""
        self._coming: list[R] = []

    def add(self, faults: list[R]) -> None:
        """Have these happen too, after those that were added before."""
        self._coming += faults

    def clear(self) -> None:
        """Have none happen any more."""
        self._coming.clear()

    def left(self) -> int:
        """Return how many rules are still waiting for their turn."""
        return len(self._coming)

    def take(self, moment: str, *texts: str) -> R | None:
        """Return what happens now at that moment, with these texts."""
        for place, fault in enumerate(self._coming):
            if fault.at != moment or not any(fault.matching in text for text in texts):
                continue
            if fault.skip:
                self._coming[place] = msgspec.structs.replace(fault, skip=fault.skip - 1)
                return None
            if fault.times == 1:
                del self._coming[place]
            elif fault.times > 1:
                self._coming[place] = msgspec.structs.replace(fault, times=fault.times - 1)
            return fault
        return None
