"""Compares what children were promised with what the destination has: lost, doubled, disordered."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import msgspec

from tests.faults._events import Name

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from tests.faults._notes import Report


class Arrival(msgspec.Struct, frozen=True):
    """One event as it came."""

    batch: int
    connection: int
    event_id: str
    name: Name


class Batch(msgspec.Struct, frozen=True):
    """One batch as it came, whole."""

    connection: int
    at: float
    count: int


class Log(msgspec.Struct):
    """All that a destination wrote down.

    Attributes:
        arrivals: Every event, in order of arrival.
        batches: Every batch by its number.
        cut: The connections that the destination cut itself.
        strange: Bodies that nobody made.
    """

    arrivals: list[Arrival]
    batches: dict[int, Batch]
    cut: set[int]
    strange: list[str]

    @property
    def ids(self) -> set[str]:
        """The ids of what arrived."""
        return {arrival.event_id for arrival in self.arrivals}


def read_log(path: Path) -> Log:
    """Return what the destination wrote down."""
    log = Log([], {}, set(), [])
    for line in path.read_text(encoding="utf-8").splitlines():
        match line.split(" "):
            case ["E", batch, connection, event_id, subject]:
                name = Name.parse(subject)
                log.arrivals.append(Arrival(int(batch), int(connection), event_id, name))
            case ["B", batch, connection, at, count]:
                log.batches[int(batch)] = Batch(int(connection), float(at), int(count))
            case ["C", connection, how] if how == "cut":
                log.cut.add(int(connection))
            case ["X", *words]:
                log.strange.append(" ".join(words))
    return log


class Verdict(msgspec.Struct, kw_only=True):
    """What became of the events of one run.

    Attributes:
        durable: Acknowledged as durable.
        recovered: Of those, how many arrived or were dead-lettered only after their process ended.
        lost: Acknowledged as durable, and nowhere.
        accepted_lost: Acknowledged as accepted only, and nowhere.
        duplicated: Arrivals beyond the first of each event, after an end of its process.
        cut_duplicated: The same, where the destination had cut the connection of the first.
        kills: How many children were killed.
        faults: What is against the rules, in words; empty when the run is good.
    """

    durable: int = 0
    recovered: int = 0
    lost: int = 0
    accepted_lost: int = 0
    duplicated: int = 0
    cut_duplicated: int = 0
    kills: int = 0
    faults: list[str] = []


def judge(
    log: Log,
    reports: Iterable[Report],
    *,
    kills: int,
    last_kill: float = 0.0,
    lanes: int = 1,
    batch_size: int = 500,
    dead: Iterable[str] = (),
    moved: bool = False,
) -> Verdict:
    """Return the verdict on one run.

    Args:
        log: What the destination received.
        reports: What the children told.
        kills: How many of them were killed.
        last_kill: When the last was killed, on the monotonic clock.
        lanes: Deliveries side by side in each child.
        batch_size: Most events in a delivery.
        dead: The ids in the dead-letter store.
        moved: Whether a kill came while a journal was being moved into another: what was moved
            last is then in both.
    """
    verdict = Verdict(kills=kills)
    there = log.ids | set(dead)
    before = {
        each.event_id
        for each in log.arrivals
        if (batch := log.batches.get(each.batch)) is not None and batch.at < last_kill
    }
    reports = list(reports)
    for report in reports:
        lost = report.durable - there
        verdict.durable += len(report.durable)
        verdict.lost += len(lost)
        verdict.recovered += len((report.durable & there) - before)
        verdict.accepted_lost += len(report.accepted - there)
        if lost:
            verdict.faults.append(f"{len(lost)} durable events lost, as {min(lost)}")
    _count_duplicates(log, verdict, most=kills * lanes * batch_size, moved=moved)
    verdict.faults += [f"strange: {text}" for text in log.strange[:3]]
    verdict.faults += _disorder(log)[:3]
    verdict.faults += [fault for report in reports for fault in unbalanced(report)]
    return verdict


def _count_duplicates(log: Log, verdict: Verdict, *, most: int, moved: bool) -> None:
    """Count second arrivals. Only what was in flight when a connection ended may come again."""
    last_of: dict[int, int] = {each.connection: each.batch for each in log.arrivals}
    firsts: dict[str, Arrival] = {}
    early = 0
    for arrival in log.arrivals:
        first = firsts.get(arrival.event_id)
        if first is None:
            firsts[arrival.event_id] = arrival
            continue
        if first.name != arrival.name:
            verdict.faults.append(f"{first.name} and {arrival.name} have one id")
        if first.batch != last_of[first.connection]:
            early += 1
        if first.connection in log.cut:
            verdict.cut_duplicated += 1
        else:
            verdict.duplicated += 1
        # What comes a third time is compared with the second.
        firsts[arrival.event_id] = arrival
    if early and not moved:
        verdict.faults.append(f"{early} events came again that had been confirmed long before")
    if verdict.duplicated > most:
        verdict.faults.append(f"{verdict.duplicated} duplicates, more than {most}")


def _disorder(log: Log) -> list[str]:
    """Return where the first arrivals of one process and key are not in order."""
    newest: dict[tuple[str, str], int] = {}
    seen: set[Name] = set()
    faults = []
    for arrival in log.arrivals:
        name = arrival.name
        if name in seen:
            continue
        seen.add(name)
        if name.number < newest.get((name.process, name.key), 0):
            faults.append(f"{name} came after {newest[name.process, name.key]}")
        newest[name.process, name.key] = name.number
    return faults


def unbalanced(report: Report) -> list[str]:
    """Return the channels whose books do not add up in what a child told at its end."""
    faults = []
    for note in report.notes:
        for name, books in note.facts.get("statistics", {}).get("backplanes", {}).items():
            if books["enqueued"] + books["recovered"] != fates(books):
                faults.append(f"the books of {name} do not add up ({note.what}): {books}")
    return faults


def fates(books: dict[str, Any]) -> int:
    """Return how many events have met their fate or are buffered."""
    names = ("delivered", "dead_lettered", "expired", "handed_over", "buffered")
    dropped: dict[str, int] = books["dropped"]
    return sum(int(books[name]) for name in names) + sum(dropped.values())


def total(verdicts: Iterable[Verdict]) -> Counter[str]:
    """Return the sums of the verdicts' figures."""
    sums: Counter[str] = Counter()
    for verdict in verdicts:
        figures = msgspec.to_builtins(verdict)
        sums.update({name: value for name, value in figures.items() if isinstance(value, int)})
    return sums
