"""The options classes: frozen, keyword-only, camelCase, with the documented defaults."""

from __future__ import annotations

import msgspec
import pytest

from experimentframework_core import config
from experimentframework_core.config import (
    BackplaneOptions,
    BufferOptions,
    DataPlaneOptions,
    PiiRedactionOptions,
)
from experimentframework_core.units import Secret

options_classes = [
    value
    for name, value in sorted(vars(config).items())
    if name.endswith("Options") and isinstance(value, type)
]


@pytest.mark.parametrize("options", options_classes)
def test_every_options_class_is_frozen_and_camel_case(options: type[msgspec.Struct]) -> None:
    """Given an options class, When its shape is looked at, Then it is one that files can mirror."""
    fields = msgspec.structs.fields(options)

    assert options.__struct_config__.frozen
    assert not any("_" in field.encode_name for field in fields)
    with pytest.raises(TypeError, match="positional"):
        options(1)


@pytest.mark.parametrize("options", options_classes)
def test_every_field_of_an_options_class_is_described(options: type[msgspec.Struct]) -> None:
    """Given an options class, When its docstring is read, Then each field has its line."""
    described = options.__doc__ or ""

    assert all(f"\n        {name}: " in described for name in options.__struct_fields__)


def test_the_defaults_are_those_of_the_design() -> None:
    """Given nothing said, When a data plane is configured, Then it has the promised defaults."""
    plane = DataPlaneOptions()

    assert (plane.batch_size, plane.batch_bytes, plane.flush_interval_ms) == (500, 1024**2, 1000)
    assert (plane.concurrency, plane.max_event_bytes) == (1, 256 * 1024)
    assert (plane.retry.initial_delay_ms, plane.retry.max_delay_ms) == (100, 30_000)
    assert (plane.breaker.failure_threshold, plane.breaker.open_ms) == (5, 1000)
    assert (plane.ack, plane.on_failure, plane.sampling_rate) == ("accepted", "deadLetter", 1.0)


def test_a_secret_is_not_in_the_text_of_the_options() -> None:
    """Given a hash key, When the options are shown, Then the key is not."""
    redaction = PiiRedactionOptions(hash_key=Secret("hunter2"))
    plane = DataPlaneOptions(
        pii_redaction=redaction, buffer=BufferOptions(), backplane=BackplaneOptions(type="plain")
    )

    shown = repr(plane)

    assert "hunter2" not in shown
    assert "***" in shown
