"""Log lines: constant names with keys, warnings that do not flood."""

from __future__ import annotations

import logging
import re
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from experimentframework_core._log import Repeated, encodable, logger, placed, text_of
from experimentframework_core.errors import InvalidEventError

if TYPE_CHECKING:
    from collections.abc import Iterator


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(autouse=True)
def everything(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    with caplog.at_level(logging.DEBUG, logger="experimentframework"):
        yield


def test_a_line_has_a_name_and_keys(caplog: pytest.LogCaptureFixture) -> None:
    logger.warning("experimentframework.event_lost", count=3, why="100 %s")

    (record,) = caplog.records
    assert record.getMessage() == "experimentframework.event_lost count=3 why='100 %s'"
    assert record.structured == {"count": 3, "why": "100 %s"}  # type: ignore[attr-defined]


def test_keys_may_have_any_name(caplog: pytest.LogCaptureFixture) -> None:
    """Given keys with names that logging uses, When they are logged, Then they are said."""
    logger.warning("experimentframework.said", level="info", logger="shop", method="get")

    (record,) = caplog.records
    assert record.getMessage() == "experimentframework.said level='info' logger='shop' method='get'"


@pytest.mark.parametrize("level", ["debug", "warning", "error"])
def test_levels_are_those_of_the_standard_library(
    caplog: pytest.LogCaptureFixture, level: str
) -> None:
    getattr(logger, level)("experimentframework.said")

    assert [record.levelname for record in caplog.records] == [level.upper()]


def test_what_is_switched_off_is_not_written(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR, logger="experimentframework"):
        logger.debug("experimentframework.said")
        logger.warning("experimentframework.said")

    assert caplog.records == []


def test_a_warning_repeats_once_a_minute_with_a_count(caplog: pytest.LogCaptureFixture) -> None:
    """Given a warning every 10 s, then each minute has one line that counts those left out."""
    clock = Clock()
    warnings = Repeated(clock)

    for second in range(0, 130, 10):
        clock.now = second
        warnings.warning("experimentframework.trouble")

    messages = [record.getMessage() for record in caplog.records]
    assert messages == [
        "experimentframework.trouble",
        "experimentframework.trouble left_out=5",
        "experimentframework.trouble left_out=5",
    ]


def test_each_warning_has_a_minute_of_its_own(caplog: pytest.LogCaptureFixture) -> None:
    warnings = Repeated(Clock())

    for event in ("experimentframework.a", "experimentframework.b", "experimentframework.a"):
        warnings.warning(event)

    assert [record.getMessage() for record in caplog.records] == [
        "experimentframework.a",
        "experimentframework.b",
    ]


class Broken(logging.Handler):
    """A handler that fails, as one does whose server is away."""

    def __init__(self, error: BaseException) -> None:
        super().__init__()
        self.error = error

    def emit(self, _record: logging.LogRecord) -> None:
        raise self.error


@contextmanager
def handled_by(handler: logging.Handler) -> Iterator[None]:
    found = logging.getLogger("experimentframework")
    found.addHandler(handler)
    try:
        yield
    finally:
        found.removeHandler(handler)


def test_what_a_handler_raises_is_told_once_and_goes_no_further(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given a handler that fails, When lines are logged, Then stderr says so, once."""
    monkeypatch.setattr(logger, "_has_told", False)

    with handled_by(Broken(ValueError("the log server is away"))):
        for level in ("debug", "info", "warning", "error"):
            getattr(logger, level)("experimentframework.said")

    said = capsys.readouterr().err
    assert said.count("experimentframework.said was not logged") == 1
    assert said.count("ValueError: the log server is away") == 1


def test_no_failure_of_logging_is_told_where_that_is_switched_off(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given logging.raiseExceptions off, When a handler fails, Then nothing is said."""
    monkeypatch.setattr(logger, "_has_told", False)
    monkeypatch.setattr(logging, "raiseExceptions", False)

    with handled_by(Broken(ValueError("the log server is away"))):
        logger.error("experimentframework.said")

    assert capsys.readouterr().err == ""


def test_the_end_of_the_program_passes_through_a_log_line() -> None:
    """Given a signal handler that exits, When it interrupts a log line, Then the program ends."""
    with handled_by(Broken(SystemExit(0))), pytest.raises(SystemExit):
        logger.error("experimentframework.said")


class Mute(Exception):  # noqa: N818 - not an error of ours
    def __str__(self) -> str:
        raise RuntimeError


def test_an_error_says_something_however_badly_it_is_made() -> None:
    assert text_of(ValueError("plain")) == "plain"
    assert text_of(ValueError("\ud800")) == "\\ud800"
    assert "__str__ failed" in text_of(Mute())
    assert encodable("grün \udcff") == "grün \\udcff"


def test_an_error_of_an_application_is_named_with_its_place_only() -> None:
    """Given errors of others and of ours, When they are placed, Then only ours say their text."""
    try:
        int("secret")
    except ValueError as error:
        theirs = placed(error)

    assert re.fullmatch(r"ValueError at .*test_log\.py:\d+", theirs)
    assert placed(KeyError("secret")) == "KeyError"
    assert placed(InvalidEventError("empty", path="subject_id")) == "subject_id: empty"
