"""Where events go, what stays in order, and what the channel is told."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from experimentframework_core.config import BackplaneOptions, DataPlaneOptions, effective
from experimentframework_core.testing import make_exposure, make_outcome, make_record
from experimentframework_kafka import KafkaOptions, plugin
from experimentframework_kafka._addresses import Address, AddressError, address_of, addresses
from experimentframework_kafka._backplane import ordering_key
from experimentframework_kafka._topics import topic_of

if TYPE_CHECKING:
    from ipaddress import IPv6Address

RECORD = make_record(make_exposure(experiment_name="checkout", subject_id="u-1", tenant_id="shop"))
WITHOUT_TENANT = make_record(make_exposure(tenant_id=None))


@pytest.mark.parametrize(
    ("partition_by", "key"),
    [
        ("experimentKey", "checkout"),
        ("subjectId", "u-1"),
        ("tenantId", "shop"),
        pytest.param("roundRobin", RECORD.event_id, id="roundRobin-event_id"),
    ],
)
def test_the_key_follows_partition_by(partition_by: str, key: str) -> None:
    """Given a way to partition, When a record's key is asked for, Then it is that."""
    options = KafkaOptions(brokers="one", topic="all", partition_by=partition_by)  # type: ignore[arg-type]

    found = ordering_key(RECORD, options)

    assert found == key


def test_an_event_without_the_key_goes_by_its_id() -> None:
    """Given no tenant, When events are partitioned by tenant, Then the id is the key."""
    options = KafkaOptions(brokers="one", topic="all", partition_by="tenantId")

    found = ordering_key(WITHOUT_TENANT, options)

    assert found == WITHOUT_TENANT.event_id


def test_each_topic_has_an_order_of_its_own() -> None:
    """Given a topic for each type, When types of one key differ, Then their order does too."""
    options = KafkaOptions(brokers="one", topics={"outcome": "sold"})
    records = make_record(make_exposure()), make_record(make_outcome())

    found = [ordering_key(record, options) for record in records]

    assert found == ["experiment-exposures/checkout", "sold/checkout"]


@pytest.mark.parametrize(
    ("options", "topics"),
    [
        (
            KafkaOptions(brokers="one"),
            ("experiment-exposures", "experiment-analysis-signals", "experiment-events"),
        ),
        (KafkaOptions(brokers="one", topic="all"), ("all", "all", "all")),
        (
            KafkaOptions(brokers="one", topics={"exposure": "seen", "purchase": "sold"}),
            ("seen", "experiment-analysis-signals", "sold"),
        ),
    ],
)
def test_the_topic_of_a_type(options: KafkaOptions, topics: tuple[str, ...]) -> None:
    """Given one topic, one each, or a map, When types are asked for, Then each has its topic."""
    found = tuple(topic_of(each, options) for each in ("exposure", "analysisSignal", "purchase"))

    assert found == topics


def test_the_addresses_of_brokers() -> None:
    """Given a list or a text, When addresses are asked for, Then the port is there."""
    listed = addresses(("One", "[::1]:9093"))
    text = addresses("one, [::1]:9093")

    assert listed == text == (Address("one", 9092), Address("::1", 9093))
    assert [str(each) for each in listed] == ["one:9092", "[::1]:9093"]


def test_an_address_that_nobody_has_checked_is_told_with_its_option() -> None:
    """Given options from Python, When one of the brokers is no address, Then it is named."""
    options = KafkaOptions(brokers=("one", ""))

    with pytest.raises(AddressError) as raised:
        addresses(options.brokers)

    assert str(raised.value) == (
        "the option brokers[1] does not fit: it is empty; expected host:port"
    )


LABEL = "[a-z0-9_]([a-z0-9_-]{0,8}[a-z0-9_])?"


@given(st.from_regex(rf"{LABEL}(\.{LABEL}){{0,2}}", fullmatch=True), st.integers(1, 65535))
def test_an_address_is_read_as_it_was(host: str, port: int) -> None:
    """Given any host and port, When they are written and read, Then they are the same."""
    found = address_of(str(Address(host, port)))

    assert found == Address(host, port)


@given(st.ip_addresses(v=6), st.integers(1, 65535))
def test_an_address_of_version_6_is_read_as_it_was(host: IPv6Address, port: int) -> None:
    """Given any IPv6 address, When it is written and read, Then it is the same."""
    found = address_of(str(Address(str(host), port)))

    assert found == Address(str(host), port)


def test_linger_is_the_flush_interval_of_the_channel() -> None:
    """Given lingerMs, When the channel is resolved, Then it waits so long, and takes 500."""
    options = KafkaOptions(brokers="one", linger_ms=20)
    node = BackplaneOptions(type="kafka", options=options)

    channel = effective(DataPlaneOptions(batch_size=9), node, plugin)

    assert (channel.flush_interval_ms, channel.batch_size) == (20, 500)
