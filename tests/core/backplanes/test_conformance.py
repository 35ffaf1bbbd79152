"""The built-in backplanes, each through the conformance kit."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from experimentframework_core.backplanes import logging as to_log
from experimentframework_core.backplanes import memory, sqlite
from experimentframework_core.testing import BackplaneConformance

if TYPE_CHECKING:
    from pathlib import Path


class TestSqlite(BackplaneConformance[sqlite.SqliteOptions]):
    plugin = sqlite.plugin

    @pytest.fixture
    def options(self, tmp_path: Path) -> sqlite.SqliteOptions:
        return sqlite.SqliteOptions(path=str(tmp_path / "new" / "events.db"))

    def unreachable(self, options: sqlite.SqliteOptions) -> sqlite.SqliteOptions:
        return sqlite.SqliteOptions(path="/proc/no-folder/events.db")


class TestInMemory(BackplaneConformance[memory.InMemoryOptions]):
    plugin = memory.plugin

    @pytest.fixture
    def options(self) -> memory.InMemoryOptions:
        return memory.InMemoryOptions(store=str(uuid4()))

