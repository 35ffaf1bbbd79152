"""Writes one log line per event."""

from __future__ import annotations

import asyncio
import logging
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Annotated, Literal

import msgspec

from experimentframework_core.errors import PartialBatchError, PermanentError, TransientError
from experimentframework_core.plugin import (
    BackplanePlugin,
    ChannelSettings,
    Features,
    OpenContext,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from experimentframework_core.envelope import Record

Level = Literal["debug", "info", "warning", "error"]

event_name = "experimentframework.event_published"
_lines_per_turn = 50


class LoggingOptions(ChannelSettings, frozen=True, kw_only=True, rename="camel"):
    """Options of the type ``logging``.

    Attributes:
        level: The level of the lines.
        logger: The name of the standard library's logger that writes them.
    """

    level: Level = "info"
    logger: Annotated[str, msgspec.Meta(min_length=1)] = "experimentframework.events"


class LoggingBackplane:
    """Writes each event's routing fields, not its payload, as one line."""

    def __init__(
        self, logger: str = "experimentframework.events", *, level: Level = "info"
    ) -> None:
        """Write to the logger of that name, at ``level``."""
        self._logger = logging.getLogger(logger)
        self._level = logging.getLevelNamesMapping()[level.upper()]

    @property
    def is_heard(self) -> bool:
        """Whether the logger writes lines of this level at all."""
        return self._logger.isEnabledFor(self._level)

    async def deliver(self, batch: Sequence[Record]) -> None:
        """Write a line for each record.

        Most handlers swallow their own trouble. Where one does not: an OSError is the stream's
        trouble, so this record and those behind it come again; anything else is this record's.
        """
        failures: dict[int, TransientError | PermanentError] = {}
        for index, record in enumerate(batch):
            try:
                self._write(record)
            except OSError as error:
                late = TransientError(f"cannot write a line to {self._logger.name!r}: {error}")
                failures |= dict.fromkeys(range(index, len(batch)), late)
                break
            except Exception as error:  # noqa: BLE001 - a handler may raise whatever it likes
                failures[index] = PermanentError(
                    f"the handlers of {self._logger.name!r} refuse the event: {error!r}"
                )
            if index % _lines_per_turn == _lines_per_turn - 1:
                await asyncio.sleep(0)
        if failures:
            raise PartialBatchError(failures)

    def _write(self, record: Record) -> None:
        if not self.is_heard:
            return
        fields = {
            "event_id": record.event_id,
            "event_type": record.event_type,
            "experiment": record.experiment,
            "variant": record.variant,
            "subject": record.subject,
            "tenant": record.tenant,
            "correlation_id": record.correlation_id,
        }
        given = {name: value for name, value in fields.items() if value is not None}
        text = " ".join(f"{name}={value!r}" for name, value in given.items())
        self._logger.log(self._level, "%s %s", event_name, text, extra={"structured": given})


@asynccontextmanager
async def open_logging(
    options: LoggingOptions, context: OpenContext
) -> AsyncIterator[LoggingBackplane]:
    """Open the logger; warns once where nobody would see its lines."""
    backplane = LoggingBackplane(options.logger, level=options.level)
    if not backplane.is_heard:
        from experimentframework_core._log import logger

        logger.warning(
            "experimentframework.logging_not_heard",
            backplane=context.name,
            logger=options.logger,
            level=options.level,
        )
    yield backplane


plugin = BackplanePlugin(
    type="logging",
    options=LoggingOptions,
    open=open_logging,
    features=Features(ordered=True, partial_failures=True),
)
