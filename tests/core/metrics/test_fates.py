"""What statistics and health say, as measurements."""

from __future__ import annotations

from typing import TYPE_CHECKING

from experimentframework_core._metrics.fates import measured
from experimentframework_core._metrics.table import METRICS
from experimentframework_core.status import (
    ChannelStatistics,
    Health,
    HealthStatus,
    Statistics,
    TypeStatistics,
)

if TYPE_CHECKING:
    from experimentframework_core._metrics.measurement import Distribution

DEGRADED = Health(HealthStatus.DEGRADED, "late", {"kafka": Health(HealthStatus.DEGRADED, "late")})


def test_every_metric_but_the_histograms_is_measured() -> None:
    """Given events of a type, when measured, then each metric has its attributes and a value."""
    channel = ChannelStatistics(by_type={"exposure": TypeStatistics(delivered=3)})
    statistics = Statistics(accepted_by_type={"exposure": 3}, backplanes={"kafka": channel})

    found = list(measured(statistics, DEGRADED))

    assert {each.metric.name for each in found} == {
        metric.name for metric in METRICS if metric.kind != "histogram"
    }
    assert all(len(each.attributes) == len(each.metric.attributes) for each in found)


REASONS = ("buffer_full", "refused", "attempts", "plugin_error", "shutdown", "removed")


def dropped(channel: ChannelStatistics) -> dict[tuple[str, ...], float | Distribution]:
    """Return what is measured of the dropped events of a backplane, one of whose types is known."""
    statistics = Statistics(accepted_by_type={"exposure": 3}, backplanes={"kafka": channel})
    return {
        each.attributes: each.value
        for each in measured(statistics, DEGRADED)
        if each.metric.name == "experimentframework.events.dropped"
    }


def test_counters_of_losses_begin_at_zero() -> None:
    """Given a type of which nothing is lost, when measured, then its losses are there as 0."""
    found = dropped(ChannelStatistics())

    assert found == {
        **{("kafka", "exposure", reason): 0 for reason in REASONS},
        ("kafka", "(unknown)", "damaged"): 0,
        ("kafka", "(unknown)", "shutdown"): 0,
    }


def test_what_a_damaged_journal_lost_is_counted_once() -> None:
    """Given a journal that lost events, when measured, then they are there, and no type is new."""
    lost = TypeStatistics(dropped={"damaged": 7})

    found = dropped(ChannelStatistics(by_type={"(unknown)": lost}))

    unknown = {key: value for key, value in found.items() if key[1] == "(unknown)"}
    assert unknown == {
        ("kafka", "(unknown)", "damaged"): 7,
        ("kafka", "(unknown)", "shutdown"): 0,
    }


def test_losses_have_their_type_and_reason() -> None:
    """Given a dropped event, when measured, then it is counted where it belongs."""
    fates = TypeStatistics(dropped={"shutdown": 2})
    statistics = Statistics(backplanes={"kafka": ChannelStatistics(by_type={"outcome": fates})})

    found = {each.attributes: each.value for each in measured(statistics, DEGRADED)}

    assert found[("kafka", "outcome", "shutdown")] == 2


def test_health_is_a_number() -> None:
    """Given a degraded backplane, when measured, then its health is 1 of 2."""
    found = {each.metric.name: each.value for each in measured(Statistics(), DEGRADED)}

    assert found["experimentframework.backplane.health"] == 1


def test_requests_without_a_subject_are_counted() -> None:
    found = {
        each.metric.name: each.value for each in measured(Statistics(subject_failures=3), DEGRADED)
    }

    assert found["experimentframework.subject.failures"] == 3
