"""Offering sealed records to the channels: room, policies, acknowledgements, and the counts."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from experimentframework_core._acks import gather_acks
from experimentframework_core._buffer import FULL
from experimentframework_core.errors import BufferFullError, PublishError
from experimentframework_core.status import Ack, Receipt

if TYPE_CHECKING:
    from collections.abc import Sequence

    from experimentframework_core._channel import Channel
    from experimentframework_core._routing import Route
    from experimentframework_core._threads import Tally
    from experimentframework_core.envelope import Record


class Offering:
    """Puts records into the buffers of their channels, on the loop's thread."""

    def __init__(self, tally: Tally, *, need_all: bool, ack_timeout: float) -> None:
        """Count rejected events in ``tally``.

        Args:
            tally: The counts of the loop's thread.
            need_all: An acknowledgement needs all channels, not any.
            ack_timeout: Seconds to wait for one.
        """
        self._tally = tally
        self._need_all = need_all
        self._ack_timeout = ack_timeout

    async def put(self, route: Route, record: Record, ack: Ack) -> Receipt:
        """Queue the record, and wait for what ``ack`` asks for."""
        event_id = record.event_id
        acks = [channel.ack(event_id) for channel in route.channels if ack == "delivered"]
        try:
            full = route.full() if route.offer(record) is FULL else ()
            receipt = await self.make_room(route, record, full)
            if not acks:
                return receipt
            await gather_acks(
                acks, event_id=event_id, need_all=self._need_all, timeout=self._ack_timeout
            )
        finally:
            for future in acks:
                future.cancel()
        return Receipt(event_id, ack)

    def put_nowait(self, route: Route, record: Record) -> Receipt:
        """Queue the record now, or apply the policies of the channels that have no room."""
        dropped: list[str] = []
        blocked: list[tuple[Channel, BaseException]] = []
        for channel in route.full() if route.offer(record) is FULL else ():
            try:
                dropped += filter(None, [channel.put_nowait(record)])
            except BufferFullError as error:
                blocked.append((channel, error))
        return self._conclude(route, record, dropped, blocked)

    async def make_room(self, route: Route, record: Record, full: Sequence[Channel]) -> Receipt:
        """Apply the policies of the channels that had no room."""
        dropped: list[str] = []
        blocked: list[tuple[Channel, BaseException]] = []
        for place, channel in enumerate(full):
            try:
                dropped += filter(None, [await channel.put(record)])
            except PublishError as error:
                blocked.append((channel, error))
            except asyncio.CancelledError as error:
                blocked += [(each, error) for each in full[place:]]
                break
        return self._conclude(route, record, dropped, blocked)

    def _conclude(
        self,
        route: Route,
        record: Record,
        dropped: list[str],
        blocked: list[tuple[Channel, BaseException]],
    ) -> Receipt:
        """Count an event that was offered everywhere, and say what became of it."""
        if blocked and len(blocked) == len(route.channels):
            self._tally.rejected += 1
            raise blocked[-1][1]
        route.accepted += 1
        for channel, _ in blocked:
            channel.refuse(record)
        if blocked:
            raise blocked[-1][1]
        if len(dropped) == len(route.channels):
            return Receipt(record.event_id, "dropped", dropped[0])
        return Receipt(record.event_id, "accepted")
