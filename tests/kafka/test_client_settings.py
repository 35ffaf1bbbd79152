"""``additionalConfig``: which names, which values."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from experimentframework_core.config import load_text
from experimentframework_core.errors import ConfigurationError
from experimentframework_core.plugins import find_plugin
from experimentframework_kafka import KafkaOptions
from experimentframework_kafka._check import check_kafka
from experimentframework_kafka._client_settings import client_settings

if TYPE_CHECKING:
    from experimentframework_kafka._options import Setting

POSITIVE = "does not fit; expected a whole number from 1 to 2,147,483,647"


def said(additional: dict[str, Setting]) -> list[tuple[str, str]]:
    """Return the path and message of all that is wrong with these settings."""
    options = KafkaOptions(brokers="one", additional_config=additional)
    return [(path, message) for path, message, *_ in check_kafka(options)]


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("linger.ms", 5, "is an option of its own; say lingerMs"),
        ("bootstrap_servers", "one", "is an option of its own; say brokers"),
        ("metadata.broker.list", "one", "is an option of its own; say brokers"),
        ("sasl.password", "hunter2", "is an option of its own; say security.password"),
        (
            "ssl_context",
            "x",
            "is an option of its own; say security.cafile, security.certfile and security.keyfile",
        ),
        (
            "retries",
            3,
            "is a setting of the channel; say retry.maxAttempts on the backplane",
        ),
        (
            "delivery.timeout.ms",
            3,
            "is a setting of the channel; say deliveryTimeoutMs on the backplane",
        ),
        (
            "transactional_id",
            "t",
            "has no use here: transactions are not used; leave it out",
        ),
        ("max_batch_size", 0, POSITIVE),
        ("max_batch_size", True, POSITIVE),
        ("max_batch_size", 1.5, POSITIVE),
        ("max_batch_size", None, POSITIVE),
        ("max_batch_size", "many", POSITIVE),
        ("max.request.size", 2**31, POSITIVE),
        ("connections_max_idle_ms", "never", f"{POSITIVE}, or null"),
        (
            "max_batchsize",
            1,
            (
                "unknown setting of aiokafka or librdkafka 'max_batchsize'; expected"
                " connections_max_idle_ms, max_batch_size, max_request_size, metadata_max_age_ms,"
                " retry_backoff_ms, batch.size, connections.max.idle.ms, max.request.size,"
                " message.max.bytes, metadata.max.age.ms, retry.backoff.ms or"
                " topic.metadata.refresh.interval.ms; did you mean 'max_batch_size'?"
            ),
        ),
    ],
)
def test_a_setting_that_may_not_be_there(name: str, value: Setting, message: str) -> None:
    """Given one bad setting, When the options are checked, Then the message says what to do."""
    found = said({name: value})

    assert found == [(f"additionalConfig.{name}", message)]


@pytest.mark.parametrize(
    ("name", "meant", "why"),
    [
        ("linger_mss", "linger_ms", "is an option of its own; say lingerMs"),
        (
            "delivery.timout.ms",
            "delivery.timeout.ms",
            "is a setting of the channel; say deliveryTimeoutMs on the backplane",
        ),
        (
            "compression.levels",
            "compression.level",
            "has no use here: aiokafka knows one level for each compression; leave it out",
        ),
    ],
)
def test_a_misspelt_name_of_another_client_is_led_to_its_place(
    name: str, meant: str, why: str
) -> None:
    """Given a misspelt name that has another place, When checked, Then that place is told."""
    found = said({name: 1})

    message = (
        f"unknown setting of aiokafka or librdkafka '{name}'; did you mean '{meant}'? It {why}"
    )
    assert found == [(f"additionalConfig.{name}", message)]


def test_two_names_of_one_setting() -> None:
    """Given a setting by both names, When checked, Then the second is to be left out."""
    additional: dict[str, Setting] = {"batch.size": 1, "max_batch_size": 2}

    found = list(check_kafka(KafkaOptions(brokers="one", additional_config=additional)))

    path, message = (
        "additionalConfig.max_batch_size",
        "says the same as 'batch.size'; leave one out",
    )
    assert found == [(path, message, "error", ("additionalConfig.batch.size",))]


def test_the_client_gets_its_own_names_and_numbers() -> None:
    """Given settings by names of librdkafka, When asked for, Then they are aiokafka's."""
    settings = client_settings(
        {"batch.size": "65536", "connections.max.idle.ms": None, "retry_backoff_ms": 50}
    )

    assert settings == {
        "max_batch_size": 65536,
        "connections_max_idle_ms": None,
        "retry_backoff_ms": 50,
    }


@pytest.mark.parametrize(
    ("name", "instead"),
    [
        ("bootstrapServers", "brokers"),
        ("bootstrap.servers", "brokers"),
        ("saslUsername", "security.username"),
        ("ssl_ca_location", "security.cafile"),
        ("retries", "retry.maxAttempts on the backplane"),
        ("maxBatchSize", "additionalConfig.max_batch_size"),
    ],
)
def test_a_clients_name_for_an_option_is_told_ours(name: str, instead: str) -> None:
    """Given a client's setting among the options, When told, Then the message says what to say."""
    text = f"dataPlane: {{backplane: {{type: kafka, options: {{brokers: a, {name}: b}}}}}}"

    with pytest.raises(ConfigurationError) as caught:
        load_text(text, find_plugin=find_plugin)

    (problem,) = caught.value.problems
    assert problem.message == f"unknown key '{name}'; say {instead}"
