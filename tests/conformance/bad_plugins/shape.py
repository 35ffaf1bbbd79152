"""Plugins that break a rule about their shape."""

from __future__ import annotations

from itertools import count
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, ClassVar

import msgspec
import pytest

from tests.conformance.bad_plugins.base import Bad, but
from tests.conformance.reference_plugin import FileOptions, plugin

if TYPE_CHECKING:
    from pathlib import Path


class TypeIsSnakeCase(Bad):
    fails: ClassVar = {"test_type_is_camel_case"}
    plugin = but(type="reference_file")


class EntryPointIsAnother(Bad):
    fails: ClassVar = {"test_entry_point_is_the_plugin"}
    plugin = but(type="impostor")


class OtherOptions(Bad):
    """Its options class is another one."""

    __test__ = False

    @pytest.fixture
    def options(self, tmp_path: Path) -> FileOptions:
        path = str(tmp_path / "events.jsonl")
        options: FileOptions = msgspec.convert({"path": path}, type=self.plugin.options)
        return options


class ThawedOptions(FileOptions, frozen=False, kw_only=True):  # type: ignore[misc]
    """Options that can be changed."""


class OptionsAreNotFrozen(OtherOptions):
    fails: ClassVar = {"test_options_class_can_be_a_node_of_the_configuration"}
    plugin = but(options=ThawedOptions)


class PositionalOptions(FileOptions, frozen=True):
    """Options that can be given by position.

    Attributes:
        mode: Has no effect.
    """

    mode: str = "plain"


class OptionsArePositional(OtherOptions):
    fails: ClassVar = {"test_options_class_can_be_a_node_of_the_configuration"}
    plugin = but(options=PositionalOptions)


class SnakeOptions(FileOptions, frozen=True, kw_only=True, rename=None):
    """Options that a file would have to spell in snake_case.

    Attributes:
        line_mode: Has no effect.
    """

    line_mode: str = "plain"


class OptionsAreSnakeCase(OtherOptions):
    fails: ClassVar = {"test_options_class_can_be_a_node_of_the_configuration"}
    plugin = but(options=SnakeOptions)


class SilentOptions(FileOptions, frozen=True, kw_only=True):
    """Options that are not explained."""

    mode: str = "plain"


class OptionsAreNotDocumented(OtherOptions):
    fails: ClassVar = {"test_every_option_is_documented"}
    plugin = but(options=SilentOptions)


class PathOptions(FileOptions, frozen=True, kw_only=True):
    """Options that only Python can say.

    Attributes:
        folder: Has no effect.
    """

    folder: PurePosixPath = PurePosixPath("events")


class OptionsAreForPythonOnly(Bad):
    fails: ClassVar = {"test_options_are_the_same_in_yaml_and_in_python"}
    plugin = but(options=PathOptions)

    @pytest.fixture
    def options(self, tmp_path: Path) -> FileOptions:
        return PathOptions(path=str(tmp_path / "events.jsonl"))


class CheckRefusesWorkingOptions(Bad):
    fails: ClassVar = {
        "test_check_accepts_working_options",
        "test_options_are_the_same_in_yaml_and_in_python",
        "test_the_data_plane_delivers_everything",
    }
    plugin = but(check=lambda options: [("path", "is too long")])


class ChannelDefaultsAreADict(Bad):
    fails: ClassVar = {"test_channel_defaults_are_channel_settings"}
    plugin = but(channel_defaults=lambda options: {"batch_size": 50})


class OrderingKeyCounts(Bad):
    fails: ClassVar = {"test_ordering_key_is_pure"}
    numbers = count()
    plugin = but(
        ordering_key=lambda record, options: (
            record.experiment or str(next(OrderingKeyCounts.numbers))
        )
    )


class OrderingKeyIsANumber(Bad):
    fails: ClassVar = {"test_ordering_key_is_pure"}
    plugin = but(ordering_key=lambda record, options: hash(record.experiment))


class OrderingKeyNeedsASubject(Bad):
    fails: ClassVar = {"test_ordering_key_is_pure"}
    plugin = but(ordering_key=lambda record, options: record.subject.lower())


class ReadIsNotDeclared(Bad):
    fails: ClassVar = {"test_read_is_there_exactly_if_declared"}
    plugin = but(features=msgspec.structs.replace(plugin.features, readable=False))
