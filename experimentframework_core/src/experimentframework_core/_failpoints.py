"""Named points at which a fault test can end or fail the process; nothing happens there else."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


def _nothing(_name: str) -> None:
    pass


on_reach: Callable[[str], None] = _nothing
"""What tests replace."""


def reach(name: str) -> None:
    """Say that the point ``name`` is reached."""
    on_reach(name)


def armed() -> bool:
    """Return whether a test has replaced what happens there."""
    return on_reach is not _nothing
