"""Statements by which events are read: values are parameters, names are in quotes."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from experimentframework_core.plugin import Selection
from experimentframework_sqlserver._reading.checkpoint import Gap
from experimentframework_sqlserver._reading.query import Queries, Statement
from experimentframework_sqlserver._table.history import DOTNET_COLUMNS
from experimentframework_sqlserver._table.naming import Names

NAMES = Names("shop", "Events")
OURS = DOTNET_COLUMNS | {"traceparent", "extrajson", "experimentname", "subjectid"}
NASTY = "x'; DROP TABLE victims; --"
EVERYTHING = Selection(
    types=(NASTY,),
    experiments=(NASTY,),
    subjects=(NASTY,),
    correlation_id=NASTY,
    since=datetime(2026, 3, 1, tzinfo=UTC),
    until=datetime(2026, 3, 2, tzinfo=UTC),
)


def statements(queries: Queries) -> list[Statement]:
    """Return every statement for a selection."""
    span = queries.span(1, 9)
    return [
        queries.bounds(600),
        queries.settled(1, 9, 100),
        queries.recent(1, 9, 100),
        queries.came([Gap(3, 5, 1.5)], 100),
        *([span] if span else []),
    ]


def test_no_value_stands_in_a_statement() -> None:
    """Given values that look like statements, When they are asked for, Then all are parameters."""
    asked = statements(Queries(NAMES, OURS, EVERYTHING))

    assert len(asked) == 5
    assert not any("victims" in each.text for each in asked)
    assert all(each.text.count("?") == len(each.parameters) for each in asked)


def test_without_criteria_everything_between_is_asked_for() -> None:
    """Given no criteria, When rows are asked for, Then only their numbers are parameters."""
    statement = Queries(NAMES, OURS, Selection()).settled(1, 9, 100)

    assert statement.parameters == (100, 1, 9)


def test_types_are_asked_for_in_both_spellings() -> None:
    """Given a type, When it is asked for, Then with a capital too, as .NET writes it."""
    queries = Queries(NAMES, OURS, Selection(types=("analysisSignal",)))

    statement = queries.settled(1, 9, 100)

    assert statement.parameters[-1] == '["analysisSignal","AnalysisSignal"]'


def test_columns_that_the_table_lacks_are_not_named() -> None:
    """Given the table of .NET, When events are asked for, Then only its columns are named."""
    selection = Selection(experiments=("checkout",), subjects=("u-1",))

    asked = statements(Queries(NAMES, DOTNET_COLUMNS, selection))

    for name in ("ExperimentName", "SubjectId", "ExtraJson", "TraceParent"):
        assert not any(name in each.text for each in asked)


@pytest.mark.parametrize(
    "selection",
    [Selection(), Selection(types=("outcome",)), Selection(experiments=("checkout",))],
)
def test_no_span_is_asked_for_without_an_index(selection: Selection) -> None:
    """Given criteria without an index of their own, When a span is asked for, Then none is."""
    assert Queries(NAMES, OURS, selection).span(1, 9) is None
