"""Real web servers under load, restarted and killed: each durable event arrives exactly once."""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias

import msgspec

from tests.faults import _table
from tests.faults._processes import ProcessFailedError
from tests.faults._web import (
    Load,
    Request,
    Server,
    deliver_the_rest,
    master_subject,
    servers,
    stored,
    waiting,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

Disturbance: TypeAlias = Literal["restart", "kill"]

disturbances: tuple[Disturbance, ...] = ("restart", "kill")


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What became of the events of all requests.

    Attributes:
        answered: Requests that were answered 200: their events were durable.
        unanswered: Requests whose connection ended first.
        refused: Requests with another answer.
        unanswered_stored: Unanswered ones whose event arrived all the same.
        lost: Answered ones whose event did not arrive.
        twice: Requests, answered or not, whose event arrived more than once.
        foreign: Events that nobody asked for.
        from_master: Events that the master published before it forked.
        waiting: Events that are still in a journal when the next process has ended, too.
        took: Seconds from the end of the load until all had arrived.
    """

    answered: int
    unanswered: int
    refused: int
    unanswered_stored: int
    lost: int
    twice: int
    foreign: int
    from_master: int
    waiting: int
    took: float

    @property
    def faults(self) -> list[str]:
        """What is against the rules."""
        found = {
            "lost": self.lost,
            "stored twice": self.twice,
            "stored and never asked for": self.foreign,
            "refused": self.refused,
            "left in journals": self.waiting,
        }
        return [f"{count} {what}" for what, count in found.items() if count]


def carry_out(name: str, *disturbed: Disturbance, seconds: float) -> Outcome:
    """Load a server, disturb it in the middle, stop it, and count.

    Args:
        name: One of `servers`.
        disturbed: What happens in the middle, one after the other.
        seconds: How long there are requests.
    """
    with tempfile.TemporaryDirectory(prefix="servers-") as path:
        folder = Path(path)
        with Server(name, folder) as server:
            server.wait_until_up()
            load = Load(server.url, folder, seconds)
            try:
                for each in disturbed:
                    time.sleep(seconds / (2 + len(disturbed)))
                    server.restart() if each == "restart" else server.kill_one()
                requests = load.wait()
            finally:
                load.kill()
            took = _await_arrival(folder, requests)
            server.terminate()
            server.wait(30, good=(0, -15))
        # A killed worker's last batch may have arrived without its journal knowing.
        asyncio.run(deliver_the_rest(folder))
        return _judge(folder, requests, took)


def _await_arrival(folder: Path, requests: Sequence[Request]) -> float:
    """Give living workers the time to adopt what dead ones left; return how long it took."""
    began = time.monotonic()
    wanted = {each.event for each in requests if each.status == 200}
    while time.monotonic() < began + 20:
        if not wanted - {event_id for event_id, _, _ in stored(folder)}:
            break
        time.sleep(0.1)
    return time.monotonic() - began


def _judge(folder: Path, requests: Sequence[Request], took: float) -> Outcome:
    rows = stored(folder)
    ids = {event_id for event_id, _, _ in rows}
    of_each = Counter((kind, subject) for _, kind, subject in rows.elements())
    asked = {each.what for each in requests}
    answered = [each for each in requests if each.status == 200]
    unanswered = [each for each in requests if each.status is None]
    from_master = ("exposure", master_subject)
    return Outcome(
        answered=len(answered),
        unanswered=len(unanswered),
        refused=len(requests) - len(answered) - len(unanswered),
        unanswered_stored=sum(of_each[each.what] for each in unanswered),
        lost=sum(each.event not in ids for each in answered),
        twice=sum(count > 1 for count in of_each.values()),
        foreign=len(of_each.keys() - asked - {from_master}),
        from_master=of_each[from_master],
        waiting=asyncio.run(waiting(folder)),
        took=took,
    )


def main(arguments: Sequence[str]) -> int:
    """Run the command; 1 when an event was lost, or came twice."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults servers", description=__doc__)
    parser.add_argument("--only", choices=servers, help="the one server to try")
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--times", type=int, default=3, help="disturbances of each run")
    given = parser.parse_args(arguments)
    table = _table.Table(
        "server", "disturbed by", "answered", "unanswered", "of these stored", "lost", "twice",
        first=36,
    )  # fmt: skip
    faults: list[str] = []
    for name in (given.only,) if given.only else servers:
        for how in disturbances:
            try:
                each = carry_out(name, *[how] * given.times, seconds=given.seconds)
            except ProcessFailedError as error:
                faults.append(f"{name}, {how}: {error}")
                continue
            table.row(
                name, how, each.answered, each.unanswered, each.unanswered_stored, each.lost,
                each.twice,
            )  # fmt: skip
            faults += [f"{name}, {how}: {fault}" for fault in each.faults]
    return _table.verdict_of(faults)
