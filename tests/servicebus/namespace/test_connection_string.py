"""A connection string is read, and its secrets are hidden."""

from __future__ import annotations

from experimentframework_core.units import Secret
from experimentframework_servicebus._namespace.connection_string import ConnectionString, parse


def test_a_connection_string_is_read_in_parts() -> None:
    """Given an emulator's string, When it is parsed, Then each part is there, secrets hidden."""
    found = parse(
        "Endpoint=sb://localhost:5699;SharedAccessKeyName=Root;SharedAccessKey=a=b;"
        "EntityPath=events;UseDevelopmentEmulator=true;"
    )

    assert found == ConnectionString(
        host="localhost",
        port=5699,
        key_name="Root",
        key=Secret("a=b"),
        signature=None,
        entity_path="events",
        emulator=True,
    )
    assert "a=b" not in repr(found)
