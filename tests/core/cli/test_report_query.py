"""What a report counts, by SQL."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

import msgspec
import pytest

from experimentframework_core.cli._report_query import Found, Window, query
from experimentframework_core.errors import UnavailableError
from experimentframework_core.events import OutcomeType
from tests.core.cli.conftest import StoreOf, at, exposure, outcome

if TYPE_CHECKING:
    from pathlib import Path

COUNT, CONTINUOUS = OutcomeType.COUNT, OutcomeType.CONTINUOUS


async def checkout(store_of: StoreOf, *payloads: object, **window: object) -> Found:
    """Return what is found of the experiment ``checkout``."""
    found = query(await store_of(payloads), Window(**window))  # type: ignore[arg-type]
    return found.get("checkout", Found())


async def test_a_subject_counts_once_however_often_it_is_exposed(store_of: StoreOf) -> None:
    given = [exposure("u-1", "a"), exposure("u-1", "a", 5), exposure("u-2", "b")]

    found = await checkout(store_of, *given)

    assert found.exposed == {"a": 1, "b": 1}
    assert found.crossovers == 0


async def test_a_subject_of_two_variants_belongs_to_the_first_in_time(store_of: StoreOf) -> None:
    given = [exposure("u-1", "b", 9), exposure("u-1", "a", 2), exposure("u-1", "b", 4)]

    found = await checkout(store_of, *given)

    assert found.exposed == {"a": 1}
    assert found.crossovers == 1


async def test_of_two_exposures_at_one_time_the_one_stored_first_counts(store_of: StoreOf) -> None:
    found = await checkout(store_of, exposure("u-1", "b"), exposure("u-1", "a"))

    assert found.exposed == {"b": 1}


async def test_an_outcome_counts_from_the_first_exposure_on(store_of: StoreOf) -> None:
    given = [
        exposure("u-1", "a", 10),
        outcome("u-1", "early", 1, 9.9),
        outcome("u-1", "same time", 1, 10),
        outcome("u-1", "late", 1, 99),
        outcome("u-2", "never exposed", 1, 10),
    ]

    found = await checkout(store_of, *given)

    assert found.outcomes.keys() == {("same time", "binary"), ("late", "binary")}
    assert found.left_out == 2


async def test_a_rate_counts_subjects_not_events_and_zero_is_no_success(store_of: StoreOf) -> None:
    given = [exposure(f"u-{n}", "a") for n in range(4)]
    given += [outcome("u-0", "bought", 1), outcome("u-0", "bought", 1, 2)]  # type: ignore[list-item]
    given += [outcome("u-1", "bought", 0), outcome("u-2", "bought", 1)]  # type: ignore[list-item]

    found = await checkout(store_of, *given)

    sums = found.outcomes["bought", "binary"]["a"]
    assert (sums.subjects, sums.positives) == (3, 2)


async def test_means_are_over_subjects(store_of: StoreOf) -> None:
    """Subject means 4 and 8; totals 12, 8 and 0 over three exposed subjects."""
    given = [
        *(exposure(f"u-{n}", "a") for n in range(3)),
        *(outcome("u-0", "spent", value, kind=CONTINUOUS) for value in (2, 4, 6)),
        outcome("u-1", "spent", 8, kind=CONTINUOUS),
    ]

    found = await checkout(store_of, *given)

    sums = found.outcomes["spent", "continuous"]["a"]
    squares = sum((total - 20 / 3) ** 2 for total in (12, 8, 0))
    assert msgspec.structs.astuple(sums) == pytest.approx((2, 2, 20.0, squares, 6.0, 8.0))


async def test_the_window_holds_for_exposures_and_outcomes(store_of: StoreOf) -> None:
    given = [
        exposure("u-1", "a", 0),
        exposure("u-2", "a", 10),
        exposure("u-3", "a", 20),
        outcome("u-2", "clicks", 3, 15, kind=COUNT),
        outcome("u-2", "clicks", 4, 20, kind=COUNT),
    ]

    found = await checkout(store_of, *given, since=at(10), until=at(20))

    assert found.exposed == {"a": 1}
    assert found.outcomes["clicks", "count"]["a"].total == 3.0


async def test_only_the_named_experiments_are_read(store_of: StoreOf) -> None:
    path = await store_of([exposure("u-1", "a"), exposure("u-1", "x", of="search")])

    found = query(path, Window(experiments=("search",)))

    assert found == {"search": Found(exposed={"x": 1})}


async def test_a_file_that_is_no_store_says_so(tmp_path: Path) -> None:
    path = tmp_path / "other.db"
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE things (name TEXT)")
    other.close()

    with pytest.raises(UnavailableError, match="no event database"):
        query(path, Window())
