"""The root of the language: every section of a configuration, side by side."""

from __future__ import annotations

from experimentframework_core.config._model import DataPlaneOptions, Options


class Configuration(Options, frozen=True, kw_only=True):
    """A whole configuration: what stands in ``experimentFramework``.

    Attributes:
        data_plane: What is published, how it waits, where it goes.
    """

    data_plane: DataPlaneOptions
