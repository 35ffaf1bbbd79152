"""One call of ``deliver``: what is sent, what is stored, and what failed."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from azure.servicebus.exceptions import ServiceBusError

from experimentframework_core.errors import (
    PartialBatchError,
    PermanentError,
    TransientError,
    UnavailableError,
)
from experimentframework_servicebus._connection.errors import failure_of, refuses_content
from experimentframework_servicebus._sending.batches import groups_of
from experimentframework_servicebus._sending.message import message_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from collections.abc import Set as AbstractSet

    from experimentframework_core.envelope import Record
    from experimentframework_servicebus._connection.errors import Failure
    from experimentframework_servicebus._options import ServiceBusOptions
    from experimentframework_servicebus._sending.batches import Group
    from experimentframework_servicebus._sending.message import Message
    from experimentframework_servicebus._sending.sender import Sender


class Delivery:
    """The records of one call, by their indexes.

    Attributes:
        stored: What the service has.
        failures: Why records failed.
    """

    def __init__(
        self,
        batch: Sequence[Record],
        options: ServiceBusOptions,
        confirmed: AbstractSet[str],
    ) -> None:
        """Begin with nothing sent but the event ids of ``confirmed``."""
        self._batch = batch
        self._options = options
        self.stored: set[int] = set()
        if confirmed:
            self.stored.update(
                index for index, record in enumerate(batch) if record.event_id in confirmed
            )
        self.failures: dict[int, Failure] = {}

    async def run(self, sender_of: Callable[[str], Sender], until: float) -> None:
        """Send everything, each queue or topic at the same time and in order by itself."""
        waiting = (index for index in range(len(self._batch)) if index not in self.stored)
        parts = [
            self._send_to(groups, sender_of(entity), until)
            for entity, groups in groups_of(self._batch, waiting, self._options).items()
        ]
        if len(parts) == 1:
            await parts[0]
            return
        async with asyncio.TaskGroup() as tasks:
            for part in parts:
                tasks.create_task(part)

    def stored_ids(self) -> set[str]:
        """Return the ids of the events that the service has."""
        return {self._batch[index].event_id for index in self.stored}

    def raise_failures(self) -> None:
        """Raise what the channel is to know.

        Raises:
            TransientError: Nothing is stored; or, as UnavailableError, and somebody must act.
            PartialBatchError: All records that it does not name are stored.
        """
        failures = self.failures
        if not failures:
            return
        if len(failures) == len(self._batch) and not any(
            isinstance(error, PermanentError) for error in failures.values()
        ):
            raise next(
                (error for error in failures.values() if isinstance(error, UnavailableError)),
                failures[min(failures)],
            )
        raise PartialBatchError(failures)

    async def _send_to(self, groups: Sequence[Group], sender: Sender, until: float) -> None:
        """Send one group after the other, until one fails for now: then none of the rest."""
        stopped: TransientError | None = None
        for group in groups:
            if stopped is None:
                stopped = await self._send_group(group, sender, until)
            if stopped is not None:
                for index in group.indexes:
                    if index not in self.stored:
                        self.failures.setdefault(index, stopped)

    async def _send_group(
        self, group: Group, sender: Sender, until: float
    ) -> TransientError | None:
        """Send the records of a group in order; return what stops it, if anything does."""
        messages = self._messages(group)
        portions = [list(messages)] if messages else []
        while portions:
            portion = portions.pop()
            try:
                number = await sender.send([messages[index] for index in portion], until)
            except (ServiceBusError, TimeoutError) as error:
                if refuses_content(error) and len(portion) > 1:
                    middle = len(portion) // 2
                    portions += (portion[middle:], portion[:middle])
                    continue
                failure = failure_of(error, "send to", group.entity, self._options)
                if isinstance(failure, TransientError):
                    return failure
                self.failures[portion[0]] = failure
                continue
            self.stored.update(portion[:number])
            if number < len(portion):
                portions.append(portion[number:])
        return None

    def _messages(self, group: Group) -> dict[int, Message]:
        messages: dict[int, Message] = {}
        for index in group.indexes:
            try:
                messages[index] = message_of(self._batch[index], self._options)
            except PermanentError as error:
                self.failures[index] = error
        return messages
