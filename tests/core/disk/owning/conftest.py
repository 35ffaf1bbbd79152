"""A folder to own journals in, and other processes that claim there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from experimentframework_core._disk import owner
from tests.core.disk.owning._owners import Other

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "buffer" / "kafka"


@pytest.fixture(autouse=True)
def _release_all() -> Iterator[None]:
    """Let nothing that a test holds reach the next."""
    yield
    for held in list(owner._held):
        held.release()


@pytest.fixture
def start(root: Path) -> Iterator[Callable[[], Other]]:
    """Return a function that starts another process and gives it when it is ready."""
    started: list[Other] = []

    def start() -> Other:
        started.append(Other(root))
        return started[-1]

    yield start
    for other in started:
        other.kill()
