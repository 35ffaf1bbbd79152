"""What docstrings say of options, which is all that the reference and the JSON Schema say."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest

from experimentframework_core.config import Configuration
from experimentframework_core.config._schema.docstrings import lead, meanings
from experimentframework_core.config._walk.field_types import fields_of
from experimentframework_core.plugin import ChannelSettings
from tests.docs.option_tables import sections_of
from tests.docs.write_reference import plugins

if TYPE_CHECKING:
    from collections.abc import Iterator


class Parcel(ChannelSettings, frozen=True, kw_only=True, rename="camel"):
    """What is sent, by ``courier``.

    Not by post.

    Attributes:
        weight_kg: How heavy it is: the ``gross`` weight,
            in kilograms.
        batch_size: Parcels on one bicycle.

    Returns nothing.
    """

    weight_kg: int
    batch_size: int | None = 5


class Letter(msgspec.Struct):
    pages: int = 1


def every_class() -> Iterator[type[msgspec.Struct]]:
    for section in sections_of(Configuration, "", within=""):
        yield section.options
    for plugin in plugins().values():
        for section in sections_of(plugin.options, "", within=""):
            yield section.options


def test_a_field_means_what_its_class_says() -> None:
    """Given a class with attributes, When they are read, Then each is one line of Markdown."""
    said = meanings(Parcel)

    assert said["weight_kg"] == "How heavy it is: the `gross` weight, in kilograms."


def test_a_base_class_says_what_the_class_does_not() -> None:
    """Given a class with a base, When one says a field, Then the class wins, else the base."""
    said = meanings(Parcel)

    assert said["batch_size"] == "Parcels on one bicycle."
    assert said["batch_bytes"] == "Most bytes of bodies in one delivery."


def test_the_lead_is_what_stands_above_the_attributes() -> None:
    """Given a docstring, When its lead is read, Then it ends where the attributes begin."""
    assert lead(Parcel) == "What is sent, by `courier`.\n\nNot by post."


def test_a_class_may_say_nothing() -> None:
    """Given a class without a docstring, When it is read, Then nothing is said."""
    assert (lead(Letter), meanings(Letter)) == ("", {})


@pytest.mark.parametrize("options", list(every_class()), ids=lambda options: options.__name__)
def test_every_option_is_described(options: type[msgspec.Struct]) -> None:
    """Given an options class, When its fields are looked up, Then each has a meaning."""
    said = meanings(options)

    missing = [field.name for field in fields_of(options) if not said.get(field.name)]

    assert missing == []
    assert lead(options)
