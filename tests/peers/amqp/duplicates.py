"""Which messages came before."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.peers.amqp.message import Content


class Seen:
    """The message ids of a while; times are milliseconds.

    Attributes:
        again: How many came again.
    """

    def __init__(self, seconds: float) -> None:
        """Begin with none; for 0 seconds nothing is remembered."""
        self._lasts = round(seconds * 1000)
        self._until: dict[str, int] = {}
        self.again = 0

    def came_before(self, content: Content, now: int) -> bool:
        """Return whether a message of this id was seen, and remember it."""
        name = content.fields.get("message_id")
        if not self._lasts or name is None:
            return False
        if self._until.get(name, 0) > now:
            self.again += 1
            return True
        self._until[name] = now + self._lasts
        return False
