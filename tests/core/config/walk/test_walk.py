"""Types that no options class of the core has, but a plugin's may."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any, Literal

import msgspec
import pytest

from experimentframework_core.config._problems.report import Report
from experimentframework_core.config._text.source import read
from experimentframework_core.config._walk.field_types import type_of
from experimentframework_core.config._walk.walk import INVALID, At, Walk


class Cat(msgspec.Struct, tag="cat", tag_field="kind"):
    """A tagged struct."""

    lives: int = 9


class Dog(msgspec.Struct, tag="dog", tag_field="kind"):
    """Another."""

    name: str


class Zoo(msgspec.Struct, frozen=True, kw_only=True):
    """Every odd type."""

    pet: Cat | Dog | None = None
    opened: datetime | None = None
    price: Decimal = Decimal(1)
    names: frozenset[str] = frozenset()
    sizes: dict[Literal["small", "large"], Annotated[int, msgspec.Meta(multiple_of=2)]] = (
        msgspec.field(default_factory=dict)
    )
    either: int | str | None = None
    anything: Any = None


def walked(text: str) -> tuple[object, list[str]]:
    report = Report()
    tree = read(text, report)
    assert tree is not None
    value = Walk(report).convert(tree, type_of(Zoo), At(""))
    return value, [str(problem) for problem in report.in_order()]


@pytest.mark.parametrize(
    ("text", "zoo"),
    [
        ("pet: {kind: cat}", Zoo(pet=Cat())),
        ("pet: {kind: dog, name: Rex}", Zoo(pet=Dog(name="Rex"))),
        ("opened: 2026-01-31T12:00:00Z", Zoo(opened=datetime(2026, 1, 31, 12, tzinfo=UTC))),
        ("price: '9.99'", Zoo(price=Decimal("9.99"))),
        ("names: [a, b, a]", Zoo(names=frozenset("ab"))),
        ("sizes: {large: 2}", Zoo(sizes={"large": 2})),
        ("either: 5", Zoo(either=5)),
        ("either: '5'", Zoo(either="5")),
        ("anything: {a: [1, ~, x]}", Zoo(anything={"a": [1, None, "x"]})),
    ],
)
def test_a_good_value_is_converted(text: str, zoo: Zoo) -> None:
    """Given a value of an odd type, When it is walked, Then it is what the type says."""
    value, problems = walked(text)

    assert problems == []
    assert value == zoo


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("pet: {kind: cow}", "1:1: pet.kind: unknown value 'cow'; expected cat or dog"),
        ("pet: {lives: 3}", "1:1: pet.kind: missing; expected cat or dog"),
        ("pet: {kind: dog}", "1:1: pet.name: missing; expected text"),
        (
            "opened: today",
            (
                "1:1: opened: unexpected text 'today'; expected a date and time as in"
                " 2026-01-31T12:00:00Z"
            ),
        ),
        ("sizes: {huge: 2}", "1:9: sizes.huge: unknown value 'huge'; expected small or large"),
        (
            "sizes: {small: 3}",
            "1:9: sizes.small: out of range: 3; expected a whole number, a multiple of 2",
        ),
        ("either: true", "1:1: either: unexpected boolean true; expected a whole number or text"),
    ],
)
def test_a_bad_value_is_one_problem(text: str, problem: str) -> None:
    """Given a bad value of an odd type, When it is walked, Then one problem says it."""
    _, problems = walked(text)

    assert problems == [problem]


def test_a_struct_without_what_it_requires_is_invalid() -> None:
    """Given a required field that is missing, When the struct is walked, Then there is none."""
    report = Report()
    tree = read("{kind: dog}", report)
    assert tree is not None

    value = Walk(report).convert(tree, type_of(Dog), At(""))

    assert value is INVALID
