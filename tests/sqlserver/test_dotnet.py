"""A configuration of the .NET ExperimentFramework validates."""

from __future__ import annotations

from pathlib import Path

from experimentframework_core.config import data_plane_of, load_file
from experimentframework_core.plugins import find_plugin
from experimentframework_core.units import Secret
from experimentframework_sqlserver import SqlServerOptions

FILE = Path(__file__).parent / "data" / "dotnet.yaml"


def test_it_validates() -> None:
    """Given a configuration of the original, When it is loaded, Then it says all defaults."""
    options = data_plane_of(load_file(FILE, find_plugin), "")

    assert options.backplane is not None
    assert options.backplane.options == SqlServerOptions(
        connection_string=Secret(
            "Server=localhost;Database=ExperimentFramework;Trusted_Connection=True;"
        ),
        batch_size=100,
    )
