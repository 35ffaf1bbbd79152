"""The conformance kit, run on every format and on two file systems."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

import fsspec
import pytest

from experimentframework_core.testing import BackplaneConformance, full_disk
from experimentframework_lake import LakeOptions, plugin

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import AbstractAsyncContextManager

    from experimentframework_core.envelope import Record


class LakeConformance(BackplaneConformance[LakeOptions]):
    plugin = plugin

    def cut_short(
        self, options: LakeOptions, batch: Sequence[Record]
    ) -> AbstractAsyncContextManager[None] | None:
        if not options.url.startswith("file://"):
            return None
        return full_disk(Path(options.url.removeprefix("file://"), "new.object"), room=500)

    async def plant(self, options: LakeOptions, body: bytes) -> bool:
        fs, root = fsspec.url_to_fs(options.url)
        fs.pipe_file(f"{root}/planted.ndjson", body + b"\n")
        return True


class TestNdjsonOnADisk(LakeConformance):
    @pytest.fixture
    def options(self, tmp_path: Path) -> LakeOptions:
        return LakeOptions(url=f"file://{tmp_path}/lake", poll_interval_ms=20)

    def unreachable(self, options: LakeOptions) -> LakeOptions:
        url = options.url.removeprefix("file://")
        Path(url).parent.joinpath("file").write_bytes(b"")
        return LakeOptions(url=f"{options.url}/../file/lake")


class TestParquetOnADisk(LakeConformance):
    @pytest.fixture
    def options(self, tmp_path: Path) -> LakeOptions:
        return LakeOptions(
            url=f"file://{tmp_path}/lake",
            format="parquet",
            partition_by=("date",),
            poll_interval_ms=20,
        )


class TestNdjsonInMemory(LakeConformance):
    @pytest.fixture
    def options(self) -> LakeOptions:
        return LakeOptions(
            url=f"memory://{uuid4()}", compression="none", partition_by=(), poll_interval_ms=20
        )

    @pytest.mark.xfail(reason="memory:// ends with its process", strict=True)
    async def test_what_is_confirmed_survives_the_process(self, options: LakeOptions) -> None:
        await super().test_what_is_confirmed_survives_the_process(options)


class TestParquetInMemory(LakeConformance):
    @pytest.fixture
    def options(self) -> LakeOptions:
        return LakeOptions(
            url=f"memory://{uuid4()}", format="parquet", compression="snappy", poll_interval_ms=20
        )

    @pytest.mark.xfail(reason="memory:// ends with its process", strict=True)
    async def test_what_is_confirmed_survives_the_process(self, options: LakeOptions) -> None:
        await super().test_what_is_confirmed_survives_the_process(options)
