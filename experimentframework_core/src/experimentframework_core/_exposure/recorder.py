"""Records exposures with a plane: who, whether it is a repeat, and by which way in."""

from __future__ import annotations

from collections import Counter, defaultdict
from threading import RLock
from time import monotonic
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from experimentframework_core._exposure.decision import Decision
from experimentframework_core._exposure.facts import ExposureFacts, check_facts
from experimentframework_core._exposure.repeats import Repeats, key_of
from experimentframework_core._exposure.subject import Subject, current_subject, subject_of
from experimentframework_core.errors import InvalidEventError
from experimentframework_core.events import Exposure
from experimentframework_core.status import Receipt

if TYPE_CHECKING:
    from collections.abc import Callable

    from experimentframework_core.config import DataPlaneOptions, RepeatExposureOptions
    from experimentframework_core.status import Ack, Statistics

REPEAT = Receipt(None, "filtered", "repeat")
NO_SUBJECT = Receipt(None, "filtered", "noSubject")


class Publisher(Protocol):
    """What is needed of a plane."""

    @property
    def options(self) -> DataPlaneOptions:
        """Its options, as they are now."""

    async def publish(
        self, event: Exposure, *, ack: Ack | None = None, correlation_id: str | None = None
    ) -> Receipt:
        """Take an event on the loop."""

    def publish_nowait(self, event: Exposure, *, correlation_id: str | None = None) -> Receipt:
        """Take an event on the loop, without waiting."""

    def publish_threadsafe(
        self, event: Exposure, *, ack: Ack | None = None, correlation_id: str | None = None
    ) -> Receipt:
        """Take an event from another thread."""


class Recorder:
    """Records the exposures of one plane, from any thread; what it calls may call it again."""

    def __init__(self, plane: Publisher, is_on_loop: Callable[[], bool]) -> None:
        """Record with ``plane``, on whose loop the caller is when ``is_on_loop`` says so."""
        self._plane = plane
        self._is_on_loop = is_on_loop
        self._repeats = Repeats()
        self._underway: set[int] = set()
        self._lock = RLock()
        self._filtered: defaultdict[str, int] = defaultdict(int)
        self._rejected = 0
        self._subject_failures = 0

    @property
    def semantics(self) -> str:
        """When the exposure of a decision is published."""
        return self._plane.options.exposure_semantics

    def subject_in(self, facts: ExposureFacts, what: str) -> Subject:
        """Return the subject of an exposure.

        Raises:
            InvalidEventError: There is none, or it is one that no event takes.
        """
        try:
            return _subject_in(facts, what)
        except InvalidEventError:
            self.reject()
            raise

    async def decide(self, experiment: str, variant: str, facts: ExposureFacts) -> Decision:
        """Make a decision: `DataPlane.decide`."""
        decision = Decision(self, experiment, variant, facts)
        if self.semantics == "onDecision":
            await decision.expose()
        return decision

    def decide_sync(self, experiment: str, variant: str, facts: ExposureFacts) -> Decision:
        """Make a decision: `DataPlane.decide_sync`."""
        decision = Decision(self, experiment, variant, facts)
        if self.semantics == "onDecision":
            decision.expose_sync()
        return decision

    async def expose(self, experiment: str, variant: str, facts: ExposureFacts) -> Receipt:
        """Record an exposure: `DataPlane.expose`."""
        exposure, key = self._made(experiment, variant, facts)
        if exposure is None:
            return self.filter(REPEAT)
        receipt = None
        try:
            receipt = await self._plane.publish(
                exposure, ack=facts.get("ack"), correlation_id=facts.get("correlation_id")
            )
        finally:
            self._settle(key, receipt)
        return receipt

    def expose_sync(self, experiment: str, variant: str, facts: ExposureFacts) -> Receipt:
        """Record an exposure: `DataPlane.expose_sync`."""
        ack, on_loop = facts.get("ack"), self._is_on_loop()
        if on_loop and ack not in (None, "accepted"):
            self.reject()
            message = f"ack={ack!r}: on the loop this cannot wait; await the one without _sync"
            raise ValueError(message)
        exposure, key = self._made(experiment, variant, facts)
        if exposure is None:
            return self.filter(REPEAT)
        plane, receipt, correlation_id = self._plane, None, facts.get("correlation_id")
        try:
            if on_loop:
                receipt = plane.publish_nowait(exposure, correlation_id=correlation_id)
            else:
                receipt = plane.publish_threadsafe(exposure, ack=ack, correlation_id=correlation_id)
        finally:
            self._settle(key, receipt)
        return receipt

    def _made(
        self, experiment: str, variant: str, facts: ExposureFacts
    ) -> tuple[Exposure | None, int | None]:
        """Return the exposure, and its key if it is a first one; None for an unwanted repeat."""
        check_facts(facts)
        subject = facts.get("subject")
        if not isinstance(subject, Subject):
            subject = self.subject_in(facts, f"the exposure of {variant!r} in {experiment!r}")
        attributes = _merged(subject.attributes, facts.get("attributes"))
        options = self._plane.options.repeat_exposures
        key = key_of(experiment, variant, subject) if options.detect else None
        is_repeat, is_sure = (False, False) if key is None else self._look_up(key, options)
        if is_repeat and is_sure and options.suppress:
            return None, None
        exposure = Exposure(
            experiment_name=experiment,
            variant_key=variant,
            subject_id=subject.subject_id,
            selection_reason=facts.get("selection_reason", "application"),
            subject_type=subject.subject_type,
            tenant_id=subject.tenant_id,
            rule_path=facts.get("rule_path"),
            assignment_policy=facts.get("assignment_policy"),
            is_repeat_exposure=is_repeat,
            attributes=attributes,
        )
        return exposure, None if is_repeat else key

    def _look_up(self, key: int, options: RepeatExposureOptions) -> tuple[bool, bool]:
        """Return whether it is a repeat, and whether of one that cannot fail any more."""
        window = options.window_ms
        with self._lock:
            is_repeat = self._repeats.note(
                key,
                monotonic(),
                most=options.remember,
                window=None if window is None else window / 1000,
            )
            if not is_repeat:
                self._underway.add(key)
            return is_repeat, key not in self._underway

    def _settle(self, key: int | None, receipt: Receipt | None) -> None:
        """Forget a first exposure that was not taken: the next one is the first one then."""
        if key is None:
            return
        with self._lock:
            self._underway.discard(key)
            if receipt is None or receipt.status == "dropped":
                self._repeats.forget(key)

    def filter(self, receipt: Receipt) -> Receipt:
        """Count an exposure that is not published, and return ``receipt``, which says why."""
        with self._lock:
            self._filtered[receipt.reason or ""] += 1
        return receipt

    def reject(self) -> None:
        """Count an exposure that could not be made."""
        with self._lock:
            self._rejected += 1

    def count_subject_failure(self) -> None:
        """Count a request whose subject could not be found out."""
        with self._lock:
            self._subject_failures += 1

    def after_fork_in_child(self) -> None:
        """In a forked child: have a lock that no thread of the parent holds."""
        self._lock = RLock()

    def counted(self, statistics: Statistics) -> Statistics:
        """Return a plane's statistics with what is counted here."""
        # Without the lock: the loop asks, too, and would wait for a thread in a signal handler.
        filtered, rejected = Counter(dict(self._filtered)), self._rejected
        failures = self._subject_failures
        if not filtered and not rejected and not failures:
            return statistics
        return msgspec.structs.replace(
            statistics,
            published=statistics.published + filtered.total() + rejected,
            filtered=dict(filtered + Counter(statistics.filtered)),
            rejected=statistics.rejected + rejected,
            subject_failures=failures,
        )


def _subject_in(facts: ExposureFacts, what: str) -> Subject:
    found = subject_of(facts.get("subject")) or current_subject()
    if found is None:
        message = (
            f"{what} has no subject: give subject=, call it inside `with identify(...)`, or add"
            " SubjectMiddleware to the app"
        )
        raise InvalidEventError(message, path="subject_id")
    return found


def _merged(others: dict[str, Any] | None, own: dict[str, Any] | None) -> dict[str, Any] | None:
    # What is no mapping is left to be refused by publish, which names the field.
    if not others or not isinstance(own, dict):
        return others if own is None else own
    return {**others, **own}
