"""The dashboard and the alert rules ask for what a running plane exports, and for all of it."""

from __future__ import annotations

import json
import re
import runpy
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families
from ruamel.yaml import YAML

from experimentframework_core import DataPlane, DataPlaneOptions
from experimentframework_core.backplanes.memory import InMemoryBackplane
from experimentframework_core.metrics import METRICS, PrometheusCollector
from experimentframework_core.testing import make_exposure
from tests.docs.pages import docs
from tests.peers.ports import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator

dashboard = docs / "examples/grafana/experimentframework.json"
alerts = docs / "examples/prometheus/alerts.yaml"
of_prometheus = {"instance", "le"}
"""Labels that the scrape adds, or the buckets have."""


async def exported() -> dict[str, set[str]]:
    """Return the samples that a plane exports, each with its labels."""
    options = DataPlaneOptions(flush_interval_ms=1)
    async with DataPlane(options, backplane=InMemoryBackplane()) as plane:
        await plane.publish(make_exposure(), ack="delivered")
        registry = CollectorRegistry()
        registry.register(PrometheusCollector(plane))
        text = generate_latest(registry).decode()
    return {
        sample.name: set(sample.labels)
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def queries_of_dashboard() -> list[str]:
    """Return every query: of the panels and of the variables."""
    board = json.loads(dashboard.read_text("utf-8"))
    queries = list(values_of(board, "expr"))
    queries += [each["query"] for each in values_of(board, "query") if isinstance(each, dict)]
    return queries


def queries_of_alerts() -> list[str]:
    """Return the expression of every rule."""
    rules = YAML(typ="safe", pure=True).load(alerts.read_text("utf-8"))
    return list(values_of(rules, "expr"))


def values_of(tree: Any, key: str) -> Iterator[Any]:
    """Yield what stands under the key, anywhere in the tree."""
    if isinstance(tree, dict):
        yield from (tree[name] for name in tree if name == key)
    for each in tree.values() if isinstance(tree, dict) else tree if isinstance(tree, list) else ():
        yield from values_of(each, key)


def metrics_in(query: str) -> set[str]:
    """Return the names of metrics in a query."""
    return set(re.findall(r"\bexperimentframework_\w+", query))


def labels_in(query: str) -> set[str]:
    """Return the labels that a query selects by, groups by, or lists."""
    matchers = re.findall(r"(\w+)\s*(?:=~|!~|!=|=)\s*\"", query)
    groups = [name for names in re.findall(r"\bby \(([^)]*)\)", query) for name in names.split(",")]
    listed = re.findall(r"label_values\(\w+, (\w+)\)", query)
    return {name.strip() for name in (*matchers, *groups, *listed)}


@pytest.mark.parametrize("query", [*queries_of_dashboard(), *queries_of_alerts()])
async def test_a_query_asks_for_what_is_exported(query: str) -> None:
    """Given a query, When its metrics and labels are looked up, Then a plane exports them."""
    there = await exported()

    asked = metrics_in(query)

    assert asked
    assert asked - there.keys() == set()
    for name in asked:
        assert labels_in(query) - there[name] - of_prometheus == set(), name


def test_every_metric_is_on_a_panel() -> None:
    """Given the table of metrics, When the dashboard's queries are read, Then each is shown."""
    asked = {name for query in queries_of_dashboard() for name in metrics_in(query)}

    shown = {re.sub(r"_(bucket|sum|count)$", "", name) for name in asked}

    assert {metric.prometheus_name for metric in METRICS} - shown == set()


def test_legends_name_labels_that_are_grouped_by() -> None:
    """Given a panel's queries, When their legends are read, Then each label is in the result."""
    board = json.loads(dashboard.read_text("utf-8"))
    targets = [target for panel in board["panels"] for target in panel["targets"]]

    wrong = [
        target["legendFormat"]
        for target in targets
        if set(re.findall(r"{{(\w+)}}", target["legendFormat"])) - labels_in(target["expr"])
    ]

    assert len(targets) > len(board["panels"])
    assert wrong == []


def test_panels_do_not_overlap() -> None:
    """Given the grid of 24 columns, When the panels are laid out, Then none covers another."""
    board = json.loads(dashboard.read_text("utf-8"))
    places = [panel["gridPos"] for panel in board["panels"]]

    cells = [
        (column, row)
        for place in places
        for column in range(place["x"], place["x"] + place["w"])
        for row in range(place["y"], place["y"] + place["h"])
    ]

    assert len(set(cells)) == len(cells)
    assert max(column for column, _ in cells) < 24


def test_every_loss_raises_an_alert() -> None:
    """Given the counters of lost events, When the rules are read, Then each is watched."""
    watched = {name for query in queries_of_alerts() for name in metrics_in(query)}

    losses = {"dropped", "expired", "dead_lettered", "rejected"}

    assert {f"experimentframework_events_{loss}_total" for loss in losses} <= watched


async def test_each_worker_has_a_port_of_its_own() -> None:
    """Given two workers and one range of ports, When each is scraped, Then each tells its own."""
    module = runpy.run_path(str(docs / "examples/prometheus/worker_metrics.py"))
    worker_metrics = module["worker_metrics"]
    ports = [free_port() for _ in range(4)]
    options = DataPlaneOptions(flush_interval_ms=1)

    async with (
        DataPlane(options, backplane=InMemoryBackplane()) as one,
        DataPlane(options, backplane=InMemoryBackplane()) as other,
    ):
        for plane in (one, other, other):
            await plane.publish(make_exposure(), ack="delivered")
        with worker_metrics(one, ports) as first, worker_metrics(other, ports) as second:
            counts = [
                [
                    sample.value
                    for family in text_string_to_metric_families(await scraped(port))
                    for sample in family.samples
                    if sample.name == "experimentframework_events_delivered_total"
                ]
                for port in (first, second)
            ]

    assert first != second
    assert counts == [[1.0], [2.0]]


async def scraped(port: int) -> str:
    """Return what is answered to a scrape of that port."""
    async with httpx.AsyncClient(timeout=30) as client:
        return (await client.get(f"http://127.0.0.1:{port}/metrics")).text
