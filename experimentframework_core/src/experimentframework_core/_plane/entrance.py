"""The way in: an event is decided upon, counted, and offered to the channels."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from uuid_utils import uuid7

from experimentframework_core._plane.routing import SAMPLED
from experimentframework_core.status import Ack, Receipt

if TYPE_CHECKING:
    import msgspec

    from experimentframework_core._plane.offering import Offering
    from experimentframework_core._plane.routing import Route, Router
    from experimentframework_core._plane.threads import Tally
    from experimentframework_core.envelope import Record


class Entrance:
    """Takes events on the loop's thread, and decides upon those of all threads.

    Attributes:
        router: Finds the route of an event.
        offering: Puts records into the channels.
        default_ack: What a publish waits for that does not say it.
        tally: The counts of the loop's thread.
    """

    def __init__(self, router: Router, offering: Offering, default_ack: Ack, tally: Tally) -> None:
        """Take events by the first three, counted in ``tally``."""
        self.router = router
        self.offering = offering
        self.default_ack = default_ack
        self.tally = tally

    def admit(
        self,
        event: msgspec.Struct,
        correlation_id: str | None,
        metadata: dict[str, Any] | None,
        ack: Ack,
    ) -> tuple[Route, Record] | Receipt:
        """Take an event through its gate: its route and record, or why it is filtered.

        From any thread; nothing is counted.
        """
        route = self.router.route_of(event)
        _check_ack(ack, route)
        if route.filtered is not None:
            return route.filtered
        record = route.seal(event, str(uuid7()), correlation_id, metadata)
        return SAMPLED if record is None else (route, record)

    def _admit_here(
        self,
        event: msgspec.Struct,
        correlation_id: str | None,
        metadata: dict[str, Any] | None,
        ack: Ack,
    ) -> tuple[Route, Record] | Receipt:
        self.tally.published += 1
        try:
            admitted = self.admit(event, correlation_id, metadata, ack)
        except BaseException:
            self.tally.rejected += 1
            raise
        return self.filter(admitted) if isinstance(admitted, Receipt) else admitted

    def filter(self, receipt: Receipt) -> Receipt:
        """Count an event that is not wanted, and return its receipt."""
        self.tally.filtered[receipt.reason or ""] += 1
        return receipt

    async def publish(
        self,
        event: msgspec.Struct,
        ack: Ack,
        correlation_id: str | None,
        metadata: dict[str, Any] | None,
    ) -> Receipt:
        """Publish what the short way does not: first events, envelopes, acknowledged ones."""
        admitted = self._admit_here(event, correlation_id, metadata, ack)
        if isinstance(admitted, Receipt):
            return admitted
        receipt = await self.offering.put(*admitted, ack)
        if ack == "accepted":
            await asyncio.sleep(0)
        return receipt

    def publish_nowait(
        self,
        event: msgspec.Struct,
        correlation_id: str | None,
        metadata: dict[str, Any] | None,
    ) -> Receipt:
        """Publish without ever waiting."""
        admitted = self._admit_here(event, correlation_id, metadata, "accepted")
        if isinstance(admitted, Receipt):
            return admitted
        return self.offering.put_nowait(*admitted)

    async def enqueue(self, route: Route, record: Record, ack: Ack | None) -> Receipt:
        """Queue what another thread was admitted with, and counts as published.

        None as ``ack`` is what a publish waits for now.
        """
        ack = ack or self.default_ack
        if not self.router.leads(route):
            # The options have changed meanwhile, and its channels may be closed.
            route = self.router.route_named(route.event_type)
            try:
                _check_ack(ack, route)
            except ValueError:
                self.tally.rejected += 1
                raise
            if route.filtered is not None:
                return self.filter(route.filtered)
        return await self.offering.put(route, record, ack)


def _check_ack(ack: Ack, route: Route) -> None:
    if ack not in ("accepted", "durable", "delivered"):
        message = f"ack={ack!r}; expected 'accepted', 'durable' or 'delivered'"
        raise ValueError(message)
    if ack == "durable" and (names := [c.name for c in route.channels if not c.is_durable]):
        message = (
            f"ack='durable' needs a buffer on disk, and backplane {names[0]!r} has one in memory:"
            " set buffer.type to disk, or use 'accepted' or 'delivered'"
        )
        raise ValueError(message)
