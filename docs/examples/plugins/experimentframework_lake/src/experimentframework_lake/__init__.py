"""A backplane that writes events as objects of a lake: one per batch, type and date."""

from __future__ import annotations

from experimentframework_core.plugin import BackplanePlugin, Features
from experimentframework_lake._backplane import channel_defaults, open_lake
from experimentframework_lake._check import check_lake
from experimentframework_lake._options import LakeOptions
from experimentframework_lake._reader import read_lake, read_records

__all__ = ["LakeOptions", "plugin"]

plugin = BackplanePlugin(
    type="lake",
    options=LakeOptions,
    open=open_lake,
    read=read_lake,
    read_records=read_records,
    check=check_lake,
    channel_defaults=channel_defaults,
    features=Features(durable=True, readable=True),
)
