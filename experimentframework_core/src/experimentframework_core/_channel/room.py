"""What happens to a record for which a channel has no room: its policy, and the waiting."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from experimentframework_core.errors import BufferFullError, DataPlaneClosedError

if TYPE_CHECKING:
    from experimentframework_core._channel.assembly import Parts
    from experimentframework_core.config import ChannelConfig
    from experimentframework_core.envelope import Record

BUFFER_FULL = "buffer_full"
REMOVED = "removed"

BLOCKING = ("block", "overflow")
"""Policies by which a publisher waits for room."""


class Room:
    """Applies a channel's policy to records that its buffer refused."""

    def __init__(self, config: ChannelConfig, parts: Parts) -> None:
        """Apply the policy of ``config``."""
        self._name = config.name
        self._policy = config.buffer.when_full
        self._timeout = config.buffer.block_timeout_ms / 1000
        self._buffer = parts.buffer
        self._keeper = parts.keeper
        self._ledger = parts.ledger
        self._warnings = parts.warnings
        self._closed = False

    def put_nowait(self, record: Record) -> str | None:
        """Apply the policy to a record that ``offer`` refused.

        Returns:
            None when the record is in the buffer now; else the reason why it was dropped.

        Raises:
            BufferFullError: The policy is ``block``.
        """
        policy = self._policy
        if policy in BLOCKING:
            raise self._full("the policy is to block, which publish_nowait cannot do")
        if policy == "dropOldest" and self._buffer.can_make_room(record):
            while (oldest := self._buffer.evict()) is not None:
                self._ledger.evicted(oldest, BUFFER_FULL)
                if self._buffer.offer(record):
                    return None
        self._ledger.refuse(record, BUFFER_FULL)
        self._warnings.warning(
            "experimentframework.buffer_full", backplane=self._name, when_full=policy
        )
        return BUFFER_FULL

    async def put(self, record: Record) -> str | None:
        """Apply the policy to a record that ``offer`` refused, waiting where that is the policy.

        Returns:
            None when the record is in the buffer now; else the reason why it was dropped.

        Raises:
            BufferFullError: No room came within ``blockTimeoutMs``.
            DataPlaneClosedError: The channel closed meanwhile.
        """
        if self._policy not in BLOCKING and not self._commits_soon:
            return self.put_nowait(record)
        if not self._buffer.fits(record):
            raise self._full(f"an event of {len(record.body)} bytes never fits")
        if self._buffer.retired:
            self._ledger.refuse(record, REMOVED)
            return REMOVED
        if self._closed:
            raise self._closing()
        admitted = self._ledger.room_for(record)
        # There may be room by now: the publisher may have waited for another backplane's before.
        self._ledger.admit()
        try:
            await asyncio.wait((admitted,), timeout=self._timeout)
        except asyncio.CancelledError:
            if not _is_in(admitted):
                raise
            # The record got in first: say so, and let the cancellation come at the next await.
            if task := asyncio.current_task():
                task.cancel()
        finally:
            admitted.cancel()
            # It may have been too large for the room there is; those behind it may not be.
            self._ledger.admit()
        if admitted.cancelled():
            raise self._full(f"no room came within {self._timeout:g} s")
        return admitted.result()

    @property
    def _commits_soon(self) -> bool:
        """Whether room comes with the next commit: not what the policy is for."""
        return self._buffer.congested and self._keeper is not None and self._keeper.error is None

    def _full(self, why: str) -> BufferFullError:
        limits = f"{self._buffer.max_events} events, {self._buffer.max_bytes} bytes"
        message = f"the buffer of backplane {self._name!r} is full ({limits}): {why}"
        return BufferFullError(message, backplane=self._name)

    def refuse(self, record: Record) -> None:
        """Count a record that others took and this channel could not."""
        self._ledger.refuse(record, BUFFER_FULL)

    def dismiss(self) -> None:
        """Drop what still waits for room: nobody wants it delivered here any longer."""
        self._ledger.send_away(REMOVED)

    def close(self) -> None:
        """Let nobody wait any longer."""
        self._closed = True
        self._ledger.turn_away(self._closing())

    def _closing(self) -> DataPlaneClosedError:
        message = f"the plane closed while backplane {self._name!r} had no room"
        return DataPlaneClosedError(message)


def _is_in(admitted: asyncio.Future[str | None]) -> bool:
    return admitted.done() and not admitted.cancelled() and admitted.exception() is None
