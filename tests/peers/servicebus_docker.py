"""Microsoft's emulator of Service Bus in a container, where a Docker engine is.

``python -m tests.peers.servicebus_docker`` starts one, says how to reach it, and keeps it until
it is interrupted. Starting it accepts Microsoft's licences for the emulator and for SQL Server's
Developer edition, which the emulator stores in.
"""

from __future__ import annotations

import sys
import tempfile
import threading
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path
from secrets import token_hex
from typing import TYPE_CHECKING, Final
from urllib.error import URLError

import msgspec

from tests.peers.amqp.definitions import QueueDefinition
from tests.peers.servicebus_choice import variable
from tests.peers.servicebus_entities import entities
from tests.peers.sqlserver_docker import environment as engine_environment

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.peers.amqp.definitions import Correlation, Definition, Settings

PORT: Final = 5672
ADMINISTRATION_PORT: Final = 5300
_image: Final = "azure-messaging/servicebus-emulator:2.0.0"
_engine: Final = "engine"
_config_in_container: Final = "/ServiceBus_Emulator/ConfigFiles/Config.json"
_longest_start_seconds: Final = 120
_longest_ttl: Final = "PT1H"


def environment(password: str) -> dict[str, str]:
    """Return the settings of an emulator whose engine's administrator has this password."""
    return {
        "ACCEPT_EULA": "Y",
        "SQL_SERVER": _engine,
        "MSSQL_SA_PASSWORD": password,
        "EMULATOR_HTTP_PORT": str(ADMINISTRATION_PORT),
    }


def config(definitions: tuple[Definition, ...]) -> bytes:
    """Return the file in which the emulator finds its entities."""
    queues = [
        {"Name": each.name, "Properties": _queue(each.settings)}
        for each in definitions
        if isinstance(each, QueueDefinition)
    ]
    topics = [
        {
            "Name": each.name,
            "Properties": _door(each.settings),
            "Subscriptions": [
                {
                    "Name": one.name,
                    "Properties": _subscription(one.settings),
                    "Rules": [_rule(number, said) for number, said in enumerate(one.filters, 1)],
                }
                for one in each.subscriptions
            ],
        }
        for each in definitions
        if not isinstance(each, QueueDefinition)
    ]
    namespace = {"Name": "sbemulatorns", "Queues": queues, "Topics": topics}
    whole = {"UserConfig": {"Namespaces": [namespace], "Logging": {"Type": "Console"}}}
    return msgspec.json.encode(whole)


def connection_string(host: str, port: int) -> str:
    """Return how the client reaches the emulator; its key is always this one."""
    return (
        f"Endpoint=sb://{host}:{port};SharedAccessKeyName=RootManageSharedAccessKey;"
        "SharedAccessKey=SAS_KEY_VALUE;UseDevelopmentEmulator=true;"
    )


@contextmanager
def docker_emulator() -> Iterator[str]:
    """Yield the connection string of an emulator in a container of its own; it goes with it."""
    from testcontainers.community.mssql import SqlServerContainer
    from testcontainers.core.container import DockerContainer
    from testcontainers.core.network import Network

    password = f"Aa1-{token_hex(12)}"
    with Network() as network, tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "Config.json"
        file.write_bytes(config(entities))
        engine = SqlServerContainer(password=password).with_envs(**engine_environment(password))
        # Microsoft publishes both in one registry.
        registry = engine.image.partition("/")[0]
        emulator = (
            DockerContainer(f"{registry}/{_image}")
            .with_envs(**environment(password))
            .with_network(network)
            .with_volume_mapping(file, _config_in_container)
            .with_exposed_ports(PORT, ADMINISTRATION_PORT)
        )
        with engine.with_network(network).with_network_aliases(_engine), emulator:
            host = emulator.get_container_host_ip()
            _wait_until_it_answers(
                f"http://{host}:{emulator.get_exposed_port(ADMINISTRATION_PORT)}"
            )
            yield connection_string(host, emulator.get_exposed_port(PORT))


def _wait_until_it_answers(place: str) -> None:
    end = time.monotonic() + _longest_start_seconds
    while True:
        try:
            with urllib.request.urlopen(f"{place}/health", timeout=2):  # noqa: S310 - ours
                return
        except (URLError, OSError) as error:
            if time.monotonic() > end:
                seconds = _longest_start_seconds
                text = f"the emulator did not answer within {seconds} s: {error}"
                raise TimeoutError(text) from error
        time.sleep(0.5)


def _door(settings: Settings) -> dict[str, str | bool]:
    seconds = round(settings.duplicate_seconds)
    return {
        "DefaultMessageTimeToLive": _longest_ttl,
        "DuplicateDetectionHistoryTimeWindow": f"PT{seconds or 20}S",
        "RequiresDuplicateDetection": seconds > 0,
    }


def _subscription(settings: Settings) -> dict[str, str | bool | int]:
    return {
        "DefaultMessageTimeToLive": _longest_ttl,
        "DeadLetteringOnMessageExpiration": settings.dead_letter_expired,
        "LockDuration": f"PT{round(settings.lock_seconds)}S",
        "MaxDeliveryCount": settings.max_deliveries,
        "RequiresSession": settings.sessions,
    }


def _queue(settings: Settings) -> dict[str, str | bool | int]:
    return {**_subscription(settings), **_door(settings)}


def _rule(number: int, said: Correlation) -> dict[str, object]:
    names = {
        "MessageId": said.message_id,
        "CorrelationId": said.correlation_id,
        "Label": said.subject,
        "SessionId": said.session_id,
        "ContentType": said.content_type,
        "To": said.to,
        "ReplyTo": said.reply_to,
        "Properties": said.properties or None,
    }
    wanted = {name: value for name, value in names.items() if value is not None}
    properties = {"FilterType": "Correlation", "CorrelationFilter": wanted}
    return {"Name": f"rule-{number}", "Properties": properties}


def main() -> None:
    """Keep an emulator until the process is interrupted."""
    with docker_emulator() as reached_by:
        sys.stdout.write(f"export {variable}='{reached_by}'\n")
        sys.stdout.flush()
        threading.Event().wait()


if __name__ == "__main__":
    main()
