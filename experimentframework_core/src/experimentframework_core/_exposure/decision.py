"""A decision: which variant a subject gets, and whether that has been recorded."""

from __future__ import annotations

from collections import deque
from contextlib import contextmanager
from typing import TYPE_CHECKING

from experimentframework_core._exposure.facts import check_facts

if TYPE_CHECKING:
    from collections.abc import Iterator

    from experimentframework_core._exposure.facts import ExposureFacts
    from experimentframework_core._exposure.recorder import Recorder
    from experimentframework_core._exposure.subject import Subject
    from experimentframework_core.status import Receipt


class Decision:
    """Which variant a subject gets. Its exposure is recorded at most once.

    When that is, ``exposureSemantics`` says: ``onDecision``: it has been; ``onFirstUse``: at the
    first `use` or `use_sync`; ``explicit``: at the first `expose` or `expose_sync`, which record
    it under the other two as well, where it is not yet. Each raises as `DataPlane.publish`, and the
    next call tries again; after an `AckTimeoutError` the first try may arrive all the same. So does
    the next use after a drop.

    Attributes:
        experiment_name: The experiment.
        variant_key: The variant; reading it records nothing.
        subject: The subject.
        receipt: What became of the exposure; None while that was not tried, or has raised.
    """

    def __init__(
        self, recorder: Recorder, experiment: str, variant: str, facts: ExposureFacts
    ) -> None:
        """Decide; nothing is recorded."""
        check_facts(facts)
        self.experiment_name: str = experiment
        self.variant_key: str = variant
        self.subject: Subject = recorder.subject_in(facts, f"the decision in {experiment!r}")
        self.receipt: Receipt | None = None
        self._recorder = recorder
        self._semantics = recorder.semantics
        # Whoever takes the facts records the exposure: no two tasks or threads can.
        self._waiting: deque[ExposureFacts] = deque([{**facts, "subject": self.subject}])

    async def use(self) -> str:
        """Return the variant, of which use is made now."""
        if self._waiting and self._semantics != "explicit":
            await self.expose()
        return self.variant_key

    def use_sync(self) -> str:
        """Return the variant, of which use is made now: `use` for synchronous code."""
        if self._waiting and self._semantics != "explicit":
            self.expose_sync()
        return self.variant_key

    async def expose(self) -> None:
        """Record the exposure, unless it is or is just being recorded."""
        with self._taken() as taken:
            for facts in taken:
                self.receipt = await self._recorder.expose(
                    self.experiment_name, self.variant_key, facts
                )

    def expose_sync(self) -> None:
        """Record the exposure, unless it is recorded: `expose` for synchronous code."""
        with self._taken() as taken:
            for facts in taken:
                self.receipt = self._recorder.expose_sync(
                    self.experiment_name, self.variant_key, facts
                )

    @contextmanager
    def _taken(self) -> Iterator[list[ExposureFacts]]:
        """Yield what is to be recorded, if anything is; put it back if it is lost."""
        try:
            taken = [self._waiting.popleft()]
        except IndexError:
            yield []
            return
        try:
            yield taken
        except BaseException:
            self._waiting.extend(taken)
            raise
        if self.receipt is not None and self.receipt.status == "dropped":
            self._waiting.extend(taken)
