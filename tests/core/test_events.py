"""Payloads are frozen and keyword-only; an application can register its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest

from experimentframework_core.events import (
    Exposure,
    Outcome,
    Payload,
    built_in_types,
    event,
    event_type_named,
    event_type_of,
    event_types,
)
from tests.core.event_strategies import own_registry, payload_types

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True)
def _registry() -> Iterator[None]:
    with own_registry():
        yield


def test_the_built_in_types_are_registered_in_their_order() -> None:
    """Given the package, when its event types are listed, then the six come first, in order."""
    names = [registered.name for registered in event_types()][:6]

    assert names == ["exposure", "assignment", "outcome", "analysisSignal", "error", "governance"]
    assert tuple(names) == built_in_types


@pytest.mark.parametrize("payload", payload_types)
def test_payloads_are_frozen_and_keyword_only(payload: type[msgspec.Struct]) -> None:
    """Given a built-in payload, when its class is looked at, then it is frozen, keyword-only."""
    config = payload.__struct_config__

    assert config.frozen
    assert config.omit_defaults
    with pytest.raises(TypeError, match="positional"):
        payload("checkout")


@pytest.mark.parametrize("payload", payload_types)
def test_a_payload_is_stamped_with_now_in_utc(payload: type[msgspec.Struct]) -> None:
    """Given a payload without a timestamp, when built, then it has an aware one in UTC."""
    timestamp = next(f for f in msgspec.structs.fields(payload) if f.name == "timestamp")

    now = timestamp.default_factory()

    assert not timestamp.required
    assert now.utcoffset().total_seconds() == 0


def test_wire_names_are_camel_case() -> None:
    """Given an exposure, when encoded by msgspec, then its keys are camelCase, in order."""
    exposure = Exposure(
        experiment_name="e", variant_key="v", subject_id="s", selection_reason="r", rule_path="p"
    )

    keys = list(msgspec.to_builtins(exposure))

    assert keys == [
        "experimentName",
        "variantKey",
        "subjectId",
        "timestamp",
        "selectionReason",
        "rulePath",
        "isRepeatExposure",
    ]


def test_an_event_of_your_own_is_found_by_class_and_by_name() -> None:
    """Given a registered class, when looked up, then name, version and class are told."""

    @event("purchase", version="2.1.0")
    class Purchase(Payload, frozen=True, kw_only=True):
        subject_id: str

    registered = event_type_named("purchase")

    assert registered is not None
    assert registered is event_type_of(Purchase)
    assert (registered.name, registered.version) == ("purchase", "2.1.0")
    assert registered.payload is Purchase
    assert event_types()[-1] is registered


def test_what_is_not_registered_is_not_found() -> None:
    """Given an unknown class and name, when looked up, then there is none."""
    assert event_type_of(Payload) is None
    assert event_type_named("unheardOf") is None


@pytest.mark.parametrize("name", ["", "Purchase", "my-event", "my_event", "1st", "a" * 65, "kauf!"])
def test_a_malformed_name_is_refused(name: str) -> None:
    """Given a name that is not camelCase, when registering, then it is refused."""
    with pytest.raises(ValueError, match="write it in camelCase"):
        event(name)


@pytest.mark.parametrize("version", ["1", "1.0", "1.0.0-beta", "01.0.0"])
def test_a_malformed_version_is_refused(version: str) -> None:
    """Given a version that is not semantic, when registering, then it is refused."""
    with pytest.raises(ValueError, match=r"is not MAJOR\.MINOR\.PATCH"):
        event("purchase", version=version)


def test_a_class_that_is_no_struct_is_refused() -> None:
    """Given a plain class, when registering, then it is refused."""
    with pytest.raises(TypeError, match=r"is not a msgspec\.Struct"):
        event("purchase")(dict)  # type: ignore[type-var]


def test_snake_case_on_the_wire_is_refused() -> None:
    """Given a Struct without camelCase names, when registering, then it says what to do."""

    class Purchase(msgspec.Struct):
        subject_id: str

    with pytest.raises(ValueError, match='derive Purchase from Payload or pass rename="camel"'):
        event("purchase")(Purchase)


def test_a_name_belongs_to_one_class() -> None:
    """Given a taken name, when another class asks for it, then it is refused."""

    class Other(Payload, frozen=True):
        pass

    with pytest.raises(ValueError, match="already registered by Outcome"):
        event("outcome")(Other)

    assert event_type_named("outcome") is event_type_of(Outcome)
