"""Offering sealed records to the channels: room, policies, acknowledgements, and the counts."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from experimentframework_core._plane.acks import Deadlines, gather_acks
from experimentframework_core._rules.buffer import FULL
from experimentframework_core.errors import BufferFullError, PublishError
from experimentframework_core.status import Ack, Receipt

if TYPE_CHECKING:
    from collections.abc import Sequence

    from experimentframework_core._channel.channel import Channel
    from experimentframework_core._plane.routing import Route
    from experimentframework_core._plane.threads import Tally
    from experimentframework_core.envelope import Record

LEVELS: tuple[Ack, ...] = ("durable", "delivered")
"""The acknowledgements that have to be waited for."""


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
        self._deadlines: dict[Ack, Deadlines] = {
            level: Deadlines(level, ack_timeout) for level in LEVELS
        }

    async def put(self, route: Route, record: Record, ack: Ack) -> Receipt:
        """Queue the record, and wait for what ``ack`` asks for."""
        if ack == "accepted":
            if route.offer(record) is FULL:
                return await self.make_room(route, record, route.full())
            route.accepted += 1
            return Receipt(record.event_id, "accepted")
        if len(route.channels) > 1:
            return await self._put_on_all(route, record, ack)
        event_id = record.event_id
        channel = route.channels[0]
        future = channel.promise(ack, record, event_id)
        try:
            if channel.offer_awaited(record) is FULL:
                await self.make_room(route, record, route.full())
            else:
                route.accepted += 1
            channel.want(ack)
            self._deadlines[ack].watch(future, event_id)
            await future
        finally:
            channel.forget(record, future)
        return Receipt(event_id, ack)

    async def _put_on_all(self, route: Route, record: Record, ack: Ack) -> Receipt:
        event_id = record.event_id
        promises = [channel.promise(ack, record, event_id) for channel in route.channels]
        try:
            if route.offer(record) is FULL:
                await self.make_room(route, record, route.full())
            else:
                route.accepted += 1
            for channel, future in zip(route.channels, promises, strict=True):
                channel.want(ack)
                self._deadlines[ack].watch(future, event_id)
            await gather_acks(promises, need_all=self._need_all)
        finally:
            for channel, future in zip(route.channels, promises, strict=True):
                channel.forget(record, future)
        return Receipt(event_id, ack)

    def put_nowait(self, route: Route, record: Record) -> Receipt:
        """Queue the record now, or apply the policies of the channels that have no room."""
        dropped: list[str] = []
        blocked: list[tuple[Channel, BaseException]] = []
        for channel in route.full() if route.offer(record) is FULL else ():
            try:
                dropped += filter(None, [channel.room.put_nowait(record)])
            except BufferFullError as error:
                blocked.append((channel, error))
        return self._conclude(route, record, dropped, blocked)

    async def make_room(self, route: Route, record: Record, full: Sequence[Channel]) -> Receipt:
        """Apply the policies of the channels that had no room."""
        dropped: list[str] = []
        blocked: list[tuple[Channel, BaseException]] = []
        for channel in full:
            channel.publishers += 1
        for place, channel in enumerate(full):
            try:
                dropped += filter(None, [await channel.room.put(record)])
            except PublishError as error:
                blocked.append((channel, error))
            except asyncio.CancelledError as error:
                blocked += [(each, error) for each in full[place:]]
                break
        for channel in full:
            channel.publishers -= 1
        return self._conclude(route, record, dropped, blocked)

    def _conclude(
        self,
        route: Route,
        record: Record,
        dropped: list[str],
        blocked: list[tuple[Channel, BaseException]],
    ) -> Receipt:
        """Count an event that was offered everywhere, and say what became of it.

        Not on its route, which may be out of use by now.
        """
        if blocked and len(blocked) == len(route.channels):
            self._tally.rejected += 1
            raise blocked[-1][1]
        self._tally.accepted[route.event_type] += 1
        for channel, _ in blocked:
            channel.room.refuse(record)
        if blocked:
            raise blocked[-1][1]
        if len(dropped) == len(route.channels):
            return Receipt(record.event_id, "dropped", dropped[0])
        return Receipt(record.event_id, "accepted")
