"""Fixtures of the core's tests."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from experimentframework_core._exposure import current
from tests.core.sites import Site

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(autouse=True)
def _own_planes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have a test know its own open planes only, not what another one still closes."""
    monkeypatch.setattr(current, "_open", {})


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """Return a folder for distributions, whose modules are forgotten after the test."""
    before = set(sys.modules)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield Site(tmp_path)
    for module in [name for name in sys.modules if name.startswith("acme_")]:
        if module not in before:
            del sys.modules[module]
