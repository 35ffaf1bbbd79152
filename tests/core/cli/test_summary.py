"""The end of a run: counts that add up, and what is said of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from experimentframework_core.cli._publish import _print
from experimentframework_core.cli._summary import MOST_SHOWN, Counts, Summary
from experimentframework_core.status import ChannelStatistics, Statistics

if TYPE_CHECKING:
    import pytest


def summary(counts: Counts, channel: ChannelStatistics, **plane: object) -> Summary:
    defaults = {"published": 10, "accepted": 10, "backplanes": {"sqlite": channel}}
    return Summary(counts, Statistics(**{**defaults, **plane}))  # type: ignore[arg-type]


def test_a_run_in_which_all_arrived_is_ok() -> None:
    found = summary(Counts(lines=12, blank=2), ChannelStatistics(enqueued=10, delivered=10))

    assert found.ok
    assert found.headline() == "12 lines: 10 accepted, 0 broken, 2 blank"
    assert found.as_document()["backplanes"]["sqlite"]["delivered"] == 10


def test_every_fate_but_delivered_is_trouble() -> None:
    channel = ChannelStatistics(
        enqueued=10, delivered=4, dropped={"shutdown": 3}, dead_lettered=1, expired=1, buffered=1
    )

    found = summary(Counts(lines=10), channel)

    assert not found.ok
    assert list(found.troubles()) == [
        "sqlite: 3 events dropped (shutdown).",
        "sqlite: 1 event refused and kept as dead letters.",
        "sqlite: 1 event expired (retry.maxAgeMs).",
        "sqlite: 1 event not delivered within shutdownTimeoutMs.",
    ]


def test_what_is_left_is_told_with_its_reason() -> None:
    found = summary(Counts(lines=10), ChannelStatistics(enqueued=10, delivered=9, handed_over=1))
    found.reasons["sqlite"] = "the destination is down: no such folder"

    assert list(found.troubles()) == [
        "sqlite: 1 event not delivered, but kept on disk: the next run delivers them.",
        "sqlite: the destination is down: no such folder",
    ]


def test_where_nothing_is_left_no_reason_is_told() -> None:
    found = summary(Counts(lines=10), ChannelStatistics(enqueued=10, delivered=10))
    found.reasons["sqlite"] = "deliveries fail: it was down"

    assert found.ok


def test_one_line_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    """Given a signal behind the first line, When the end is told, Then of one line."""
    _print(summary(Counts(lines=1, stopped_by=2), ChannelStatistics()))

    assert "Stopped by a signal after 1 line; the rest was not read." in capsys.readouterr().err


def test_filtered_events_are_no_trouble() -> None:
    found = summary(
        Counts(lines=10),
        ChannelStatistics(enqueued=4, delivered=4),
        accepted=4,
        filtered={"sampled": 6},
    )

    assert found.ok
    assert found.headline() == "10 lines: 4 accepted, 0 broken, 6 filtered (sampled)"


def test_broken_lines_are_trouble() -> None:
    counts = Counts(lines=11)
    counts.add_broken(3, "no")

    found = summary(counts, ChannelStatistics(enqueued=10, delivered=10))

    assert list(found.troubles()) == ["1 line could not be published; the rest was."]


def test_only_the_first_broken_lines_are_kept() -> None:
    counts = Counts()

    shown = [counts.add_broken(number, "no") for number in range(1, 1001)]

    assert counts.broken == 1000
    assert len(counts.shown) == MOST_SHOWN
    assert [each.line for each in shown if each] == list(range(1, MOST_SHOWN + 1))


def test_counts_that_do_not_add_up_are_told() -> None:
    """Ten accepted, nine known of by the channel, and eleven lines."""
    found = summary(Counts(lines=11), ChannelStatistics(enqueued=10, delivered=9), published=12)

    assert list(found.mismatches()) == [
        "11 lines read, 10 known",
        "12 published, 10 known",
        "sqlite took 10, 9 known",
    ]
    assert not found.ok
    assert found.as_document()["addsUp"] is False
