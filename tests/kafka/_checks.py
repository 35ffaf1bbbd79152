"""What the tests of checks share."""

from __future__ import annotations

from experimentframework_core.units import Secret
from experimentframework_kafka import KafkaOptions, KafkaSecurity
from experimentframework_kafka._check import check_kafka

SECRET = Secret("hunter2")


def options(**said: object) -> KafkaOptions:
    """Return options of one broker, with these said."""
    return KafkaOptions(**{"brokers": "one:9092", **said})  # type: ignore[arg-type]


def secured(**said: object) -> KafkaOptions:
    """Return options with this said of security."""
    return options(security=KafkaSecurity(**said))  # type: ignore[arg-type]


def said(bad: KafkaOptions) -> list[tuple[object, ...]]:
    """Return what is wrong with options, without what was looked at, errors without severity."""
    return [finding[:3] if "warning" in finding else finding[:2] for finding in check_kafka(bad)]
