"""Log lines: what they say, who hears them, what happens where a handler fails."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from experimentframework_core.backplanes.logging import (
    Level,
    LoggingBackplane,
    LoggingOptions,
    open_logging,
    plugin,
)
from experimentframework_core.errors import PartialBatchError, PermanentError, TransientError
from experimentframework_core.plugin import OpenContext
from experimentframework_core.testing import (
    BackplaneConformance,
    make_exposure,
    make_record,
    make_records,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from experimentframework_core.envelope import Record


class Listener(logging.Handler):
    """Keeps what it hears; what ``react`` raises passes through, as in a handler that does so."""

    def __init__(self, react: Callable[[logging.LogRecord], None] = lambda _: None) -> None:
        super().__init__()
        self.heard: list[logging.LogRecord] = []
        self.react = react

    def emit(self, record: logging.LogRecord) -> None:
        self.react(record)
        self.heard.append(record)

    @property
    def event_ids(self) -> list[str]:
        return [record.structured["event_id"] for record in self.heard]  # type: ignore[attr-defined]  # ours


@pytest.fixture
def logger() -> Iterator[logging.Logger]:
    """Give a logger of a new name that writes lines from INFO on."""
    logger = logging.getLogger(f"test.{uuid4()}")
    logger.setLevel(logging.INFO)
    yield logger
    logger.handlers.clear()


@pytest.fixture
def listener(logger: logging.Logger) -> Listener:
    listener = Listener()
    logger.addHandler(listener)
    return listener


async def test_an_event_is_one_line(logger: logging.Logger, listener: Listener) -> None:
    """The line is a constant and keys: for people in its text, for programs in ``structured``."""
    event = make_exposure(subject_id="u-1", tenant_id="acme")
    record = make_record(event, event_id="e-1", correlation_id="request-1")

    await LoggingBackplane(logger.name).deliver([record])

    (line,) = listener.heard
    assert line.getMessage() == (
        "experimentframework.event_published event_id='e-1' event_type='exposure'"
        " experiment='checkout' variant='express' subject='u-1' tenant='acme'"
        " correlation_id='request-1'"
    )
    assert line.__dict__["structured"] == {
        "event_id": "e-1",
        "event_type": "exposure",
        "experiment": "checkout",
        "variant": "express",
        "subject": "u-1",
        "tenant": "acme",
        "correlation_id": "request-1",
    }
    assert line.levelno == logging.INFO


async def test_an_event_cannot_begin_a_line_of_its_own(
    logger: logging.Logger, listener: Listener
) -> None:
    """Line ends and formatting signs in a subject stay inside the quotes."""
    record = make_record(make_exposure(subject_id="u\nERROR %s forged"))

    await LoggingBackplane(logger.name).deliver([record])

    assert "\n" not in listener.heard[0].getMessage()
    assert "subject='u\\nERROR %s forged'" in listener.heard[0].getMessage()


@pytest.mark.parametrize("level", ["debug", "info", "warning", "error"])
async def test_the_level_is_the_line_s(
    logger: logging.Logger, listener: Listener, level: Level
) -> None:
    """The option ``level`` is the level of the lines."""
    logger.setLevel(logging.DEBUG)
    options = LoggingOptions(level=level, logger=logger.name)

    async with open_logging(options, OpenContext(name="log")) as backplane:
        await backplane.deliver(make_records(1))

    assert [line.levelname.lower() for line in listener.heard] == [level]


async def test_a_logger_that_nobody_hears_is_warned_about(
    logger: logging.Logger, listener: Listener, caplog: pytest.LogCaptureFixture
) -> None:
    """Where the logger drops the lines, a warning says so once; delivering is no error."""
    logger.setLevel(logging.WARNING)
    options = LoggingOptions(logger=logger.name)

    async with open_logging(options, OpenContext(name="log")) as backplane:
        await backplane.deliver(make_records(2))

    assert listener.heard == []
    assert caplog.text.count("experimentframework.logging_not_heard") == 1
    assert logger.name in caplog.text


async def test_a_line_that_a_handler_refuses_is_permanent(
    logger: logging.Logger, listener: Listener
) -> None:
    """An error over one event fails that event, with the reason; all others have their lines."""
    records = make_records(3)
    listener.react = _raise_for(records[1], LookupError("no such field"))

    with pytest.raises(PartialBatchError) as caught:
        await LoggingBackplane(logger.name).deliver(records)

    ((index, reason),) = caught.value.failures.items()
    assert (index, type(reason)) == (1, PermanentError)
    assert "LookupError('no such field')" in str(reason)
    assert listener.event_ids == [records[0].event_id, records[2].event_id]


async def test_a_stream_that_is_broken_is_transient(
    logger: logging.Logger, listener: Listener
) -> None:
    """An OSError is the stream's: nothing behind it is written, so the order holds."""
    records = make_records(4)
    listener.react = _raise_for(records[1], BrokenPipeError("gone"))

    with pytest.raises(PartialBatchError) as caught:
        await LoggingBackplane(logger.name).deliver(records)

    assert {i: type(error) for i, error in caught.value.failures.items()} == dict.fromkeys(
        (1, 2, 3), TransientError
    )
    assert listener.event_ids == [records[0].event_id]


def _raise_for(record: Record, error: Exception) -> Callable[[logging.LogRecord], None]:
    def react(line: logging.LogRecord) -> None:
        if record.event_id in line.getMessage():
            raise error

    return react


_no_body = "a line has the fields by which an event is found, not its body"


class TestConformance(BackplaneConformance[LoggingOptions]):
    plugin = plugin

    @pytest.fixture
    def options(self, logger: logging.Logger, listener: Listener) -> LoggingOptions:
        listener.react = _refuse_by_subject
        return LoggingOptions(logger=logger.name)

    @pytest.mark.xfail(reason=_no_body)
    async def test_bodies_arrive_byte_for_byte(self, options: LoggingOptions) -> None:
        await super().test_bodies_arrive_byte_for_byte(options)

    @pytest.mark.xfail(reason=_no_body)
    async def test_a_large_body_arrives(self, options: LoggingOptions) -> None:
        await super().test_a_large_body_arrives(options)

    def shown(self, record: Record) -> bytes:
        return record.event_id.encode()

    async def delivered(self, options: LoggingOptions) -> list[bytes]:
        (listener,) = logging.getLogger(options.logger).handlers
        assert isinstance(listener, Listener)
        return [event_id.encode() for event_id in listener.event_ids]

    def poison(self, options: LoggingOptions) -> Record:
        return make_record(make_exposure(subject_id="poison"))

    def flaky(self, options: LoggingOptions) -> Record:
        return make_record(make_exposure(subject_id="flaky"))


def _refuse_by_subject(line: logging.LogRecord) -> None:
    subject = line.__dict__["structured"].get("subject")
    if subject == "poison":
        raise LookupError
    if subject == "flaky":
        raise BrokenPipeError
