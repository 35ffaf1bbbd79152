"""Where a reading of a lake stands: which objects lie behind it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from experimentframework_core.errors import ReplayError
from experimentframework_lake._objects import digest_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from experimentframework_lake._store import Stored

WINDOW = 600 * 1_000_000
"""Microseconds in which an object may appear behind one that says it was written later."""

_checkpoint = re.compile(r"(\d{1,18}):((?:[0-9a-f]{16})*)(?::([0-9a-f]{16})\+(\d{1,9})/(\d{1,9}))?")


class Begun(NamedTuple):
    """The object that is being read.

    Attributes:
        digest: It, in short.
        read: How many of its events lie behind.
        events: How many it has.
    """

    digest: str
    read: int
    events: int


class Position:
    """The objects that were read, as far as any could still be taken for a new one.

    Nothing numbers the objects of a lake. They are read by the time at which the store says they
    were written. Clocks differ and uploads take time, so all of the last ten minutes are known by
    name; what is older than those lies behind.

    Attributes:
        begun: The object that is being read; None between two.
    """

    def __init__(self, checkpoint: str | None) -> None:
        """Stand where a checkpoint says.

        Raises:
            ReplayError: It is none of a lake.
        """
        self.begun: Begun | None = None
        self._newest = 0
        self._known: dict[str, int] = {}
        self._names: str | None = None
        self._next_clearing = 0
        self._moved = checkpoint is not None
        if checkpoint is not None:
            self._resume(checkpoint)

    def _resume(self, checkpoint: str) -> None:
        found = _checkpoint.fullmatch(checkpoint)
        if found is None:
            raise ReplayError(
                f"cannot read on from the checkpoint {checkpoint!r}: checkpoints of a lake are a"
                " time and names, as in '1764288000000000:0f1e2d3c4b5a6978'"
            )
        newest, known, digest, read, events = found.groups()
        self._newest = int(newest)
        self._known = {known[at : at + 16]: self._newest for at in range(0, len(known), 16)}
        if digest is not None:
            self.begun = Begun(digest, int(read), int(events))

    def ahead(self, objects: Iterable[Stored]) -> list[Stored]:
        """Return the objects that are still to be read, the begun one first."""
        oldest = self._newest - WINDOW
        begun = self.begun.digest if self.begun else None
        new = {
            each: digest
            for each in objects
            if each.written >= oldest and (digest := digest_of(each.name)) not in self._known
        }
        return sorted(new, key=lambda each: (new[each] != begun, each))

    def read(self, stored: Stored, read: int, events: int) -> None:
        """Stand behind so many events of an object."""
        self._moved = True
        self.begun = Begun(digest_of(stored.name), read, events)

    def finish(self, stored: Stored) -> None:
        """Stand behind an object."""
        self._newest = max(self._newest, stored.written)
        self._leave(digest_of(stored.name), stored.written)

    def give_up(self) -> int:
        """Stand behind the begun object, which is gone, and return how many events it had left."""
        if self.begun is None:
            return 0
        left = self.begun.events - self.begun.read
        self._leave(self.begun.digest, self._newest)
        return left

    def _leave(self, digest: str, written: int) -> None:
        self._moved = True
        self.begun = None
        self._known[digest] = written
        self._names = None
        if self._newest >= self._next_clearing:
            oldest = self._newest - WINDOW
            self._known = {name: at for name, at in self._known.items() if at >= oldest}
            self._next_clearing = self._newest + WINDOW // 10

    def checkpoint(self) -> str | None:
        """Return the text to go on from; None at the start."""
        if not self._moved:
            return None
        if self._names is None:
            self._names = f"{self._newest}:{''.join(self._known)}"
        if self.begun is None:
            return self._names
        return f"{self._names}:{self.begun.digest}+{self.begun.read}/{self.begun.events}"
