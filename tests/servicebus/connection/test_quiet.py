"""The client's log lines are for developers."""

from __future__ import annotations

import logging

import pytest

from experimentframework_servicebus._connection.calls import Calls
from experimentframework_servicebus._connection.quiet import quieten

NAME = "azure.servicebus.of_this_test"


@pytest.mark.parametrize(("level", "written"), [(logging.WARNING, 0), (logging.DEBUG, 1)])
def test_a_line_is_written_where_lines_for_developers_are(
    caplog: pytest.LogCaptureFixture, level: int, written: int
) -> None:
    """Given the client's logger, When it has an error, Then only developers read it."""
    logger = logging.getLogger(NAME)
    caplog.set_level(level, NAME)
    quieten()

    logger.error("connection lost")

    assert len(caplog.records) == written


def test_other_loggers_are_left_alone(caplog: pytest.LogCaptureFixture) -> None:
    """Given another logger, When the client is quiet, Then its lines are written."""
    logger = logging.getLogger("azure.core.of_this_test")
    quieten()

    logger.error("of somebody else")

    assert len(caplog.records) == 1


@pytest.mark.parametrize(("ours", "written"), [(True, 0), (False, 1)])
async def test_a_lost_connection_is_not_told_by_asyncio_for_each_write_of_ours(
    caplog: pytest.LogCaptureFixture,
    ours: bool,  # noqa: FBT001
    written: int,
) -> None:
    """Given it is lost, When a call or somebody else writes, Then only the other is told."""
    quieten()

    async def write() -> None:
        logging.getLogger("asyncio").warning("socket.send() raised exception.")

    await (Calls().run(write(), 5, name="write") if ours else write())

    assert len(caplog.records) == written
