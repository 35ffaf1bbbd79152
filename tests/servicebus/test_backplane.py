"""What stays in order, and what the channel is told."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from experimentframework_core.config import (
    BackplaneOptions,
    DataPlaneOptions,
    DeadLetterOptions,
    RetryOptions,
    check,
    effective,
    effective_sources,
)
from experimentframework_core.plugins import find_plugin
from experimentframework_core.testing import make_exposure, make_record
from experimentframework_servicebus import ServiceBusOptions, plugin
from experimentframework_servicebus._backplane import ordering_key

RECORD = make_record(make_exposure(experiment_name="checkout", subject_id="u-1", tenant_id="shop"))
WITHOUT_TENANT = make_record(make_exposure(tenant_id=None))
OPTION = "dataPlane.backplane.options.maxRetryAttempts"
RETRY = "retry.maxAttempts of this backplane"
THREE_ATTEMPTS = ServiceBusOptions(
    fully_qualified_namespace="shop.servicebus.windows.net",
    queue_name="events",
    max_retry_attempts=3,
)


@pytest.mark.parametrize(
    ("strategy", "key"), [("experimentKey", "checkout"), ("subjectId", "u-1"), ("tenantId", "shop")]
)
def test_with_sessions_the_key_follows_the_strategy(strategy: str, key: str) -> None:
    """Given sessions, When a record's key is asked for, Then it is the session's owner."""
    options = ServiceBusOptions(
        enable_sessions=True,
        session_strategy=strategy,  # type: ignore[arg-type]
    )

    found = ordering_key(RECORD, options)

    assert found == key


def test_without_sessions_an_experiment_stays_in_one_lane() -> None:
    """Given no sessions, When a record's key is asked for, Then it is the experiment."""
    found = ordering_key(RECORD, ServiceBusOptions())

    assert found == "checkout"


def test_an_event_without_the_owner_goes_by_its_id() -> None:
    """Given no tenant, When sessions are by tenant, Then the event is a session of its own."""
    options = ServiceBusOptions(enable_sessions=True, session_strategy="tenantId")

    found = ordering_key(WITHOUT_TENANT, options)

    assert found == WITHOUT_TENANT.event_id


def test_the_older_spelling_of_the_attempts_acts() -> None:
    """Given maxRetryAttempts, When the channel is resolved, Then retry has it, else unchanged."""
    plane = DataPlaneOptions(retry=RetryOptions(initial_delay_ms=5, max_attempts=9))
    node = BackplaneOptions(type="azureServiceBus", options=THREE_ATTEMPTS)

    channel = effective(plane, node, plugin)

    assert channel.retry == RetryOptions(initial_delay_ms=5, max_attempts=3)
    assert effective_sources(plane, node, plugin)["retry"] == "options"
    assert channel.batch_size == 100


def test_the_attempts_are_said_once() -> None:
    """Given maxRetryAttempts, When the backplane says retry.maxAttempts too, Then one must go."""
    node = BackplaneOptions(type="azureServiceBus", options=THREE_ATTEMPTS)
    beside = [RetryOptions(initial_delay_ms=5), RetryOptions(max_attempts=4)]

    none, one = (
        check(DataPlaneOptions(backplane=replace(node, retry=retry)), find_plugin)
        for retry in beside
    )

    assert none == []
    assert [str(each) for each in one] == [f"{OPTION}: says the same as {RETRY}; leave one out"]


def test_the_older_spelling_has_no_effect_on_a_member_of_a_failover() -> None:
    """Given maxRetryAttempts on a member, When checked, Then it belongs on the failover."""
    members = (
        BackplaneOptions(type="azureServiceBus", options=THREE_ATTEMPTS),
        BackplaneOptions(type="logging"),
    )
    plane = DataPlaneOptions(backplane=BackplaneOptions(type="failover", backplanes=members))

    problems = check(plane, find_plugin)

    assert [(each.path, each.message) for each in problems] == [
        (
            "dataPlane.backplane.backplanes[0].options.maxRetryAttempts",
            "has no effect on a member of a failover; say retry on the failover",
        )
    ]


def test_the_older_spelling_has_no_effect_on_dead_letters() -> None:
    """Given maxRetryAttempts where dead letters go, When checked, Then it is to be left out."""
    letters = DeadLetterOptions(type="azureServiceBus", options=THREE_ATTEMPTS)

    problems = check(DataPlaneOptions(dead_letter=letters), find_plugin)

    assert [(each.path, each.message) for each in problems] == [
        (
            "dataPlane.deadLetter.options.maxRetryAttempts",
            "has no effect on dead letters, which are written at once; leave it out",
        )
    ]
