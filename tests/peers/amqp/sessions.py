"""Who has which session, and what is remembered of each."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class Session:
    """A session.

    Attributes:
        state: What its receivers remember in it.
        until: When it is lost; 0 while nobody has it.
    """

    state: bytes | None = None
    until: int = 0


class Sessions:
    """The sessions of an entity; times are milliseconds."""

    def __init__(self, lasts: int) -> None:
        """Begin with none.

        Args:
            lasts: How long one is held.
        """
        self._lasts = lasts
        self._by_name: dict[str, Session] = {}

    def held(self, name: str) -> bool:
        """Return whether somebody has it."""
        return name in self._by_name and self._by_name[name].until > 0

    def hold(self, name: str, now: int) -> int:
        """Give it to somebody, or for longer; return until when."""
        session = self._by_name.setdefault(name, Session())
        session.until = now + self._lasts
        return session.until

    def release(self, name: str) -> None:
        """Take it back."""
        self._by_name[name].until = 0

    def lost(self, now: int) -> list[str]:
        """Return those which are held for too long."""
        return [name for name, each in self._by_name.items() if 0 < each.until <= now]

    def state(self, name: str) -> bytes | None:
        """Return what is remembered in it."""
        session = self._by_name.get(name)
        return None if session is None else session.state

    def remember(self, name: str, state: bytes | None) -> None:
        """Remember something in it."""
        self._by_name.setdefault(name, Session()).state = state

    def with_state(self) -> list[str]:
        """Return those in which something is remembered."""
        return [name for name, each in self._by_name.items() if each.state is not None]
