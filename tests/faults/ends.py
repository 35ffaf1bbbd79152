"""Every way in which a process ends: what was delivered, what is kept on disk, what is lost."""

from __future__ import annotations

import argparse
import importlib.util
import time
from typing import TYPE_CHECKING

import msgspec

from tests.faults import _endings, _table, _verify
from tests.faults._app import plan_variable
from tests.faults._notes import read_report
from tests.faults._processes import ProcessFailedError, Program
from tests.faults._scene import Scene, staged

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.faults._notes import Report

shutdown_timeout = 3.0
events = 2000

servers: dict[str, tuple[str, ...]] = {
    "SIGTERM, uvicorn": ("uvicorn", "tests.faults._app:app", "--port", "0"),
    "SIGTERM, gunicorn": ("gunicorn", "tests.faults._app:app", "--workers", "2"),
    "SIGTERM, gunicorn preload": ("gunicorn", "tests.faults._app:app", "-w", "2", "--preload"),
}
_gunicorn = ("--bind", "127.0.0.1:0", "--worker-class", "uvicorn_worker.UvicornWorker")


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What came of one end.

    Attributes:
        durable: Events acknowledged as durable.
        accepted: Events acknowledged as accepted only.
        delivered: How many had arrived when the process was gone.
        kept: How many a successor delivered.
        lost: Durable ones that never arrived.
        accepted_lost: Accepted ones that never arrived.
        seconds: How long leaving the plane took; None where nobody told.
        faults: What is against the rules.
    """

    durable: int
    accepted: int
    delivered: int
    kept: int
    lost: int
    accepted_lost: int
    seconds: float | None
    faults: tuple[str, ...]


def why_not(way: str) -> str | None:
    """Return why that end cannot be tried here; None when it can."""
    module = "uvicorn_worker" if "gunicorn" in way else "uvicorn"
    if way in servers and importlib.util.find_spec(module) is None:
        return f"{module} is not installed"
    return None


def carry_out(way: str, *, up: bool) -> Outcome:
    """Have a process end that way, a successor deliver the rest, and count."""
    with staged() as scene:
        scene.destination.behave(up=up)
        (_end_server if way in servers else _end_program)(scene, way)
        at = time.monotonic()
        scene.destination.behave()
        delivered = len(_verify.read_log(scene.destination.log).ids)
        scene.drain(process="successor")
        return _judge(scene, way, at, delivered)


def _end_program(scene: Scene, way: str) -> None:
    plan = scene.plan(total=events, options=_options())
    argument = msgspec.json.encode((way, plan)).decode()
    errors = scene.folder / "ending.err"
    with Program(("tests.faults._endings", argument), errors) as program:
        if way == "fork, then killed":
            _await_note(scene, "forked", seconds=40)
            _await_note(scene, "forked barely", seconds=4)
            return
        program.wait(30, good=(0, _endings.exit_code))


def _end_server(scene: Scene, way: str) -> None:
    environment = {plan_variable: msgspec.json.encode(scene.plan(options=_options())).decode()}
    arguments = (*servers[way], *(_gunicorn if "gunicorn" in way else ()))
    workers = 2 if "gunicorn" in way else 1
    with Program(arguments, scene.folder / "server.err", environment=environment) as server:
        until = time.monotonic() + 20
        while time.monotonic() < until and sum(bool(r.durable) for r in _reports(scene)) < workers:
            time.sleep(0.1)
        time.sleep(1.0)
        server.terminate()
        server.wait(30, good=(0, -15))


def _options() -> dict[str, object]:
    return {"shutdownTimeoutMs": int(shutdown_timeout * 1000)}


def _await_note(scene: Scene, what: str, *, seconds: float) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until and not any(r.last(what) for r in _reports(scene)):
        time.sleep(0.1)


def _reports(scene: Scene) -> list[Report]:
    return [read_report(path) for path in scene.folder.glob("p*.report")]


def _judge(scene: Scene, way: str, at: float, delivered: int) -> Outcome:
    log = _verify.read_log(scene.destination.log)
    reports = _reports(scene)
    kills = len(reports) if way in {"os._exit", "fork, then killed"} else 0
    verdict = _verify.judge(log, reports, kills=kills, last_kill=at)
    faults = list(verdict.faults)
    if not kills and verdict.accepted_lost:
        faults.append(f"{verdict.accepted_lost} accepted events lost by an orderly end")
    faults += _faults_of(way, reports)
    own = {each.event_id for each in log.arrivals if each.name.process != "successor"}
    return Outcome(
        durable=verdict.durable,
        accepted=sum(len(report.accepted) for report in reports),
        delivered=delivered,
        kept=len(own) - delivered,
        lost=verdict.lost,
        accepted_lost=verdict.accepted_lost,
        seconds=_took(reports),
        faults=tuple(faults),
    )


def _took(reports: Sequence[Report]) -> float | None:
    closed = reports[0].last("closed") if reports else None
    return None if closed is None else float(closed.facts["seconds"])


def _faults_of(way: str, reports: Sequence[Report]) -> list[str]:
    """Return what is wrong with that way beside losses."""
    if not reports or not any(report.durable for report in reports):
        return ["nothing was published"]
    refused = reports[0].last("refused")
    if way == "second async with" and (refused is None or refused.facts["times"] != 2):
        return ["the plane could be entered twice"]
    if way == "close of the plugin hangs" and reports[0].last("closed") is None:
        return ["the plane was not left"]
    if way == "fork, then killed" and reports[0].last("forked") is None:
        return ["the parent could not go on after its children had ended"]
    return []


def main(arguments: Sequence[str]) -> int:
    """Run the command; 1 when an event was lost that must not be."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults ends", description=__doc__)
    parser.add_argument("--only", help="the one end to try")
    given = parser.parse_args(arguments)
    table = _table.Table(
        "end", "destination", "durable", "accepted", "delivered", "kept", "durable lost",
        "accepted lost", first=26,
    )  # fmt: skip
    faults: list[str] = []
    for way in (*_endings.ways, *servers):
        if given.only not in {None, way}:
            continue
        if (why := why_not(way)) is not None:
            _table.say(f"{way}: skipped, because {why}")
            continue
        for up in (True, False):
            try:
                each = carry_out(way, up=up)
            except ProcessFailedError as error:
                faults.append(f"{way}: {error}")
                continue
            table.row(
                way, "up" if up else "down", each.durable, each.accepted, each.delivered,
                each.kept, each.lost, each.accepted_lost,
            )  # fmt: skip
            faults += [f"{way}, {'up' if up else 'down'}: {fault}" for fault in each.faults]
            most = shutdown_timeout + 0.25
            if way == "close of the plugin hangs" and each.seconds and each.seconds > most:
                faults.append(f"{way}: leaving took {each.seconds:.2f} s, at most {most:g} s")
    return _table.verdict_of(faults)
