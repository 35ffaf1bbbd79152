"""A run over a broker's dead letters, to requeue or to remove them: each has one fate."""

from __future__ import annotations

import time
from contextlib import aclosing
from functools import partial
from typing import TYPE_CHECKING, Any

from experimentframework_core.cli._broker_letters import opened
from experimentframework_core.cli._output import count
from experimentframework_core.cli._progress import PlainLines, shown
from experimentframework_core.cli._stop import Stop
from experimentframework_core.errors import DeliveryError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Collection, Iterator

    from experimentframework_core._reading.source import Source
    from experimentframework_core.broker_letters import BrokerDeadLetters, LetterOutcome
    from experimentframework_core.cli._broker_letters import Chosen

    Act = Callable[[BrokerDeadLetters, Collection[str]], AsyncGenerator[LetterOutcome, None]]

ENDING = "Ending with those that are under way; once more to end at once."
"""What a run says at the first signal."""


MOST_REASONS = 20
"""Reasons that are told apart: a plugin may put into one what differs each time."""

_OTHERS = "for other reasons"


class Run:
    """Takes each chosen letter to its fate, and counts.

    Attributes:
        done: Letters that are gone.
        left: How many are still there, by the reason.
        problem: Why it ended early.
        stopped_by: The signal that ended it.
    """

    def __init__(self, source: Source, chosen: Chosen, did: str) -> None:
        """Begin with nothing done.

        Args:
            source: The backplane.
            chosen: Which letters.
            did: What becomes of them, as in ``requeued``.
        """
        self.done = 0
        self.left: dict[str, int] = {}
        self.problem: str | None = None
        self.stopped_by: int | None = None
        self._source = source
        self._chosen = chosen
        self._did = did
        self._open = set(chosen.keys)
        self._strange = 0

    @property
    def ok(self) -> bool:
        """Whether every chosen letter is gone."""
        return self.stopped_by is None and not any(self.troubles())

    @property
    def adds_up(self) -> bool:
        """Whether every chosen letter has one fate, and no other one has any."""
        known = self.done + sum(self.left.values()) + len(self._open)
        return not self._strange and known == len(self._chosen.keys)

    async def take(self, act: Act) -> None:
        """Do it."""
        progress = PlainLines(time.monotonic)
        with progress, Stop(partial(progress.note, ENDING)) as stop:
            try:
                with shown(progress, self._progress), stop.cancels_body():
                    async with (
                        opened(self._source) as letters,
                        aclosing(act(letters, frozenset(self._open))) as outcomes,
                    ):
                        async for outcome in outcomes:
                            self._note(outcome)
            except DeliveryError as error:
                self.problem = f"It ended early: {error}"
        self.stopped_by = stop.signal

    def troubles(self) -> Iterator[str]:
        """Yield one sentence for each thing that went wrong."""
        if self.problem:
            yield self.problem
        for why, number in self.left.items():
            yield f"{count(number, 'letter')} left: {why}"
        if self._open:
            yield f"{count(len(self._open), 'letter')} left that were not reached."
        if not self.adds_up:
            yield "The counts do not add up, which is a fault of this program or of the plugin."

    def as_document(self) -> dict[str, Any]:
        """Return the JSON document of ``--json``."""
        return {
            "ok": self.ok,
            "backplane": self._source.name,
            "chosen": len(self._chosen.keys),
            self._did: self.done,
            "left": self.left,
            "notReached": len(self._open),
            "more": self._chosen.more,
            "addsUp": self.adds_up,
            "interrupted": self.stopped_by is not None,
            "troubles": list(self.troubles()),
        }

    def headline(self) -> str:
        """Return what became of the letters, in one line."""
        left = sum(self.left.values()) + len(self._open)
        chosen = count(len(self._chosen.keys), "dead letter")
        return f"{chosen} chosen, {self.done:,} {self._did}, {left:,} left"

    def _progress(self) -> tuple[int, str]:
        return 0, self.headline()

    def _note(self, outcome: LetterOutcome) -> None:
        if outcome.key not in self._open:
            self._strange += 1
            return
        self._open.remove(outcome.key)
        if outcome.left is None:
            self.done += 1
            return
        known = outcome.left in self.left or len(self.left) < MOST_REASONS
        why = outcome.left if known else _OTHERS
        self.left[why] = self.left.get(why, 0) + 1
