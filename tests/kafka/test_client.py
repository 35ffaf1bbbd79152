"""The options as the client takes them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from experimentframework_core.errors import UnavailableError
from experimentframework_core.units import Secret
from experimentframework_kafka import KafkaOptions, KafkaSecurity
from experimentframework_kafka._client import (
    batch_bytes,
    client_arguments,
    producer_arguments,
    request_bytes,
    security_arguments,
)
from tests.peers.certificates import PASSWORD, make_certificates

if TYPE_CHECKING:
    from pathlib import Path


async def token() -> str:
    """Return a token, as an application's own function does."""
    return "a token"


def test_the_settings_of_a_producer() -> None:
    """Given options, When the producer's settings are made, Then each has aiokafka's name."""
    options = KafkaOptions(
        brokers="one,two:9093",
        client_id="shop",
        request_timeout_ms=5000,
        additional_config={"retry.backoff.ms": "50", "batch.size": 1000},
    )

    found = producer_arguments(options)

    assert found == {
        "bootstrap_servers": ["one:9092", "two:9093"],
        "client_id": "shop",
        "request_timeout_ms": 5000,
        "retry_backoff_ms": 50,
        "security_protocol": "PLAINTEXT",
        "acks": "all",
        "enable_idempotence": True,
    }


def test_the_sizes_have_defaults_and_can_be_said() -> None:
    """Given sizes are said or not, When they are asked for, Then it is that, or the default."""
    usual = KafkaOptions(brokers="one")
    said = KafkaOptions(
        brokers="one", additional_config={"max_batch_size": 1000, "message.max.bytes": 2000}
    )

    found = [(batch_bytes(each), request_bytes(each)) for each in (usual, said)]

    assert found == [(256 * 1024, 1024 * 1024), (1000, 2000)]


async def test_a_token_comes_from_the_function_that_is_named() -> None:
    """Given a function by its name, When a token is asked for, Then it is the function's."""
    security = KafkaSecurity(
        protocol="SASL_PLAINTEXT", mechanism="OAUTHBEARER", token_provider=f"{__name__}:token"
    )

    arguments = security_arguments(security)

    assert await arguments["sasl_oauth_token_provider"].token() == "a token"


@pytest.mark.parametrize("name", ["no_such_module:token", "json:no_such_function"])
def test_a_function_that_is_not_there_is_told(name: str) -> None:
    """Given a wrong name, When the settings are made, Then the error names it."""
    security = KafkaSecurity(
        protocol="SASL_PLAINTEXT", mechanism="OAUTHBEARER", token_provider=name
    )

    with pytest.raises(UnavailableError, match=f"cannot use security.tokenProvider '{name}'"):
        security_arguments(security)


@pytest.mark.parametrize("option", ["cafile", "certfile", "keyfile"])
def test_a_file_that_cannot_be_read_is_told(option: str, tmp_path: Path) -> None:
    """Given a file is missing, When the settings are made, Then the error names the option."""
    files = make_certificates(tmp_path)
    given = {
        "cafile": str(files.authority),
        "certfile": str(files.client),
        "keyfile": str(files.client_key),
        option: str(tmp_path / "missing.pem"),
    }
    security = KafkaSecurity(protocol="SSL", keyfile_password=Secret(PASSWORD), **given)  # type: ignore[arg-type]

    with pytest.raises(UnavailableError) as raised:
        client_arguments(KafkaOptions(brokers="one", security=security))

    assert str(raised.value) == (
        f"cannot read security.{option} '{tmp_path / 'missing.pem'}': No such file or directory"
    )


def test_a_file_that_is_no_certificate_is_told(tmp_path: Path) -> None:
    """Given a file with something else, When the settings are made, Then the error says so."""
    wrong = tmp_path / "wrong.pem"
    wrong.write_text("no certificate")

    with pytest.raises(UnavailableError, match="expected certificates in PEM"):
        security_arguments(KafkaSecurity(protocol="SSL", cafile=str(wrong)))


def test_a_wrong_password_of_the_key_is_told_and_not_shown(tmp_path: Path) -> None:
    """Given the key's password is wrong, When the settings are made, Then that is told."""
    files = make_certificates(tmp_path)
    security = KafkaSecurity(
        protocol="SSL",
        certfile=str(files.client),
        keyfile=str(files.client_key),
        keyfile_password=Secret("not the one"),
    )

    with pytest.raises(UnavailableError, match="and the key's password") as raised:
        security_arguments(security)

    assert "not the one" not in str(raised.value)
