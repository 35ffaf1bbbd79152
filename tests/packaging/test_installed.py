"""An environment that has exactly what was asked for is told from another."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tools.installed import faults

if TYPE_CHECKING:
    from pathlib import Path

KAFKA = {"experimentframework", "experimentframework-core", "experimentframework-kafka"}


@pytest.fixture
def environment(tmp_path: Path) -> Path:
    """Return the ``site-packages`` of an environment with the extra ``kafka``."""
    add(
        tmp_path,
        "experimentframework",
        "Requires-Dist: experimentframework-core",
        "Provides-Extra: kafka",
        "Requires-Dist: experimentframework-kafka; extra == 'kafka'",
        "Requires-Dist: experimentframework-sqlserver; extra == 'sqlserver'",
    )
    add(tmp_path, "experimentframework-core", "Requires-Dist: msgspec")
    add(tmp_path, "experimentframework-kafka", "Requires-Dist: aiokafka[snappy]")
    add(
        tmp_path,
        "aiokafka",
        "Requires-Dist: cramjam; extra == 'snappy'",
        "Requires-Dist: gssapi; extra == 'gssapi'",
        "Requires-Dist: async-timeout; python_version < '3'",
    )
    add(tmp_path, "cramjam")
    add(tmp_path, "msgspec")
    return tmp_path


def add(folder: Path, name: str, *said: str) -> None:
    """Put a distribution there."""
    place = folder / f"{name.replace('-', '_')}-1.0.dist-info"
    place.mkdir()
    (place / "METADATA").write_text("\n".join([f"Name: {name}", "Version: 1.0", *said, ""]))


def test_exactly_what_was_asked_for(environment: Path) -> None:
    """Given what the extra asks for, When it is checked, Then nothing is wrong."""
    found = faults(str(environment), "experimentframework[kafka]", KAFKA)

    assert found == []


def test_something_else_is_told(environment: Path) -> None:
    """Given a distribution that nothing asks for, When it is checked, Then it is named."""
    add(environment, "pytest")

    found = faults(str(environment), "experimentframework[kafka]", KAFKA)

    assert found == ["pytest is there, and nothing asks for it"]


def test_something_missing_is_told(environment: Path) -> None:
    """Given an extra that was not installed, When it is checked, Then what lacks is named."""
    found = faults(str(environment), "experimentframework[sqlserver]", set())

    assert "experimentframework-sqlserver is missing" in found


def test_another_of_ours_is_told(environment: Path) -> None:
    """Given distributions that were not named, When it is checked, Then each is told."""
    named = {"experimentframework", "experimentframework-core", "experimentframework-sqlserver"}

    found = faults(str(environment), "experimentframework[kafka]", named)

    assert found == [
        "experimentframework-sqlserver is not brought by experimentframework[kafka]",
        "experimentframework-kafka is brought by experimentframework[kafka]",
    ]
