"""One journal for those who write it and read it: a turn at a time, and how it fares."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from experimentframework_core._log import Repeated, brief
from experimentframework_core.errors import JournalError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from experimentframework_core._disk.journal_data import Commit, Lost, Store, Turn, Want

FIRST_PAUSE = 0.1
LONGEST_PAUSE = 1.0
"""Seconds between attempts, at first and at most, while the journal cannot be used."""

ALWAYS = float("-inf")


class Access:
    """Passes turns on to a journal, and takes note of failures and damage.

    Attributes:
        lock: Held by whoever takes a turn, from deciding what to write until all is noted.
        error: Why the last turn failed; None when all is well.
        not_before: When the next turn should be, on the loop's clock.
    """

    def __init__(
        self,
        name: str,
        folder: Path,
        journal: Store,
        *,
        lose: Callable[[Lost], None],
        warnings: Repeated,
    ) -> None:
        """Pass turns on to the journal in ``folder``, of the backplane ``name``.

        Args:
            name: The backplane's name.
            folder: The journal's folder.
            journal: The journal, open.
            lose: Told of what is found damaged.
            warnings: Where failures are said.
        """
        self.lock = asyncio.Lock()
        self.error: Exception | None = None
        self.not_before = ALWAYS
        self._name = name
        self._folder = folder
        self._journal = journal
        self._lose = lose
        self._warnings = warnings
        self._pause = FIRST_PAUSE

    async def turn(self, commit: Commit | None, wants: Sequence[Want] = ()) -> Turn:
        """Write, or read, with the lock held; see `Journal.turn`."""
        turn = await self._journal.turn(commit, wants)
        if turn.lost is not None:
            self._lose(turn.lost)
        progress = [page.through > want.after for want, page in zip(wants, turn.pages, strict=True)]
        if turn.error is not None or not turn.committed:
            self.failed(turn.error or JournalError(f"cannot write the journal in {self._folder}"))
        elif not all(progress) and turn.lost is None:
            self.failed(JournalError(f"cannot read the journal in {self._folder}"))
        else:
            self.error = None
            self.try_now()
        return turn

    def failed(self, error: Exception) -> None:
        """Leave the journal alone for a while."""
        self.error = error
        self.not_before = asyncio.get_running_loop().time() + self._pause
        self._pause = min(LONGEST_PAUSE, 2 * self._pause)
        self._warnings.warning(
            "experimentframework.journal_failed", backplane=self._name, error=brief(error)
        )

    def try_now(self) -> None:
        """Do not wait for the end of a pause."""
        self.not_before = ALWAYS
        self._pause = FIRST_PAUSE
