"""The configuration: one model for files and Python, and every problem of it at once."""

from __future__ import annotations

from experimentframework_core.config._backplanes import FindPlugin
from experimentframework_core.config._check import check
from experimentframework_core.config._effective import (
    BufferConfig,
    ChannelConfig,
    effective,
    effective_sources,
    resolved_options,
)
from experimentframework_core.config._json_schema import json_schema
from experimentframework_core.config._load import load_file, load_text
from experimentframework_core.config._model import (
    BackplaneOptions,
    BreakerOptions,
    BufferOptions,
    DataPlaneOptions,
    DeadLetterOptions,
    DeadLetterStoreOptions,
    PiiRedactionOptions,
    RetryOptions,
)
from experimentframework_core.config._problem import Problem
from experimentframework_core.config._root import Configuration

__all__ = [
    "BackplaneOptions",
    "BreakerOptions",
    "BufferConfig",
    "BufferOptions",
    "ChannelConfig",
    "Configuration",
    "DataPlaneOptions",
    "DeadLetterOptions",
    "DeadLetterStoreOptions",
    "FindPlugin",
    "PiiRedactionOptions",
    "Problem",
    "RetryOptions",
    "check",
    "effective",
    "effective_sources",
    "json_schema",
    "load_file",
    "load_text",
    "resolved_options",
]
