"""`report`: its figures, its words, its refusals."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from experimentframework_core.events import OutcomeType
from tests.core.cli.command import run_here as run
from tests.core.cli.conftest import StoreOf, exposure, outcome

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import msgspec


def checkout() -> Iterator[msgspec.Struct]:
    """100 subjects see control and 20 buy; 100 see express and 40 buy, each for 10 or 20."""
    for variant, buyers in (("control", 20), ("express", 40)):
        for number in range(100):
            subject = f"{variant}-{number}"
            yield exposure(subject, variant)
            if number < buyers:
                yield outcome(subject, "purchase", 1)
                spent = 10 + 10 * (number % 2)
                yield outcome(subject, "spent", spent, kind=OutcomeType.CONTINUOUS)


async def test_rates_means_and_intervals_of_known_events(store_of: StoreOf) -> None:
    """Intervals as R gives them: prop.test(…, correct = FALSE), t.test(…)."""
    store = await store_of(checkout())

    ran = run("report", store, "--json")

    (report,) = ran.document()["experiments"]
    by_name = {each["name"]: each for each in report["outcomes"]}
    control, express = by_name["purchase"]["variants"]
    spent = by_name["spent"]["variants"][0]
    assert ran.code == 0
    assert report["subjects"] == {"control": 100, "express": 100}
    assert report["sampleRatio"]["verdict"] == "ok"
    assert (control["value"], express["value"]) == (0.2, 0.4)
    assert control["interval"] == pytest.approx({"low": 0.13337, "high": 0.28883}, abs=1e-5)
    assert express["interval"] == pytest.approx({"low": 0.30940, "high": 0.49800}, abs=1e-5)
    assert spent["subjects"] == 20
    assert spent["value"] == 15.0
    assert spent["interval"] == pytest.approx({"low": 12.5992, "high": 17.4008}, abs=1e-4)


async def test_a_person_can_read_it(store_of: StoreOf) -> None:
    store = await store_of([*checkout(), exposure("control-1", "express", 9)])

    ran = run("report", store)

    assert ran.code == 0
    assert "checkout: 200 exposed subjects" in ran.out
    assert "Sample ratio: as expected (p = 1.0000)." in ran.out
    assert "Crossovers: 1 subject saw several variants" in ran.out
    assert "13.3 % to 28.9 %" in ran.out
    assert max(map(len, ran.out.splitlines())) <= 120


async def test_a_variant_without_any_outcome_is_shown_with_none(store_of: StoreOf) -> None:
    given = [exposure(f"u-{n}", "ab"[n % 2]) for n in range(40)]
    store = await store_of([*given, outcome("u-1", "purchase", 1)])

    ran = run("report", store, "--json")

    (purchase,) = ran.document()["experiments"][0]["outcomes"]
    assert [each["value"] for each in purchase["variants"]] == [0.0, 0.05]
    assert purchase["variants"][0]["interval"]["low"] == 0.0


async def test_a_mismatch_is_a_warning_in_words(store_of: StoreOf) -> None:
    store = await store_of(exposure(f"u-{n}", "a" if n < 700 else "b") for n in range(1000))

    ran = run("report", store)
    planned = run("report", store, "--expect", "a=70,b=30")

    assert ran.code == 0
    assert "WARNING: sample ratio mismatch (p < 0.0001)" in ran.out
    assert "Sample ratio: as expected (p = 1.0000)." in planned.out


@pytest.mark.parametrize(
    ("expect", "reason"),
    [
        ("a=50", "give a weight for b too"),
        ("a=50,b=x", "write it as control=50,express=50"),
        ("a=50,b=0", "weights are greater than 0"),
        ("other:a=50,b=50", "there are no exposures of experiment 'other'"),
    ],
)
async def test_a_split_that_does_not_fit_is_wrong_usage(
    store_of: StoreOf, expect: str, reason: str
) -> None:
    store = await store_of([exposure("u-1", "a"), exposure("u-2", "b")])

    ran = run("report", store, "--expect", expect)

    assert ran.code == 2
    assert reason in ran.err


async def test_of_several_experiments_the_split_names_its_own(store_of: StoreOf) -> None:
    variants = "aaab" * 100
    given = [exposure(f"u-{n}", v, of=of) for of in ("x", "y") for n, v in enumerate(variants)]
    store = await store_of(given)

    unnamed = run("report", store, "--expect", "a=3,b=1")
    named = run("report", store, "--expect", "x:a=3,b=1", "--json")

    verdicts = [each["sampleRatio"]["verdict"] for each in named.document()["experiments"]]
    assert unnamed.code == 2
    assert "say for which experiment: x:a=3,b=1" in unnamed.err
    assert verdicts == ["ok", "mismatch"]


async def test_times_and_experiments_are_chosen(store_of: StoreOf) -> None:
    store = await store_of(
        [exposure("u-1", "a", 0), exposure("u-2", "a", 90), exposure("u-3", "a", 90, of="y")]
    )

    ran = run(
        "report", store, "--since", "2026-03-01T01:00", "--until", "2026-03-02", "-e", "checkout",
        "--json",
    )  # fmt: skip

    (report,) = ran.document()["experiments"]
    assert (report["experiment"], report["subjects"]) == ("checkout", {"a": 1})


async def test_times_may_be_ages(store_of: StoreOf) -> None:
    """Given an exposure of March 2026, When only the last hour counts, Then nothing is found."""
    store = await store_of([exposure("u-1", "a")])

    ran = run("report", store, "--since", "1h", "--until", "0s")

    assert (ran.code, ran.out, ran.err) == (0, "No exposures found.\n", "")


async def test_names_cannot_drive_the_terminal(store_of: StoreOf) -> None:
    store = await store_of([exposure("u-1", "[red]\x1b[31mx", of="a\x1b]0;b")])

    ran = run("report", store)

    assert "\x1b" not in ran.out
    assert "[red]\\x1b[31mx" in ran.out


async def test_an_experiment_that_is_not_there_is_said(store_of: StoreOf) -> None:
    store = await store_of([exposure("u-1", "a")])

    ran = run("report", store, "-e", "checkout", "-e", "nope")

    assert (ran.code, ran.err) == (1, "--experiment nope: there are no exposures of it\n")
    assert "checkout: 1 exposed subject" in ran.out


async def test_a_store_without_exposures_says_so(store_of: StoreOf) -> None:
    ran = run("report", await store_of([]))

    assert (ran.code, ran.out) == (0, "No exposures found.\n")


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ([], "Give either a store or --config FILE."),
        (["missing.db"], "there is no store"),
        (["/"], "/: is a folder; name the file of a store"),
        (["missing.db", "--since", "yesterday"], "--since: 'yesterday' is no time"),
    ],
)
def test_wrong_usage_exits_with_2(arguments: list[str], reason: str) -> None:
    ran = run("report", *arguments)

    assert ran.code == 2
    assert reason in ran.err


def test_a_configuration_without_a_store_exits_with_2(tmp_path: Path) -> None:
    config = tmp_path / "experiments.json"
    config.write_text(json.dumps({"dataPlane": {"backplane": {"type": "inMemory"}}}))

    ran = run("report", "--config", config)

    assert ran.code == 2
    assert "has no backplane to read; inMemory keeps events only in the process" in ran.err


def test_a_file_that_is_no_database_exits_with_1(tmp_path: Path) -> None:
    file = tmp_path / "events.db"
    file.write_text("this is no database, whatever its name may say" * 100)

    ran = run("report", file)

    assert ran.code == 1
    assert "cannot be read as an embedded store" in ran.err
