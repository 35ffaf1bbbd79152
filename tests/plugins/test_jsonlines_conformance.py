"""The conformance kit, run on a plugin that is not one of the project's distributions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from experimentframework_core.testing import BackplaneConformance
from experimentframework_jsonlines import JsonLinesOptions, plugin

if TYPE_CHECKING:
    from pathlib import Path


class TestJsonLines(BackplaneConformance[JsonLinesOptions]):
    plugin = plugin

    @pytest.fixture
    def options(self, tmp_path: Path) -> JsonLinesOptions:
        return JsonLinesOptions(path=str(tmp_path / "events.jsonl"))

    def unreachable(self, options: JsonLinesOptions) -> JsonLinesOptions:
        return JsonLinesOptions(path=f"{options.path}/no-folder/events.jsonl")
