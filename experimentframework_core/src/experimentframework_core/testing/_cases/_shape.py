# ruff: noqa: S101  the cases of the kit are tests
"""Cases about the plugin as an object: its name, its options, its pure functions."""

from __future__ import annotations

import re
from inspect import cleandoc, signature
from typing import cast

import pytest

from experimentframework_core.config import check
from experimentframework_core.errors import PluginNotFoundError
from experimentframework_core.events import type_name_pattern
from experimentframework_core.plugin import BackplanePlugin, ChannelSettings, OptionsT
from experimentframework_core.plugins import find_plugin
from experimentframework_core.testing._cases._harness import Harness
from experimentframework_core.testing._cases._options import (
    plane_options,
    read_from_yaml,
    written_as_yaml,
)
from experimentframework_core.testing._cases._samples import one_of_each_type


class ShapeCases(Harness[OptionsT]):
    """What can be said of a plugin without opening it."""

    async def test_type_is_camel_case(self) -> None:
        """The type is a name that a configuration can say: camelCase, letters and digits."""
        plugin = self.plugin

        assert isinstance(plugin, BackplanePlugin)
        assert type_name_pattern.fullmatch(plugin.type), plugin.type

    async def test_entry_point_is_the_plugin(self) -> None:
        """Where a distribution offers the type, the entry point is the plugin object itself."""
        try:
            offered = find_plugin(self.plugin.type)
        except PluginNotFoundError:
            pytest.skip(f"no installed distribution offers {self.plugin.type!r}")

        assert offered is self.plugin

    async def test_options_class_can_be_a_node_of_the_configuration(self) -> None:
        """The options class is a frozen, keyword-only, camelCase Struct with channel settings."""
        options = self._options_class()
        config = options.__struct_config__
        snake = [name for name in options.__struct_encode_fields__ if "_" in name]

        assert issubclass(options, ChannelSettings), "derive the options from ChannelSettings"
        assert config.frozen, "declare the options class with frozen=True"
        assert not _positional(options), "declare the options class with kw_only=True"
        assert not snake, 'declare the options class with rename="camel"'

    async def test_every_option_is_documented(self) -> None:
        """Each option is explained under ``Attributes:`` of its class's docstring."""
        inherited = set(ChannelSettings.__struct_fields__)
        options = self._options_class()
        own = [name for name in options.__struct_fields__ if name not in inherited]

        explained = _attributes(options)

        assert [name for name in own if name not in explained] == []

    async def test_options_are_the_same_in_yaml_and_in_python(self, options: OptionsT) -> None:
        """Options made in Python pass the checks, and written as YAML they are read equal."""
        text = written_as_yaml(self.plugin, options)

        read = read_from_yaml(self.plugin, text)

        assert read == options
        assert check(plane_options(self.plugin, options), lambda _: self.plugin) == []

    async def test_check_accepts_working_options(self, options: OptionsT) -> None:
        """``check`` yields pairs of path and message, and none for options that work."""
        if self.plugin.check is None:
            pytest.skip("the plugin has no check")

        problems = list(self.plugin.check(options))

        assert problems == []

    async def test_channel_defaults_are_channel_settings(self, options: OptionsT) -> None:
        """``channel_defaults`` returns settings of the channel."""
        if self.plugin.channel_defaults is None:
            pytest.skip("the plugin has no channel_defaults")

        defaults = self.plugin.channel_defaults(options)

        assert isinstance(defaults, ChannelSettings)

    async def test_ordering_key_is_pure(self, options: OptionsT) -> None:
        """A record of any type has a key, text or None, and the same one each time."""
        if self.plugin.ordering_key is None:
            pytest.skip("the plugin keeps the default: the experiment, then the event id")
        records = one_of_each_type()

        first = [self.plugin.ordering_key(record, options) for record in records]
        again = [self.plugin.ordering_key(record, options) for record in reversed(records)]

        assert [key for key in first if not isinstance(key, str | None)] == []
        assert first == again[::-1]

    async def test_read_is_there_exactly_if_declared(self) -> None:
        """A plugin has a ``read`` if it says ``readable``, and only then."""
        has_read = self.plugin.read is not None

        assert has_read == self.features.readable, "read and features.readable disagree"

    def _options_class(self) -> type[ChannelSettings]:
        return cast("type[ChannelSettings]", self.plugin.options)


def _positional(options: type[ChannelSettings]) -> list[str]:
    parameters = signature(options).parameters.values()
    return [field.name for field in parameters if field.kind is not field.KEYWORD_ONLY]


def _attributes(options: type[ChannelSettings]) -> set[str]:
    """Return the names under ``Attributes:`` in the docstrings of the class and its bases."""
    names: set[str] = set()
    for base in options.__mro__:
        _, _, section = cleandoc(base.__doc__ or "").partition("Attributes:\n")
        names.update(re.findall(r"^ {4}(\w+)(?: \(.*\))?: \S", section, re.MULTILINE))
    return names
