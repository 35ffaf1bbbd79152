"""Options built in Python are held to the rules of files."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from experimentframework_core.config import (
    BackplaneOptions,
    BufferOptions,
    DataPlaneOptions,
    PiiRedactionOptions,
    RetryOptions,
    check,
)
from experimentframework_core.plugin import ChannelSettings
from experimentframework_core.units import Secret
from tests.core.config.sample_plugins import CourierOptions, Login, find_plugin


def problems(options: DataPlaneOptions) -> list[str]:
    return [str(problem) for problem in check(options, find_plugin)]


def wrong(target: type[Any], **fields: Any) -> Any:
    """Build options as code without a type checker would."""
    return target(**fields)


def test_good_options_have_no_problem() -> None:
    """Given options of every kind, When they are checked, Then nothing is said."""
    courier = CourierOptions(
        addresses=("a", "b"), login=Login(user_name="u", password=Secret("p")), place=(1, 2)
    )
    options = DataPlaneOptions(
        pii_redaction=PiiRedactionOptions(hash_key=Secret("k"), redact_fields=("email",)),
        buffer=BufferOptions(when_full="block"),
        backplane=BackplaneOptions(
            type="composite",
            backplanes=(
                BackplaneOptions(type="courier", options=courier),
                BackplaneOptions(type="failover", backplanes=(BackplaneOptions(type="plain"),)),
            ),
        ),
    )

    found = problems(options)

    assert found == []


def test_a_backplane_may_be_given_elsewhere() -> None:
    assert problems(DataPlaneOptions()) == []


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (
            DataPlaneOptions(batch_size=0),
            "dataPlane.batchSize: out of range: 0; expected a whole number, at least 1",
        ),
        (
            wrong(DataPlaneOptions, batch_bytes="1MiB"),
            "dataPlane.batchBytes: unexpected text '1MiB'; expected a whole number, at least 1",
        ),
        (
            wrong(DataPlaneOptions, buffer=RetryOptions()),
            "dataPlane.buffer: unexpected RetryOptions; expected a BufferOptions",
        ),
        (
            wrong(DataPlaneOptions, pii_redaction=PiiRedactionOptions(hash_key="k")),  # type: ignore[arg-type]
            "dataPlane.piiRedaction.hashKey: unexpected text; expected a Secret",
        ),
        (
            DataPlaneOptions(retry=RetryOptions(initial_delay_ms=5, max_delay_ms=4)),
            "dataPlane.retry.initialDelayMs: longer than maxDelayMs",
        ),
        (
            DataPlaneOptions(backplane=BackplaneOptions(type="pigeon")),
            "dataPlane.backplane.type: no type 'pigeon'; pip install it",
        ),
        (
            DataPlaneOptions(backplane=BackplaneOptions(type="courier")),
            "dataPlane.backplane.options.addresses: missing; expected a list or text",
        ),
        (
            DataPlaneOptions(backplane=BackplaneOptions(type="courier", options=ChannelSettings())),
            "dataPlane.backplane.options: unexpected ChannelSettings; expected a CourierOptions",
        ),
        (
            wrong(DataPlaneOptions, backplane=wrong(BackplaneOptions, type="plain", options={})),
            "dataPlane.backplane.options: unexpected mapping; expected a ChannelSettings",
        ),
        (
            DataPlaneOptions(backplane=BackplaneOptions(type="plain", events=("nope",))),
            (
                "dataPlane.backplane.events[0]: unknown event type 'nope'; expected exposure,"
                " assignment, outcome, analysisSignal, error or governance"
            ),
        ),
        (
            DataPlaneOptions(exposure_semantics="explicit"),
            (
                "dataPlane.exposureSemantics: 'explicit' is not available in this"
                " version; expected onDecision"
            ),
        ),
    ],
)
def test_a_bad_option_is_said_with_its_path(options: DataPlaneOptions, expected: str) -> None:
    """Given one bad option, When it is checked, Then the problem is a file's without the file."""
    found = problems(options)

    assert found == [expected]


odd_values = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=5),
    st.binary(max_size=5),
    st.lists(st.integers(), max_size=2),
    st.dictionaries(st.text(max_size=3), st.integers(), max_size=2),
    st.sampled_from([BufferOptions(), BackplaneOptions(type="plain"), Secret("s"), object()]),
)


@settings(max_examples=200, derandomize=True)
@given(st.sampled_from(DataPlaneOptions.__struct_fields__), odd_values)
def test_any_value_of_any_field_is_answered_by_problems_only(field: str, value: object) -> None:
    """Given any value in any field, When it is checked, Then problems come and no other error."""
    options = msgspec.structs.replace(DataPlaneOptions(), **{field: value})

    found = check(options, find_plugin)

    assert all(problem.path.startswith("dataPlane") for problem in found)
