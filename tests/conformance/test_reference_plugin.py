"""The kit, run on a plugin that keeps every rule."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import pytest

from experimentframework_core.testing import (
    BackplaneConformance,
    full_disk,
    make_exposure,
    make_record,
)
from tests.conformance.reference_plugin import FileOptions, plugin

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import AbstractAsyncContextManager

    from experimentframework_core.envelope import Record


class ReferenceConformance(BackplaneConformance[FileOptions]):
    """What the kit needs to know of the reference plugin, and of those made from it."""

    plugin = plugin

    @pytest.fixture
    def options(self, tmp_path: Path) -> FileOptions:
        return FileOptions(path=str(tmp_path / "events.jsonl"))

    def unreachable(self, options: FileOptions) -> FileOptions | None:
        return msgspec.structs.replace(options, path="/no such folder/events.jsonl")

    def poison(self, options: FileOptions) -> Record | None:
        return make_record(make_exposure(variant_key="poison"))

    def flaky(self, options: FileOptions) -> Record | None:
        return make_record(make_exposure(variant_key="flaky"))

    def cut_short(
        self, options: FileOptions, batch: Sequence[Record]
    ) -> AbstractAsyncContextManager[None] | None:
        return full_disk(options.path, room=len(batch[0].body) + 100)

    async def plant(self, options: FileOptions, body: bytes) -> bool:
        path = Path(options.path)
        path.write_bytes(path.read_bytes() + body + b"\n")
        return True


class TestReferencePlugin(ReferenceConformance):
    """It passes every case, and none is skipped but the one about installed distributions."""
