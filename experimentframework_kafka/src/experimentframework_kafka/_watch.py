"""Notices partitions that do not answer any more. Pure: how long was waited is an argument."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aiokafka.structs import TopicPartition


class Watch:
    """What is known of the answers of each partition.

    Only the time that is spent waiting counts: who takes long over an event finds nothing silent.
    """

    def __init__(self, patience: float) -> None:
        """Call a partition silent after ``patience`` seconds."""
        self._patience = patience
        self._answered: dict[TopicPartition, tuple[int | None, float]] = {}

    def silent(
        self, answers: Mapping[TopicPartition, int | None], waited: float
    ) -> list[TopicPartition]:
        """Return the partitions whose last answer has stayed the same for too long.

        Args:
            answers: When each partition answered last, on any clock; None if it never did.
            waited: How long was waited until now, all in all.
        """
        before, self._answered = self._answered, {}
        for partition, at in answers.items():
            known = before.get(partition)
            unchanged = known is not None and known[0] == at
            self._answered[partition] = known if known and unchanged else (at, waited)
        return [
            partition
            for partition, (_, since) in self._answered.items()
            if waited - since > self._patience
        ]
