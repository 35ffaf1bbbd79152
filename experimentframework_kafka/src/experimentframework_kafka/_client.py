"""The options as aiokafka's clients take them."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import TYPE_CHECKING, Any

from experimentframework_core.errors import UnavailableError
from experimentframework_kafka._addresses import addresses
from experimentframework_kafka._client_settings import client_settings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from experimentframework_kafka._addresses import Address
    from experimentframework_kafka._options import KafkaOptions, KafkaSecurity

_OF_EVERY_CLIENT = ("connections_max_idle_ms", "metadata_max_age_ms", "retry_backoff_ms")
DEFAULT_BATCH_BYTES = 256 * 1024
DEFAULT_REQUEST_BYTES = 1024 * 1024


def client_arguments(options: KafkaOptions) -> dict[str, Any]:
    """Return what a producer, a consumer and an admin client are given alike.

    Raises:
        UnavailableError: A certificate cannot be read, or a token's function is not there.
    """
    additional = client_settings(options.additional_config)
    arguments: dict[str, Any] = {
        "bootstrap_servers": [str(each) for each in addresses(options.brokers)],
        "request_timeout_ms": options.request_timeout_ms,
        **{name: additional[name] for name in _OF_EVERY_CLIENT if name in additional},
        **security_arguments(options.security, options.request_timeout_ms / 1000),
    }
    if options.client_id is not None:
        arguments["client_id"] = options.client_id
    return arguments


def producer_arguments(options: KafkaOptions) -> dict[str, Any]:
    """Return what a producer is given.

    Raises:
        UnavailableError: As `client_arguments`.
    """
    return {
        **client_arguments(options),
        "acks": options.acks,
        "enable_idempotence": options.enable_idempotence,
    }


def beginning_at(broker: Address, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of a client that begins at ``broker``, which answers.

    aiokafka would ask the others in any order, and wait for one that hangs.
    """
    return {**arguments, "bootstrap_servers": [str(broker)]}


def batch_bytes(options: KafkaOptions) -> int:
    """Return how large a batch of one partition may be, before it is compressed."""
    said = client_settings(options.additional_config).get("max_batch_size")
    return said or DEFAULT_BATCH_BYTES


def request_bytes(options: KafkaOptions) -> int:
    """Return how large a message may be where the brokers do not tell what a topic takes."""
    said = client_settings(options.additional_config).get("max_request_size")
    return said or DEFAULT_REQUEST_BYTES


def security_arguments(security: KafkaSecurity, timeout: float = 30.0) -> dict[str, Any]:
    """Return how the brokers are reached and signed in to.

    Args:
        security: What the options say.
        timeout: Seconds that a token may take.

    Raises:
        UnavailableError: As `client_arguments`.
    """
    arguments: dict[str, Any] = {"security_protocol": security.protocol}
    if security.protocol.endswith("SSL"):
        arguments["ssl_context"] = _ssl_context(security)
    if security.protocol.startswith("SASL"):
        arguments["sasl_mechanism"] = security.mechanism
        if security.mechanism == "OAUTHBEARER":
            from experimentframework_kafka._tokens import Tokens

            arguments["sasl_oauth_token_provider"] = Tokens(security.token_provider or "", timeout)
        else:
            arguments["sasl_plain_username"] = security.username
            arguments["sasl_plain_password"] = security.password and security.password.reveal()
    return arguments


def _ssl_context(security: KafkaSecurity) -> ssl.SSLContext:
    context = _trusting(security.cafile)
    if security.certfile is not None:
        password = security.keyfile_password
        for option, file in (("certfile", security.certfile), ("keyfile", security.keyfile)):
            _must_be_readable(option, file)
        try:
            context.load_cert_chain(
                security.certfile, security.keyfile, password.reveal() if password else None
            )
        except (OSError, ValueError) as error:
            raise UnavailableError(
                f"cannot use security.certfile {security.certfile!r} with its key: {error}; "
                "expected a certificate and its private key in PEM, and the key's password"
            ) from error
    return context


def _trusting(cafile: str | None) -> ssl.SSLContext:
    _must_be_readable("cafile", cafile)
    try:
        return ssl.create_default_context(cafile=cafile)
    except (OSError, ValueError) as error:
        raise UnavailableError(
            f"cannot use security.cafile {cafile!r}: {error}; expected certificates in PEM"
        ) from error


def _must_be_readable(option: str, file: str | None) -> None:
    try:
        if file is not None:
            Path(file).read_bytes()
    except OSError as error:
        raise UnavailableError(
            f"cannot read security.{option} {file!r}: {error.strerror or error}"
        ) from error
