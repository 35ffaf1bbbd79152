"""A configuration of the .NET ExperimentFramework validates, and rows of its table are events."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import msgspec
import pytest

from experimentframework_core.codec import decode, decode_record, encode
from experimentframework_core.config import data_plane_of, load_file
from experimentframework_core.events import built_in_types
from experimentframework_core.plugins import find_plugin
from experimentframework_core.units import Secret
from experimentframework_sqlserver import SqlServerOptions
from experimentframework_sqlserver._reading.stored_row import Row, body_of

FILE = Path(__file__).parent / "data" / "dotnet.yaml"
EVENTS = Path(__file__).parents[1] / "core" / "data" / "dotnet"


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


@pytest.mark.parametrize("pascal", [False, True])
@pytest.mark.parametrize("name", built_in_types)
def test_a_row_of_its_table_is_the_event_that_it_sends_elsewhere(name: str, pascal: bool) -> None:  # noqa: FBT001
    """Given a row of each type, When it is read, Then it is the event, typed and complete."""
    columns = msgspec.json.decode((EVENTS / "sql" / f"{name}.json").read_bytes())
    time = datetime.fromisoformat(columns["Timestamp"].replace("1234567", "123456"))
    row = Row(
        columns["EventId"],
        time,
        columns["EventType"],
        columns["SchemaVersion"],
        columns["PayloadJson"],
        columns["CorrelationId"],
        columns["MetadataJson"],
    )

    body = body_of(row, pascal=pascal)

    sent = decode((EVENTS / f"{name}.json").read_bytes())
    assert decode(body, strict=True) == sent
    assert decode_record(body).body == encode(sent)
