"""What an event costs on its way to Service Bus, beside a loop by hand over its client."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.benchmarks._delay import delayed
from tests.benchmarks._report import Bar, Report
from tests.benchmarks._run import NothingToMeasureError, Side, alternate
from tests.benchmarks._servicebus_sides import WARM
from tests.peers.proton import why_missing

if TYPE_CHECKING:
    from tests.peers.amqp.peer import ServiceBusPeer

_batch_bytes = 256 * 1024
_added = 0.02
_few_sessions = 20


def run(*, quick: bool) -> Report:
    """Measure batches of 100 and 500, building alone, and lanes far from the broker."""
    if (why := why_missing()) is not None:
        raise NothingToMeasureError(why)
    from tests.peers.amqp.peer import ServiceBusPeer

    events, rounds = (1_000, 1) if quick else (10_000, 3)
    report = Report(benchmark="servicebus")
    with ServiceBusPeer() as peer, delayed(0, peer.ports.amqp, _added / 2) as far:
        lost = sum(_portions(report, peer, each, events, rounds) for each in (100, 500))
        _building(report, events, rounds)
        there = peer.connection_string().replace(f":{peer.ports.amqp};", f":{far};")
        for sessions, number in ((0, events), (_few_sessions, events // 10)):
            at = {"connection_string": there, "sessions": sessions}
            lost += _lanes(report, peer, at, number, rounds)
    report.notes = [
        (
            f"{rounds} rounds of fresh processes, medians; {events:,} records, "
            f"batches up to {_batch_bytes // 1024} KiB, three properties and traceparent"
        ),
        "the broker is our own AMQP peer on the same machine: read the ratios, not the rows",
        "RSS is the peak less what there was before, with the records already made",
        "the loop's lag is of a second pass over the same records: watching it costs CPU",
        f"+ {_added * 1000:.0f} ms is added to the way there and back, by a proxy",
        f"events lost: {lost:.0f}",
    ]
    return report


def _portions(report: Report, peer: ServiceBusPeer, batch: int, events: int, rounds: int) -> int:
    sides = {"backplane": "backplane", "by hand": "by_hand"}
    for queue in sides:
        peer.queue(queue)
    given = {"connection_string": peer.connection_string(), "batch": batch, "events": events}
    result = alternate(
        {
            side: Side("_servicebus_sides", function, {**given, "queue": side})
            for side, function in sides.items()
        },
        rounds,
    )
    more = Bar("ratio >= 0.95", 0.95, on="ratio", at_least=True)
    less = Bar("ratio <= 1.05", 1.05, on="ratio")
    for what, figure, unit, bar in (
        ("events/s", "per_second", "/s", more),
        ("CPU per event", "cpu", "us", less),
        ("loop lag p99", "lag", "ms", Bar("<= 10 ms", 10)),
        ("RSS added", "rss", "MiB", None),
    ):
        report.add(
            f"{what}, {batch} at a time",
            unit,
            result.median("backplane", figure),
            beside="by hand",
            other=result.median("by hand", figure),
            ratio=result.ratio("backplane", "by hand", figure),
            bar=bar,
        )
    # The records go twice: for the costs, and for the loop's lag.
    expected = rounds * (2 * events + WARM)
    return sum(expected - len(peer.messages(queue)) for queue in sides)


def _building(report: Report, messages: int, rounds: int) -> None:
    given = {"batch_bytes": _batch_bytes, "messages": messages}
    result = alternate({"building": Side("_servicebus_sides", "building", given)}, rounds)
    bar = Bar("ratio <= 0.5", 0.5, on="ratio")
    for what, figure, judged in (
        ("building a message", "", bar),
        ("of that, the message", ", made", None),
        ("of that, its place in a batch", ", added", None),
    ):
        ours, other = f"ours{figure}", f"by hand{figure}"
        report.add(
            what,
            "us",
            result.median("building", ours),
            beside="by hand",
            other=result.median("building", other),
            ratio=result.ratio("building", "building", ours, other),
            bar=judged,
        )


def _lanes(
    report: Report, peer: ServiceBusPeer, given: dict[str, object], events: int, rounds: int
) -> int:
    peer.queue("lanes")
    given = {**given, "queue": "lanes", "events": events}
    result = alternate(
        {
            f"lanes {number}": Side("_servicebus_sides", "lanes", {**given, "concurrency": number})
            for number in (4, 1)
        },
        rounds,
    )
    sessions = given["sessions"]
    report.add(
        f"events/s, 4 lanes, {f'{sessions} sessions' if sessions else 'no sessions'}, + 20 ms",
        "/s",
        result.median("lanes 4", "per_second"),
        beside="1 lane",
        other=result.median("lanes 1", "per_second"),
        ratio=result.ratio("lanes 4", "lanes 1", "per_second"),
        bar=Bar("ratio >= 3", 3, on="ratio", at_least=True),
    )
    return 2 * rounds * (events + WARM) - len(peer.messages("lanes"))
