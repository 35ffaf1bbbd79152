"""The stores of a plane's dead letters: one for each file, closed when its last channel ends."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from experimentframework_core.deadletter import DeadLetterStore


class Stores:
    """Has the stores that a plane's channels use, through its reloads.

    Attributes:
        files: Those that are a file, by their file. Whoever opens channels puts new ones in.
    """

    def __init__(self, used: Callable[[], Iterable[DeadLetterStore]]) -> None:
        """Begin with none; ``used`` gives those of all channels that are not closed."""
        self.files: dict[Path, DeadLetterStore] = {}
        self._all_used = used
        self._opening = False

    @property
    def _used(self) -> Sequence[DeadLetterStore]:
        """The stores of all channels, each once."""
        return tuple({id(store): store for store in self._all_used()}.values())

    @contextmanager
    def opening(self) -> Iterator[None]:
        """Close no file meanwhile: one that no channel uses yet may be a new one's."""
        self._opening = True
        try:
            yield
        finally:
            self._opening = False

    async def left(self, store: DeadLetterStore | None) -> None:
        """Close the store of a channel that is closed, if it was its alone."""
        if store in self.files.values():
            await self.close_unused()
        elif store is not None and store not in self._used:
            await store.aclose()

    async def close_unused(self) -> None:
        """Close the files that no channel uses, nor one that a reload opens."""
        if self._opening:
            return
        used = self._used
        unused = [path for path, store in self.files.items() if store not in used]
        for store in [self.files.pop(path) for path in unused]:
            await store.aclose()

    async def close(self) -> None:
        """Close those that are used."""
        for store in self._used:
            await store.aclose()
