"""The Kafka backplane: events into Apache Kafka, in order by key, at least once."""

from __future__ import annotations

from experimentframework_core.plugin import BackplanePlugin, Features
from experimentframework_kafka._backplane import channel_defaults, open_kafka, ordering_key
from experimentframework_kafka._check import check_kafka
from experimentframework_kafka._client_settings import other_names
from experimentframework_kafka._options import KafkaOptions, KafkaSecurity, KafkaTopicCreation
from experimentframework_kafka._reader import read_kafka, read_records

__all__ = ["KafkaOptions", "KafkaSecurity", "KafkaTopicCreation", "plugin"]

plugin = BackplanePlugin(
    type="kafka",
    options=KafkaOptions,
    open=open_kafka,
    features=Features(ordered=True, durable=True, readable=True, partial_failures=True),
    read=read_kafka,
    read_records=read_records,
    check=check_kafka,
    channel_defaults=channel_defaults,
    ordering_key=ordering_key,
    other_names=other_names(),
)
