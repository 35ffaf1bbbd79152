"""The client's log lines are for developers."""

from __future__ import annotations

import logging

import pytest

from experimentframework_servicebus._quiet import quieten

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
