"""A batch of aiokafka's that takes many messages at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiokafka.producer.message_accumulator import BatchBuilder

if TYPE_CHECKING:
    from collections.abc import Iterable

    from experimentframework_kafka._message import Message


class Batch(BatchBuilder):  # type: ignore[misc]
    """Records as the brokers take them.

    `append` of aiokafka's class only hands on to its compiled builder, and takes a tenth of
    what an event costs; `fill` gives the messages to that builder.
    """

    def fill(self, messages: Iterable[Message]) -> int:
        """Append messages until one does not fit, close the batch, and return how many it has."""
        append, number = self._builder.append, 0
        for key, value, timestamp, headers in messages:
            if append(number, timestamp, key, value, headers) is None:
                break
            number += 1
        self._relative_offset = number
        self.close()
        return number
