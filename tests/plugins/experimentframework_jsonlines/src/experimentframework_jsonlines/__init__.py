"""A backplane that writes one JSON line per event to a file."""

from __future__ import annotations

from experimentframework_core.plugin import BackplanePlugin, Features
from experimentframework_jsonlines._backplane import open_jsonlines, ordering_key
from experimentframework_jsonlines._options import JsonLinesOptions, check
from experimentframework_jsonlines._reader import JsonLinesReader

__all__ = ["JsonLinesOptions", "plugin"]

plugin = BackplanePlugin(
    type="jsonLines",
    options=JsonLinesOptions,
    open=open_jsonlines,
    read=JsonLinesReader,
    check=check,
    ordering_key=ordering_key,
    features=Features(ordered=True, durable=True, readable=True),
)
