"""Custom payload classes are sealed as the codec would have it, however they are made."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import Enum, IntEnum, StrEnum
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from experimentframework_core.events import Payload, event
from tests.core.event_strategies import json_objects, own_registry, without_wire_form
from tests.core.gate._sealing import check

if TYPE_CHECKING:
    from collections.abc import Iterator

NAMES_OF_GENERATED_CODE = (
    "event", "type", "len", "dict", "str", "int", "bool", "float", "key", "value", "body", "encode",
    "version", "event_type", "event_id", "traceparent", "metadata", "carefully", "datetime", "now",
    "record", "is_plain", "result", "self", "seal", "range", "isinstance", "sealed", "max_bytes",
)  # fmt: skip


@pytest.fixture(autouse=True)
def _registry() -> Iterator[None]:
    with own_registry():
        yield


@pytest.mark.parametrize("name", NAMES_OF_GENERATED_CODE)
def test_a_field_may_have_any_name(name: str) -> None:
    """Given a payload with a field of a common name, when it is sealed, nothing is mixed up."""
    fields: list[Any] = [(name, str), ("attributes", dict[str, Any] | None, None), ("other", str)]
    kind = msgspec.defstruct("Custom", fields, frozen=True, kw_only=True, rename="camel")
    event("customName")(kind)

    payload = kind(**{name: "mine", "other": "last", "attributes": {"a": 1}})

    check(payload, metadata={"host": "a"}, correlation_id="c-1")


def test_a_field_may_be_named_as_a_keyword() -> None:
    """Given a payload with a field named ``class``, when it is sealed, then it is written."""
    kind = msgspec.defstruct("Custom", [("class", str)], frozen=True, rename="camel")
    event("customKeyword")(kind)

    check(kind("first"))


class Size(IntEnum):
    SMALL = 1
    LARGE = 2


class Shop(StrEnum):
    EAST = "east"


class Level(Enum):
    LOW = 1
    HIGH = 2


class Purchase(Payload, frozen=True, kw_only=True):
    """A custom payload with a field of every kind."""

    experiment_name: str
    variant_key: str | None = None
    subject_id: str | None = None
    tenant_id: str
    amount: float
    count: int
    maybe: int | float | None = None
    shop: Shop
    level: Level | None = None
    paid: bool
    at: datetime
    attributes: dict[str, Any]


purchases = st.builds(
    Purchase,
    experiment_name=st.text(min_size=1, max_size=128) | without_wire_form,
    variant_key=st.none() | st.text(min_size=1, max_size=128) | without_wire_form,
    subject_id=st.none() | st.text(min_size=1, max_size=256) | without_wire_form,
    tenant_id=st.text(min_size=1, max_size=256),
    amount=st.floats() | st.integers() | without_wire_form,
    count=st.integers() | without_wire_form,
    maybe=st.none() | st.floats() | st.integers(),
    shop=st.sampled_from(Shop) | without_wire_form,
    level=st.none() | st.sampled_from(Level) | without_wire_form,
    paid=st.booleans() | without_wire_form,
    at=st.datetimes(timezones=st.just(UTC)) | without_wire_form,
    attributes=json_objects | without_wire_form,
)


@settings(max_examples=300, suppress_health_check=list(HealthCheck), deadline=None)
@given(purchases)
def test_a_custom_event_ends_as_the_codec_would_have_it(purchase: Purchase) -> None:
    """Given a custom event with anything in it, when it is sealed, then the codec agrees."""
    event("purchaseOfTests", version="2.1.0")(Purchase)

    check(purchase)


def custom(name: str, *fields: Any, **settings: Any) -> Any:
    """Return a new registered payload class."""
    kind = msgspec.defstruct(
        name.title(), fields, frozen=True, kw_only=True, rename="camel", **settings
    )
    return event(name)(kind)


@pytest.mark.parametrize(
    ("fields", "settings", "values"),
    [
        ([("timestamp", int)], {}, {"timestamp": 5}),
        ([("timestamp", str)], {}, {"timestamp": "yesterday"}),
        ([("timestamp", datetime | None, None)], {}, {}),
        ([("subject_id", int)], {}, {"subject_id": 5}),
        ([("experiment_name", Shop)], {}, {"experiment_name": Shop.EAST}),
        ([("tenant_id", Shop)], {}, {"tenant_id": Shop.EAST}),
        ([("correlation_id", str)], {}, {"correlation_id": "mine"}),
        ([("variant_key", str), ("new_variant_key", str | None, None)], {}, {"variant_key": "v"}),
        (
            [("variant_key", str | None, None), ("new_variant_key", str | None, None)],
            {},
            {"variant_key": "v", "new_variant_key": "w"},
        ),
        ([("value", float)], {"tag": True}, {"value": float("nan")}),
        ([("value", float)], {"tag": "t"}, {"value": 1.0}),
        ([("subject_id", str)], {"array_like": True}, {"subject_id": "u"}),
        ([("number", Size)], {}, {"number": Size.LARGE}),
        ([("number", Size)], {}, {"number": 2}),
        ([("data", dict[str, Any])], {}, {"data": None}),
        ([("data", dict[str, Any])], {}, {"data": {"a": float("nan")}}),
        ([("data", dict[str, int])], {}, {"data": {"a": "text"}}),
        ([("items", list[int])], {}, {"items": [1, 2, 2**70]}),
        ([("anything", Any)], {}, {"anything": {"a": (1,)}}),
        ([("short", msgspec.UnsetType | str, msgspec.UNSET)], {}, {}),
        ([], {}, {}),
    ],
)
def test_an_unusual_custom_type_ends_as_the_codec_would_have_it(
    fields: list[Any], settings: dict[str, Any], values: dict[str, Any]
) -> None:
    """Given an unusual payload class, when its event is sealed, then the codec agrees."""
    kind = custom("unusual", *fields, **settings)

    check(kind(**values), correlation_id="c-1")
