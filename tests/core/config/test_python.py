"""Options built in Python are held to the rules of files."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from experimentframework_core.config import (
    ActivationOptions,
    BackplaneOptions,
    BufferOptions,
    ConditionOptions,
    Configuration,
    DataPlaneOptions,
    DecoratorOptions,
    ErrorPolicyOptions,
    ExperimentOptions,
    GovernanceOptions,
    PersistenceOptions,
    PiiRedactionOptions,
    PolicyOptions,
    RepeatExposureOptions,
    RetryOptions,
    SelectionModeOptions,
    SettingsOptions,
    TimeoutDecoratorOptions,
    TrialOptions,
    check,
)
from experimentframework_core.plugin import ChannelSettings
from experimentframework_core.units import Secret
from tests.core.config.sample_plugins import CourierOptions, Login, find_plugin


def problems(options: DataPlaneOptions | Configuration) -> list[str]:
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
            (
                "dataPlane.backplane.type: no type 'pigeon'; pip install it;"
                " always there: composite, failover"
            ),
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
            DataPlaneOptions(backplane=BackplaneOptions(type="plain", events=("errors",))),
            (
                "dataPlane.backplane.events[0]: unknown event type 'errors'; expected exposure,"
                " assignment, outcome, analysisSignal, error or governance; did you mean 'error'?"
            ),
        ),
        (
            DataPlaneOptions(repeat_exposures=RepeatExposureOptions(remember=0)),
            (
                "dataPlane.repeatExposures.remember: out of range: 0;"
                " expected a whole number, at least 2"
            ),
        ),
    ],
)
def test_a_bad_option_is_said_with_its_path(options: DataPlaneOptions, expected: str) -> None:
    """Given one bad option, When it is checked, Then the problem is a file's without the file."""
    found = problems(options)

    assert found == [expected]


def trial(**settings: Any) -> TrialOptions:
    """Build a good trial with the conditions a and b, but for ``settings``."""
    good: dict[str, Any] = {
        "service_type": "shop.Cart",
        "selection_mode": SelectionModeOptions(type="featureFlag"),
        "control": ConditionOptions(key="a", implementation_type="A"),
        "conditions": (ConditionOptions(key="b", implementation_type="B"),),
    }
    return TrialOptions(**{**good, **settings})


def test_a_good_configuration_has_no_problem() -> None:
    """Given sections built in Python, When they are checked, Then nothing is said."""
    configuration = Configuration(
        settings=SettingsOptions(naming_convention="shop.Names"),
        decorators=(
            DecoratorOptions(type="timeout", options=TimeoutDecoratorOptions(timeout=5000)),
            DecoratorOptions(type="custom", type_name="shop.Audit", options={"deep": {"any": [1]}}),
        ),
        trials=(trial(),),
        experiments=(
            ExperimentOptions(
                name="checkout",
                metadata={"owner": "growth", "tags": ["a", None, 1.5, True]},
                activation=ActivationOptions(from_=datetime(2026, 1, 1, tzinfo=UTC)),
                trials=(trial(),),
            ),
        ),
        governance=GovernanceOptions(
            persistence=PersistenceOptions(type="redis", connection_string=Secret("s"))
        ),
    )

    found = problems(configuration)

    assert found == []


@pytest.mark.parametrize(
    ("configuration", "expected"),
    [
        (
            Configuration(data_plane=DataPlaneOptions(batch_size=0)),
            "dataPlane.batchSize: out of range: 0; expected a whole number, at least 1",
        ),
        (
            wrong(Configuration, settings=DataPlaneOptions()),
            "settings: unexpected DataPlaneOptions; expected a SettingsOptions",
        ),
        (
            wrong(Configuration, decorators=None),
            "decorators: unexpected null; expected a list",
        ),
        (
            wrong(Configuration, trials=trial()),
            "trials: unexpected TrialOptions; expected a list",
        ),
        (
            Configuration(trials=(trial(error_policy=ErrorPolicyOptions(type="fallbackTo")),)),
            "trials[0].errorPolicy.fallbackKey: missing; the error policy 'fallbackTo' needs it",
        ),
        (
            Configuration(trials=(trial(control={"key": "a"}),)),
            "trials[0].control: unexpected mapping; expected a ConditionOptions",
        ),
        (
            Configuration(
                trials=(
                    trial(activation=ActivationOptions(until=datetime(2026, 1, 1))),  # noqa: DTZ001
                )
            ),
            (
                "trials[0].activation.until: no time zone: '2026-01-01T00:00:00'; append Z for UTC,"
                " or an offset as in +01:00"
            ),
        ),
        (
            Configuration(
                trials=(trial(activation=wrong(ActivationOptions, until="2026-01-01T00:00:00Z")),)
            ),
            (
                "trials[0].activation.until: unexpected text '2026-01-01T00:00:00Z'; expected a"
                " datetime"
            ),
        ),
        (
            Configuration(
                experiments=(
                    ExperimentOptions(name="x", trials=(trial(),), metadata={"a": [{1}, b""]}),
                )
            ),
            "experiments[0].metadata.a[1]: unexpected bytes; expected what JSON can hold",
        ),
        (
            Configuration(
                governance=GovernanceOptions(
                    persistence=wrong(PersistenceOptions, type="redis", connection_string="hunter2")
                )
            ),
            "governance.persistence.connectionString: unexpected text; expected a Secret",
        ),
        (
            Configuration(
                governance=GovernanceOptions(
                    policies=(
                        wrong(
                            PolicyOptions,
                            type="trafficLimit",
                            max_traffic_percentage=5,
                            min_stable_time="30m",
                        ),
                    )
                )
            ),
            (
                "governance.policies[0].minStableTime: unexpected text '30m'; expected a whole"
                " number, 0 to 315,360,000,000"
            ),
        ),
    ],
)
def test_a_bad_section_is_said_with_its_path(configuration: Configuration, expected: str) -> None:
    """Given one thing wrong, When it is checked, Then the problem is a file's without the file."""
    found = problems(configuration)

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


@settings(max_examples=200, derandomize=True, deadline=None)
@given(st.sampled_from(DataPlaneOptions.__struct_fields__), odd_values)
def test_any_value_of_any_field_is_answered_by_problems_only(field: str, value: object) -> None:
    """Given any value in any field, When it is checked, Then problems come and no other error."""
    options = msgspec.structs.replace(DataPlaneOptions(), **{field: value})

    found = check(options, find_plugin)

    assert all(problem.path.startswith("dataPlane") for problem in found)


odd_sections = st.one_of(
    odd_values,
    st.lists(odd_values, max_size=2).map(tuple),
    st.sampled_from([DecoratorOptions(type="logging"), (trial(),), GovernanceOptions()]),
)


@settings(max_examples=200, derandomize=True, deadline=None)
@given(st.sampled_from(Configuration.__struct_fields__), odd_sections)
def test_any_value_of_any_section_is_answered_by_problems_only(section: str, value: object) -> None:
    """Given any value as a section, When it is checked, Then problems come and no other error."""
    configuration = msgspec.structs.replace(Configuration(), **{section: value})

    found = check(configuration, find_plugin)

    keys = [field.encode_name for field in msgspec.structs.fields(Configuration)]
    assert all(problem.path.startswith(tuple(keys)) for problem in found)


nodes = st.sampled_from(
    [
        (DecoratorOptions(type="logging"), "decorators"),
        (trial(), "trials"),
        (ExperimentOptions(name="x", trials=(trial(),)), "experiments"),
    ]
)


@settings(max_examples=300, derandomize=True, deadline=None)
@given(nodes, st.data())
def test_any_value_of_any_field_of_a_section_is_answered_by_problems_only(
    node: tuple[Any, str], data: st.DataObject
) -> None:
    """Given any value in any field of a node, When it is checked, Then only problems come."""
    options, section = node
    field = data.draw(st.sampled_from(options.__struct_fields__))
    spoiled = msgspec.structs.replace(options, **{field: data.draw(odd_sections)})

    found = check(msgspec.structs.replace(Configuration(), **{section: (spoiled,)}), find_plugin)

    assert all(problem.path.startswith(section) for problem in found)


@pytest.mark.parametrize(
    ("options", "path"),
    [
        (DataPlaneOptions(sampling_salt="\ud800"), "dataPlane.samplingSalt"),
        (
            DataPlaneOptions(pii_redaction=PiiRedactionOptions(hash_key=Secret("a\udcff"))),
            "dataPlane.piiRedaction.hashKey",
        ),
        (
            DataPlaneOptions(
                backplane=BackplaneOptions(
                    type="courier", options=CourierOptions(addresses="a", extra={"b": ["\udfff"]})
                )
            ),
            "dataPlane.backplane.options.extra.b[0]",
        ),
        (
            DataPlaneOptions(
                backplane=BackplaneOptions(
                    type="courier", options=CourierOptions(addresses="a", routes={"\ud800": "b"})
                )
            ),
            "dataPlane.backplane.options.routes.\\ud800",
        ),
    ],
)
def test_text_with_half_of_a_character_is_refused(options: DataPlaneOptions, path: str) -> None:
    """Given text that is no UTF-8 anywhere in Python, When it is checked, Then it is a problem."""
    found = check(options, find_plugin)

    assert [(each.path, each.message) for each in found] == [
        (path, "half of a surrogate pair; expected a whole character")
    ]


def of_itself() -> dict[str, Any]:
    """Return a mapping that holds itself."""
    value: dict[str, Any] = {}
    value["again"] = [value]
    return value


def nested(levels: int) -> list[Any]:
    """Return a list in a list and so on."""
    value: list[Any] = []
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (of_itself(), ".again[0]: the object that holds it; nothing can hold itself"),
        (nested(10_000), f"{'[0]' * 60}: nested too deep; expected at most 64 levels"),
        ({1: 2}, ": a key must be text, not int"),
        ({object(): 2}, ": a key must be text, not object"),
        ({"a": object()}, ".a: unexpected object; expected what JSON can hold"),
    ],
    ids=["itself", "deep", "number", "object", "value"],
)
def test_what_no_file_can_hold_is_a_problem(value: object, expected: str) -> None:
    """Given metadata that no file can hold, When checked, Then its place is told, once."""
    experiment = ExperimentOptions(name="x", trials=(trial(),), metadata={"of": value})

    (problem,) = problems(Configuration(experiments=(experiment,)))

    assert problem == f"experiments[0].metadata.of{expected}"


def test_a_value_may_stand_at_two_places() -> None:
    """Given one object in two places, When it is checked, Then nothing is said."""
    shared = {"team": "shop"}
    experiment = ExperimentOptions(name="x", trials=(trial(),), metadata={"a": shared, "b": shared})

    found = problems(Configuration(experiments=(experiment,)))

    assert found == []
