"""The client's log lines repeat at most once a minute."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from experimentframework_kafka._quiet import OncePerInterval, quieten

if TYPE_CHECKING:
    import pytest


class _Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def _line(text: str = "Broken by %s", level: int = logging.ERROR) -> logging.LogRecord:
    return logging.LogRecord("aiokafka.client", level, "", 0, text, ("node 1",), None)


def test_a_line_comes_once_and_then_with_the_number_left_out() -> None:
    """Given a line a second, When a minute is over, Then it comes again and tells how many."""
    clock = _Clock()
    once = OncePerInterval(clock)

    written = []
    for second in range(61):
        clock.now = second
        line = _line()
        if once.filter(line):
            written.append(line.getMessage())

    assert written == [
        "Broken by node 1",
        "Broken by node 1 (59 more like it since the last)",
    ]


def test_lines_of_other_kinds_come_too() -> None:
    """Given a line was written, When another kind comes, Then it is written as well."""
    once = OncePerInterval(_Clock())
    once.filter(_line())

    found = [once.filter(_line("%s is back")), once.filter(_line(level=logging.WARNING))]

    assert found == [True, True]


def test_lines_for_developers_always_come() -> None:
    """Given debug is on, When a line repeats, Then it is written each time."""
    once = OncePerInterval(_Clock())

    found = [once.filter(_line(level=logging.DEBUG)) for _ in range(3)]

    assert found == [True, True, True]


def test_what_our_own_errors_tell_is_left_out() -> None:
    """Given a line whose matter is raised as an error, When it comes, Then it is not written."""
    once = OncePerInterval(_Clock())

    found = once.filter(_line("Unable connect to node with id %s: %s"))

    assert not found


def test_what_our_own_errors_tell_is_there_for_developers(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Given debug is on, When such a line comes, Then it is written."""
    once = OncePerInterval(_Clock())

    with caplog.at_level(logging.DEBUG, "aiokafka.client"):
        found = once.filter(_line("Unable connect to node with id %s: %s"))

    assert found


def test_all_loggers_of_the_client_have_it() -> None:
    """Given the client is imported, When it is quietened twice, Then each logger has one filter."""
    import aiokafka  # noqa: F401

    quieten()
    quieten()

    filters = logging.getLogger("aiokafka.conn").filters
    assert [type(each) for each in filters] == [OncePerInterval]
