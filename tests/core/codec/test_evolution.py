"""Events of every version, from files, are read as today's payload; nothing is lost on the way."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from experimentframework_core._codec import reading
from experimentframework_core._log import Repeated
from experimentframework_core.codec import decode, decode_record, encode
from experimentframework_core.errors import InvalidEventError
from experimentframework_core.events import Payload, event
from experimentframework_core.plugin import OpenContext, Selection
from experimentframework_core.plugins import find_plugin
from experimentframework_core.schemas import upcast
from tests.core.event_strategies import own_registry

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

folder = Path(__file__).parents[1] / "data" / "evolution"


class Subscription(Payload, frozen=True, kw_only=True):
    """Today's payload, version 3.1.0."""

    subject_id: str
    amount: float
    currency: str
    plan: str
    coupon: str | None = None


def split_price(payload: dict[str, Any]) -> dict[str, Any]:
    amount, currency = payload.pop("price").split(" ")
    return payload | {"amount": float(amount), "currency": currency}


def rename(payload: dict[str, Any]) -> dict[str, Any]:
    return payload | {"subjectId": payload.pop("user"), "plan": payload.pop("tier")}


@pytest.fixture(autouse=True)
def _registry(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(reading, "_warnings", Repeated())
    with own_registry():
        event("subscription", version="3.1.0")(Subscription)
        yield


@pytest.fixture
def upcasts() -> None:
    upcast("subscription", "1.0.0", "2.0.0")(split_price)
    upcast("subscription", "2.0.0", "3.0.0")(rename)


def written(version: str) -> bytes:
    return (folder / f"{version}.json").read_bytes().rstrip()


today = Subscription(subject_id="u-42", amount=5.0, currency="EUR", plan="pro")


@pytest.mark.usefixtures("upcasts")
@pytest.mark.parametrize(
    ("version", "coupon"),
    [
        ("1.0.0", None),
        ("1.1.0", "SPRING"),
        ("2.0.0", "SPRING"),
        ("3.0.0", None),
        ("3.1.0", "SPRING"),
    ],
)
def test_a_file_of_an_older_version_reads_as_todays_payload(
    version: str, coupon: str | None
) -> None:
    """Given an event in a file, when decoded, then it is today's payload, and can be written."""
    body = written(version)

    envelope = decode(body, strict=True)

    assert envelope.payload == msgspec.structs.replace(today, coupon=coupon)
    assert envelope.schema_version == "3.1.0"
    assert (envelope.correlation_id, envelope.metadata) == ("order-7", {"samplingRate": 0.5})
    assert decode(encode(envelope), strict=True) == envelope


@pytest.mark.usefixtures("upcasts")
def test_a_file_of_a_newer_minor_version_keeps_its_new_field() -> None:
    """Given a minor version that nobody knows here, when written again, then nothing is lost."""
    body = written("3.2.0")

    envelope = decode(body, strict=True)

    assert envelope.payload == msgspec.structs.replace(today, coupon="SPRING")
    assert envelope.schema_version == "3.2.0"
    assert envelope.extra == {"payload": {"seats": 3}}
    assert encode(envelope) == body


@pytest.mark.usefixtures("upcasts")
@pytest.mark.parametrize("version", ["0.9.0", "4.0.0"])
def test_a_file_of_an_unknown_major_version_is_not_decoded(version: str) -> None:
    """Given a major version that nobody knows here, when decoded, then it is there as written."""
    body = written(version)

    envelope = decode(body, strict=True)

    assert envelope.payload == msgspec.json.decode(body)["payload"]
    assert envelope.schema_version == version
    assert encode(envelope) == body


@pytest.mark.usefixtures("upcasts")
@pytest.mark.parametrize("file", sorted(folder.glob("*.json")), ids=lambda file: file.stem)
def test_a_record_keeps_the_bytes_of_its_version(file: Path) -> None:
    """Given a file of any version, when read as a record, then its bytes are as they were."""
    body = file.read_bytes().rstrip()

    record = decode_record(body)

    assert (record.body, record.schema_version) == (body, file.stem)


def raises(payload: dict[str, Any]) -> dict[str, Any]:
    payload["metadata"] = "gone"
    raise LookupError("no price list")


def exits(payload: dict[str, Any]) -> dict[str, Any]:
    raise AssertionError


def no_amount(payload: dict[str, Any]) -> dict[str, Any]:
    return split_price(payload) | {"amount": "five"}


def nothing(payload: dict[str, Any]) -> None:
    payload.clear()


def no_json(payload: dict[str, Any]) -> dict[str, Any]:
    return {**payload, "made": object()}


def no_keys(payload: dict[str, Any]) -> dict[Any, Any]:
    return {**payload, (1, 2): "made"}


WRONG = [
    (raises, "the upcast of subscription from 1.0.0 to 2.0.0 raised LookupError('no price list')"),
    (exits, "the upcast of subscription from 1.0.0 to 2.0.0 raised AssertionError()"),
    (nothing, "from 1.0.0 to 2.0.0 returned NoneType; a dict is needed"),
    (no_json, "from 1.0.0 to 2.0.0 returned what has no JSON form: Encoding objects of type"),
    (no_keys, "from 1.0.0 to 2.0.0 returned what has no JSON form: Only dicts with str-like"),
    (no_amount, "Expected `float`, got `str`"),
]


@pytest.mark.parametrize(("lift", "says"), WRONG, ids=lambda each: getattr(each, "__name__", ""))
def test_a_wrong_upcast_is_told_with_the_event_and_the_versions(
    lift: Callable[[dict[str, Any]], dict[str, Any]], says: str
) -> None:
    """Given an upcast that raises or returns rubbish, when strict, then the error says all."""
    upcast("subscription", "1.0.0", "2.0.0")(lift)
    upcast("subscription", "2.0.0", "3.0.0")(rename)

    with pytest.raises(InvalidEventError) as caught:
        decode(written("1.0.0"), strict=True)

    assert (
        "upcast from subscription 1.0.0 failed on the way to 3.1.0,"
        " event 0198c5a0-0000-7000-8000-000000000100: " in str(caught.value)
    )
    assert says in str(caught.value)
    assert caught.value.path == ("payload.amount" if lift is no_amount else "payload")


@pytest.mark.parametrize(("lift", "says"), WRONG, ids=lambda each: getattr(each, "__name__", ""))
def test_what_a_wrong_upcast_leaves_is_the_event_as_it_was_written(
    lift: Callable[[dict[str, Any]], dict[str, Any]],
    says: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Given a wrong upcast, when decoded, then the event is raw, and the log says why, once."""
    upcast("subscription", "1.0.0", "2.0.0")(lift)
    upcast("subscription", "2.0.0", "3.0.0")(rename)
    body = written("1.0.0")

    with caplog.at_level(logging.WARNING, "experimentframework"):
        envelopes = [decode(body) for _ in range(3)]

    assert [encode(envelope) for envelope in envelopes] == [body] * 3
    assert envelopes[0].payload == msgspec.json.decode(body)["payload"]
    (line,) = caplog.messages
    assert line.startswith("experimentframework.upcast_failed error=")


def test_an_upcast_that_changes_what_is_inside_leaves_a_raw_event_whole() -> None:
    """Given an upcast that fails after changes deep inside, when decoded, then none is seen."""

    @upcast("subscription", "1.0.0", "3.0.0")
    def spoil(payload: dict[str, Any]) -> dict[str, Any]:
        payload["lines"][0]["plan"] = "spoilt"
        raise ValueError

    body = msgspec.json.encode(
        msgspec.json.decode(written("1.0.0")) | {"payload": {"lines": [{"plan": "pro"}]}}
    )

    envelope = decode(body)

    assert envelope.payload == {"lines": [{"plan": "pro"}]}


def test_what_an_upcast_returns_is_json_afterwards() -> None:
    """Given an upcast that gives other types than JSON has, when decoded, then they are JSON."""
    keep: list[int] = [1]
    upcast("subscription", "1.0.0", "3.0.0")(
        lambda payload: {"subjectId": "u", "amount": 1, "currency": "", "plan": "", "more": keep}
    )

    envelope = decode(written("1.0.0"), strict=True)
    keep.append(2)

    assert envelope.extra == {"payload": {"more": [1]}}
    assert decode(encode(envelope), strict=True) == envelope


def test_the_upcast_that_starts_nearest_is_taken() -> None:
    """Given one from 1.0.0 and one from 1.1.0, when both are read, then each takes its own."""
    start = {"subjectId": "u", "amount": 1.0, "currency": "EUR"}
    upcast("subscription", "1.0.0", "3.0.0")(lambda payload: start | {"plan": "of 1.0.0"})
    upcast("subscription", "1.1.0", "3.0.0")(lambda payload: start | {"plan": "of 1.1.0"})

    plans = [decode(written(version)).payload.plan for version in ("1.0.0", "1.1.0")]

    assert plans == ["of 1.0.0", "of 1.1.0"]


@pytest.mark.usefixtures("upcasts")
@pytest.mark.parametrize("kind", ["sqlite", "inMemory"])
async def test_readers_lift_what_was_stored_in_another_version(kind: str, tmp_path: Path) -> None:
    """Given files of all versions in a store, when read back, then each is what decode gives."""
    bodies = [written(file.stem) for file in sorted(folder.glob("*.json"))]
    plugin = find_plugin(kind)
    where = {"path": str(tmp_path / "a.db")} if kind == "sqlite" else {"store": "evolution"}
    options = plugin.options(**where)
    async with plugin.open(options, OpenContext(name="old")) as backplane:
        await backplane.deliver([decode_record(body) for body in bodies])
    assert plugin.read is not None

    read = [envelope async for envelope in plugin.read(options, Selection())]

    assert read == [decode(body, strict=True) for body in bodies]
    assert {type(each.payload) for each in read} == {Subscription, dict}
