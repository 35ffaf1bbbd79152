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
from experimentframework_core.config._excerpt import Excerpt, Excerpts
from experimentframework_core.config._load import (
    Loaded,
    load_file,
    load_files,
    load_text,
    read_configuration,
)
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
from experimentframework_core.config._tree import Place

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
    "Excerpt",
    "Excerpts",
    "FindPlugin",
    "Loaded",
    "PiiRedactionOptions",
    "Place",
    "Problem",
    "RetryOptions",
    "check",
    "effective",
    "effective_sources",
    "load_file",
    "load_files",
    "load_text",
    "read_configuration",
    "resolved_options",
]
