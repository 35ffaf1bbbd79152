"""librdkafka's mock cluster, which answers with the errors that a test asks for.

It comes with the wheel of confluent-kafka; Python has no interface to it, so ctypes calls it. It
checks no sequence numbers: nothing about idempotence can be shown with it.
"""

from __future__ import annotations

import ctypes
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import confluent_kafka

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

PRODUCE: Final = 0
CUT: Final = -195
"""The code that stands for: cut the connection."""

NOBODY: Final = -1
"""The leader of a partition that has none."""

_PRODUCER = 0


def library() -> Path | None:
    """Return the library of the wheel; None where confluent-kafka was built in another way."""
    beside = Path(confluent_kafka.__file__).parents[1] / "confluent_kafka.libs"
    return next(iter(sorted(beside.glob("librdkafka*.so*"))), None)


class MockCluster:
    """Brokers in this process.

    Attributes:
        brokers: Where they listen.
    """

    def __init__(self, number: int = 3) -> None:
        """Store how many brokers there are."""
        self._number = number

    def __enter__(self) -> Self:
        self._library = ctypes.CDLL(str(library()))
        said = ctypes.create_string_buffer(512)
        pointer = ctypes.c_void_p
        settings = self._call("rd_kafka_conf_new", result=pointer)
        self._client = pointer(
            self._call(
                "rd_kafka_new", _PRODUCER, pointer(settings), said, len(said), result=pointer
            )
        )
        assert self._client, said.value
        self._cluster = pointer(
            self._call("rd_kafka_mock_cluster_new", self._client, self._number, result=pointer)
        )
        self.brokers: str = self._call(
            "rd_kafka_mock_cluster_bootstraps", self._cluster, result=ctypes.c_char_p
        ).decode()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._call("rd_kafka_mock_cluster_destroy", self._cluster)
        self._call("rd_kafka_destroy", self._client)

    def create_topic(self, topic: str, partitions: int) -> None:
        """Make a topic."""
        self._call("rd_kafka_mock_topic_create", self._cluster, topic.encode(), partitions, 1)

    def answer(self, api: int, *codes: int) -> None:
        """Have the next requests of a kind answered with these errors, one each."""
        self._call(
            "rd_kafka_mock_push_request_errors_array",
            self._cluster,
            ctypes.c_int16(api),
            ctypes.c_size_t(len(codes)),
            (ctypes.c_int * len(codes))(*codes),
        )

    def lead(self, topic: str, partition: int, broker: int) -> None:
        """Have a broker lead a partition."""
        self._call(
            "rd_kafka_mock_partition_set_leader",
            self._cluster,
            topic.encode(),
            ctypes.c_int32(partition),
            ctypes.c_int32(broker),
        )

    def _call(self, name: str, *arguments: object, result: Any = None) -> Any:
        function = getattr(self._library, name)
        function.restype = result
        return function(*arguments)
