"""A configuration is whole without a data plane, until somebody needs one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from experimentframework_core import DataPlane
from experimentframework_core.cli._configuration import load as load_for_a_command
from experimentframework_core.config import Configuration, data_plane_of, load_file, load_text
from experimentframework_core.errors import ConfigurationError
from tests.core.config.sample_plugins import find_plugin

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

MISSING = (
    "dataPlane: missing; expected a mapping with a backplane, for without it nothing is published"
)


def test_a_configuration_without_data_plane_is_whole(tmp_path: Path) -> None:
    """Given a file of governance only, When it is loaded, Then it has no data plane."""
    file = tmp_path / "governance.yaml"
    file.write_text("governance: {initialState: Approved}\n")

    configuration = load_file(file, find_plugin)

    assert configuration.data_plane is None
    assert configuration.governance is not None


@pytest.mark.parametrize("need", [DataPlane.from_file, load_for_a_command])
def test_who_needs_a_data_plane_says_so_with_the_file(
    need: Callable[[Path], object], tmp_path: Path
) -> None:
    """Given a file without dataPlane, When one is needed of it, Then the problem names the file."""
    file = tmp_path / "governance.yaml"
    file.write_text("governance: {initialState: Approved}\n")

    with pytest.raises(ConfigurationError) as caught:
        need(file)

    assert str(caught.value) == f"{file}: {MISSING}"


def test_a_data_plane_of_a_file_needs_a_backplane() -> None:
    """Given a dataPlane without backplane, When it is loaded, Then that is a problem still."""
    with pytest.raises(ConfigurationError) as caught:
        load_text("trials: []\ndataPlane: {batchSize: 5}\n", find_plugin=find_plugin)

    expected = "dataPlane.backplane: missing; expected a mapping with type and options"
    assert str(caught.value) == f"<text>:2:1: {expected}"


def test_a_data_plane_that_is_there_is_returned() -> None:
    configuration = load_text("dataPlane: {backplane: {type: plain}}", find_plugin=find_plugin)

    assert data_plane_of(configuration, "e.yaml") is configuration.data_plane
    assert Configuration().data_plane is None
