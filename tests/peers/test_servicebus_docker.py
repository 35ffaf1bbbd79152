"""How a container with Microsoft's emulator is set up, and how it is reached."""

from __future__ import annotations

import json

from experimentframework_servicebus._namespace.connection_string import ConnectionString, parse
from tests.peers.servicebus_docker import config, connection_string, environment
from tests.peers.servicebus_entities import ONCE, SESSIONS, entities


def test_the_container_accepts_the_licence_and_finds_its_engine() -> None:
    """Given a password, When the container is set up, Then the emulator may start with it."""
    found = environment("secret")

    assert found["ACCEPT_EULA"] == "Y"
    assert (found["SQL_SERVER"], found["MSSQL_SA_PASSWORD"]) == ("engine", "secret")


def test_the_connection_string_is_one_that_the_backplane_takes() -> None:
    """Given a host and a port, When the string is read as an option, Then nothing is wrong."""
    found = parse(connection_string("127.0.0.1", 40123))

    assert isinstance(found, ConnectionString)
    assert (found.host, found.port, found.emulator) == ("127.0.0.1", 40123, True)


def test_the_emulator_has_the_entities_of_the_tests() -> None:
    """Given our entities, When the emulator's file is written, Then they are as they are here."""
    (namespace,) = json.loads(config(entities))["UserConfig"]["Namespaces"]

    queues = {each["Name"]: each["Properties"] for each in namespace["Queues"]}
    assert [name for name in queues if queues[name]["RequiresSession"]] == [SESSIONS]
    assert [name for name in queues if queues[name]["RequiresDuplicateDetection"]] == [ONCE]
    _all, exposures = namespace["Topics"][0]["Subscriptions"]
    assert _all["Rules"] == []
    assert exposures["Rules"][0]["Properties"]["CorrelationFilter"] == {"Label": "exposure"}
