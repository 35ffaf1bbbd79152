"""The options of the type ``lake``."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

import msgspec

from experimentframework_core.plugin import ChannelSettings
from experimentframework_core.units import Delay, Secret

Setting: TypeAlias = str | int | float | bool | None
Compression: TypeAlias = Literal["none", "gzip", "snappy", "zstd"]


class LakeOptions(ChannelSettings, frozen=True, kw_only=True):
    """Where the objects go, and what they are.

    Attributes:
        url: The folder of all objects, as fsspec writes it: ``s3://bucket/events``, ``abfs://…``,
            ``gs://…``, ``file:///srv/lake``, ``memory://lake``.
        format: ``ndjson``, a line of JSON for each event; or ``parquet``, the columns of an export
            and the event's JSON, which needs the extra ``parquet``.
        compression: Of NDJSON ``none`` or ``gzip``, of Parquet also ``snappy`` or ``zstd``. None:
            gzip of NDJSON, zstd of Parquet.
        partition_by: The folders of an object, from the outermost: ``type=exposure``, and
            ``date=2026-11-28``, the day of the event in UTC.
        storage_options: What fsspec's file system takes beside the URL, by its own names, as
            ``endpoint_url`` for ``s3://``.
        secret_options: The same for what must never be shown, as ``secret`` or ``account_key``.
        poll_interval_ms: How long a reading that follows waits before it looks for new objects.
    """

    url: Annotated[str, msgspec.Meta(min_length=1)]
    format: Literal["ndjson", "parquet"] = "ndjson"
    compression: Compression | None = None
    partition_by: tuple[Literal["type", "date"], ...] = ("type", "date")
    storage_options: dict[str, Setting] = msgspec.field(default_factory=dict)
    secret_options: dict[str, Secret] = msgspec.field(default_factory=dict)
    poll_interval_ms: Delay = 5000
