"""What one call has to send to one partition, and in which portions. Pure: nothing is sent here."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


class Work:
    """The records of one partition that are still to be sent, by their indexes, in order.

    They are in portions: a batch never has records of two. A refused batch comes back as two
    halves, so that the record that is to blame is found.
    """

    def __init__(self) -> None:
        """Begin with nothing to send."""
        self._portions: deque[list[int]] = deque()

    def add(self, indexes: Iterable[int]) -> None:
        """Append records to the last portion."""
        if not self._portions:
            self._portions.append([])
        self._portions[-1].extend(indexes)

    @property
    def portion(self) -> Sequence[int]:
        """The records that may be in the next batch; empty when all is sent."""
        return self._portions[0] if self._portions else ()

    def take(self, number: int) -> list[int]:
        """Take that many records of the portion."""
        portion = self._portions[0]
        taken, left = portion[:number], portion[number:]
        if left:
            self._portions[0] = left
        else:
            self._portions.popleft()
        return taken

    def give_back_halves(self, indexes: Sequence[int]) -> None:
        """Take back a batch that was refused, to be sent next as two."""
        middle = len(indexes) // 2
        for half in (indexes[middle:], indexes[:middle]):
            if half:
                self._portions.appendleft(list(half))

    def take_all(self) -> list[int]:
        """Take everything that is left."""
        left = [index for portion in self._portions for index in portion]
        self._portions.clear()
        return left
