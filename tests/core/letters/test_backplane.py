"""Dead letters delivered to a backplane, as events whose originals come back byte for byte."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from experimentframework_core import codec
from experimentframework_core._letters.backplane import CLOSE_TIMEOUT, as_record
from experimentframework_core.backplanes.sqlite import SqliteOptions
from experimentframework_core.backplanes.sqlite import plugin as sqlite_plugin
from experimentframework_core.deadletter import BackplaneDeadLetters, letter_of
from experimentframework_core.errors import (
    InvalidEventError,
    PartialBatchError,
    PermanentError,
    TransientError,
    UnavailableError,
)
from experimentframework_core.plugin import ChannelSettings, OpenContext, Selection
from experimentframework_core.testing import (
    FaultyBackplane,
    Hang,
    deliver,
    fail,
    make_exposure,
    make_record,
    refuse,
)
from experimentframework_core.units import Secret
from tests.core._planes import in_virtual_time, sunk
from tests.core.letters._letters import NOON, make_letter

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from pathlib import Path

    from experimentframework_core.deadletter import DeadLetter


def store_before(
    faulty: FaultyBackplane,
    *opening: BaseException | None,
    options: ChannelSettings | None = None,
) -> BackplaneDeadLetters:
    context = OpenContext(name="kafka.deadLetter", delivery_timeout=10)
    return BackplaneDeadLetters(
        faulty.plugin(opening), options or ChannelSettings(), context, open_timeout=5
    )


class Keyed(ChannelSettings, frozen=True, kw_only=True):
    """Options with a secret."""

    key: Secret = Secret("hunter2")


def test_what_it_raises_quotes_no_secret() -> None:
    """Given a backplane that quotes its key, When it refuses a letter, Then the error does not."""

    async def scenario() -> None:
        faulty = FaultyBackplane([fail(PermanentError("wrong key hunter2"))])
        store = store_before(faulty, options=Keyed())

        with pytest.raises(UnavailableError) as caught:
            await store.write([make_letter()])

        assert str(caught.value).endswith("does not take 1 dead letters: wrong key ***")
        await store.aclose()

    run(scenario())


def arrived(faulty: FaultyBackplane) -> list[DeadLetter]:
    return [letter_of(record) for record in sunk(faulty)]


def run(coroutine: Coroutine[Any, Any, None]) -> None:
    in_virtual_time(coroutine)


DEEP = b"[" * 62 + b"]" * 62
BODIES = [
    make_record(
        make_exposure(attributes={"price": 1.0, "big": 1e22, "text": 'ü"\\\n\U0001f600'})
    ).body,
    b'{"eventId":"a" , "x":[1, 2]}',
    b'{"a":1,"a":2}',
    b'"\\u00e9"',
    b'{"line":\n1}',
    b"\xff\xfe",
    b"",
    DEEP,
]


@pytest.mark.parametrize("body", BODIES, ids=range(len(BODIES)))
def test_the_event_s_bytes_come_back_exactly(body: bytes) -> None:
    """Given any bytes, When the letter is an event, Then its bytes and its story come back."""
    letter = make_letter(body=body, traceback="File …", last_at=NOON + timedelta(microseconds=1))

    record = as_record(letter)
    read = codec.decode(record.body)

    assert letter_of(record) == letter
    assert letter_of(read) == letter


@pytest.mark.parametrize("body", BODIES, ids=range(len(BODIES)))
def test_the_letter_is_a_canonical_event(body: bytes) -> None:
    """Given any bytes, When the letter is an event, Then every reader of events takes it."""
    record = as_record(make_letter(body=body))

    assert codec.decode_record(record.body) == record
    assert codec.encode(codec.decode(record.body)) == record.body
    assert (record.event_type, record.schema_version) == ("deadLetter", "1.0.0")
    assert (record.experiment, record.timestamp) == ("checkout", NOON)


def test_the_event_has_no_path_of_this_machine() -> None:
    """Given a letter with an origin, When it is an event, Then that is not told."""
    record = as_record(make_letter(origin="/srv/experiments.yaml"))

    assert b"/srv" not in record.body
    assert letter_of(record).origin == ""


def test_the_id_is_that_of_the_event_and_its_backplane() -> None:
    """Given letters, When they tell of one event at one backplane, Then they have one id."""
    letters = [
        make_letter("a"),
        make_letter("a", attempts=9, reason="attempts"),
        make_letter("a", backplane="store"),
        make_letter("b"),
    ]

    first, again, elsewhere, other = (as_record(letter).event_id for letter in letters)

    assert first == again
    assert len({first, elsewhere, other, "a", "b"}) == 5


def test_a_name_that_no_destination_takes_is_left_out() -> None:
    """Given an experiment that was too long, Then the letter does not fail for the same reason."""
    letter = make_letter(experiment="x" * 129)

    record = as_record(letter)

    assert record.experiment is None
    assert letter_of(record).body == letter.body


def test_another_event_is_no_letter() -> None:
    with pytest.raises(InvalidEventError, match="'exposure' is no 'deadLetter'"):
        letter_of(make_record())


def test_a_letter_without_its_event_is_not_whole() -> None:
    envelope = codec.decode(as_record(make_letter()).body)
    del envelope.payload["event"]

    with pytest.raises(InvalidEventError, match="the event is missing"):
        letter_of(envelope)


async def test_it_is_read_back_from_the_embedded_store(tmp_path: Path) -> None:
    """Given a real destination, When a letter is written twice, Then it is there once, whole."""
    options = SqliteOptions(path=str(tmp_path / "letters.db"))
    store = BackplaneDeadLetters(
        sqlite_plugin, options, OpenContext(name="kafka.deadLetter"), open_timeout=5
    )
    assert sqlite_plugin.read is not None

    await store.write([make_letter("a")])
    await store.write([make_letter("a")])
    await store.aclose()

    found = [letter_of(each) async for each in sqlite_plugin.read(options, Selection())]
    assert found == [make_letter("a", body=found[0].body)]
    assert codec.decode_record(found[0].body).event_id == "a"


def test_it_opens_with_the_first_letter_and_closes() -> None:
    async def story() -> None:
        faulty = FaultyBackplane()
        store = store_before(faulty)
        await store.write([])
        before = faulty.opened

        await store.write([make_letter("a")])
        await store.write([make_letter("b")])
        await store.aclose()

        assert (before, faulty.opened, faulty.closed) == (0, 1, 1)
        assert [each.event_id for each in arrived(faulty)] == ["a", "b"]
        assert store.location == "backplane faulty (kafka.deadLetter)"

    run(story())


def test_what_cannot_be_opened_or_fails_is_tried_again() -> None:
    """Given a destination that is down, When it heals, Then the next writing succeeds."""

    async def story() -> None:
        faulty = FaultyBackplane([fail(TransientError("down"))])
        store = store_before(faulty, UnavailableError("no such host"))

        with pytest.raises(UnavailableError, match="no such host"):
            await store.write([make_letter("a")])
        with pytest.raises(TransientError, match="down"):
            await store.write([make_letter("a")])
        await store.write([make_letter("a")])

        assert [each.event_id for each in arrived(faulty)] == ["a"]
        await store.aclose()

    run(story())


@pytest.mark.parametrize("partially", [True, False])
def test_one_bad_letter_does_not_hinder_the_others(partially: bool) -> None:  # noqa: FBT001
    """Given a letter that is refused for ever, Then the others arrive, once, and it is said."""

    async def story() -> None:
        bad = as_record(make_letter("e-3")).event_id
        no = refuse(lambda record: record.event_id == bad, partially=partially)
        faulty = FaultyBackplane(afterwards=no)
        store = store_before(faulty)
        letters = [make_letter(f"e-{number}") for number in range(6)]

        for _ in range(2):
            with pytest.raises(UnavailableError, match="does not take 1 dead letters: the record"):
                await store.write(letters)

        assert [each.event_id for each in arrived(faulty)] == ["e-0", "e-1", "e-2", "e-4", "e-5"]
        await store.aclose()

    run(story())


def test_what_fails_for_now_is_transient() -> None:
    async def story() -> None:
        busy = PartialBatchError({1: TransientError("busy")})
        faulty = FaultyBackplane([fail(busy, after=1), deliver])
        store = store_before(faulty)
        letters = [make_letter("a"), make_letter("b")]

        with pytest.raises(TransientError, match="does not take 1 dead letters: busy"):
            await store.write(letters)
        await store.write(letters)

        assert [each.event_id for each in arrived(faulty)] == ["a", "b"]
        await store.aclose()

    run(story())


def test_a_delivery_that_hangs_is_given_up_and_the_backplane_opened_anew() -> None:
    async def story() -> None:
        faulty = FaultyBackplane([Hang(stubborn=1)])
        store = store_before(faulty)

        with pytest.raises(TransientError, match="no answer in time"):
            await store.write([make_letter("a")])
        await store.write([make_letter("a")])

        assert (faulty.opened, len(arrived(faulty))) == (2, 1)
        await store.aclose()

    run(story())


def test_letters_go_in_batches() -> None:
    """Given a plugin's batch size, When there are more letters, Then no delivery is larger."""

    async def story() -> None:
        faulty = FaultyBackplane()
        store = store_before(faulty, options=ChannelSettings(batch_size=4))

        await store.write([make_letter(f"e-{number}") for number in range(10)])

        assert [len(call.batch) for call in faulty.calls] == [4, 4, 2]
        await store.aclose()

    run(story())


def test_a_close_that_hangs_is_left_behind(caplog: pytest.LogCaptureFixture) -> None:
    async def story() -> None:
        import asyncio
        from contextlib import asynccontextmanager

        faulty = FaultyBackplane()
        plugin = faulty.plugin()

        @asynccontextmanager
        async def opening(options: Any, context: OpenContext) -> Any:
            async with plugin.open(options, context) as backplane:
                yield backplane
                await asyncio.sleep(1000)

        store = BackplaneDeadLetters(
            msgspec.structs.replace(plugin, open=opening),
            ChannelSettings(),
            OpenContext(name="x"),
            open_timeout=5,
        )
        await store.write([make_letter("a")])
        before = asyncio.get_running_loop().time()

        await store.aclose()

        assert asyncio.get_running_loop().time() - before == pytest.approx(CLOSE_TIMEOUT)
        assert "close_failed" in caplog.text

    run(story())


def test_a_refusal_of_all_is_no_reason_to_give_up() -> None:
    async def story() -> None:
        store = store_before(FaultyBackplane(afterwards=fail(PermanentError("no such topic"))))

        with pytest.raises(UnavailableError, match="does not take 2 dead letters: no such topic"):
            await store.write([make_letter("a"), make_letter("b")])
        await store.aclose()

    run(story())
