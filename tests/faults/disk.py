"""A disk that is full, fails, or may not be written; two processes on it; a clock set back."""

from __future__ import annotations

import argparse
import resource
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import msgspec

from tests.faults import _mounts, _system_calls, _table, _verify
from tests.faults._processes import ProcessFailedError
from tests.faults._scene import Scene, staged

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from tests.faults._processes import Child

allowed = {"accepted: BufferFullError", "durable: BufferFullError", "durable: AckTimeoutError"}
"""What ``publish`` may raise while nothing can be written, by acknowledgement."""

_time_to_recover = 20.0
"""Seconds after the disk is well again; the journal is tried at least once a second."""

_time_to_fail = 15.0
"""Seconds after which the disk is full, or has failed, on the slowest machine."""

_size = 4 * 1024 * 1024


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a disk's failure.

    Attributes:
        durable: Events acknowledged as durable.
        during: What health said while the disk failed.
        after: What it said when the disk was well again.
        errors: What ``publish`` raised, and how often.
        lost: Durable events that never arrived.
        accepted_lost: Accepted ones that never arrived.
        faults: What is against the rules.
    """

    durable: int
    during: str
    after: str
    errors: dict[str, int]
    lost: int
    accepted_lost: int
    faults: tuple[str, ...]


def full_by_limit() -> Outcome:
    """No file of the child may grow beyond a size, for a while."""
    with staged() as scene:
        scene.destination.behave(up=False)
        child = scene.start(scene.plan(rate=4000))
        child.hear()
        limit = resource.prlimit(child.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(child.pid, resource.RLIMIT_FSIZE, (_size, limit[1]))
        during = _health_once_failing(child)
        time.sleep(1.0)
        resource.prlimit(child.pid, resource.RLIMIT_FSIZE, limit)
        return _end(scene, child, during)


def full_by_size() -> Outcome:
    """The file system of the journal is small, and grows after a while."""
    with _mounted(_size) as scene:
        scene.destination.behave(up=False)
        child = scene.start(scene.plan(rate=4000))
        child.hear()
        during = _health_once_failing(child)
        time.sleep(1.0)
        _mounts.mount("-o", f"remount,size={32 * _size}", str(scene.folder / "buffer"))
        return _end(scene, child, during)


def failing_writes() -> Outcome:
    """Every write and sync of the journal's files fails for a while (EIO)."""
    wrapper = _system_calls.failing("error=EIO:when=60..66", "pwrite64,fdatasync")
    with staged() as scene:
        scene.destination.behave(up=False)
        child = scene.start(scene.plan(rate=1000), wrapper=wrapper)
        child.hear()
        return _end(scene, child, _health_once_failing(child))


def read_only() -> Outcome:
    """The folder cannot be written when a process starts: it says so, and the next one works."""
    with _mounted(8 * _size) as scene:
        folder = str(scene.folder / "buffer")
        _mounts.mount("-o", "remount,ro", folder)
        refused = scene.start(scene.plan(rate=1000))
        refused.wait(20, good=(1,))
        said = refused.said.splitlines()[-1]
        _mounts.mount("-o", "remount,rw", folder)
        child = scene.start(scene.plan(rate=1000))
        child.hear()
        outcome = _end(scene, child, said, failing=False)
    if "JournalError" not in said or folder not in said:
        return msgspec.structs.replace(outcome, faults=(*outcome.faults, f"it said {said!r}"))
    return outcome


def two_processes() -> Outcome:
    """Two processes have one path, and each a folder of its own in it."""
    with staged() as scene:
        scene.destination.behave(up=False)
        children = [scene.start(scene.plan(rate=2000)) for _ in range(2)]
        for child in children:
            child.hear()
        during = _health_after(children[0], 1.0)
        folders = len(scene.journals)
        children[0].ask("close")
        children[0].wait()
        outcome = _end(scene, children[1], during, failing=False)
    if folders != len(children):
        fault = f"{folders} folders for {len(children)} processes"
        return msgspec.structs.replace(outcome, faults=(*outcome.faults, fault))
    return outcome


def clock_set_back() -> Outcome:
    """A process's clock is a day ahead; its successor's is right, and its events may be old."""
    with staged() as scene:
        scene.destination.behave(up=False)
        options = {"retry": {"maxAgeMs": 3_600_000}}
        first = scene.start(scene.plan(rate=2000, clock=86_400.0, options=options))
        first.hear()
        during = _health_after(first, 1.0)
        first.kill()
        child = scene.start(scene.plan(rate=500, options=options))
        child.hear()
        return _end(scene, child, during, failing=False, kills=1)


cases: dict[str, Callable[[], Outcome]] = {
    "full, by RLIMIT_FSIZE": full_by_limit,
    "full, by a small tmpfs": full_by_size,
    "EIO": failing_writes,
    "read-only at the start": read_only,
    "two processes": two_processes,
    "clock set back a day": clock_set_back,
}


def why_not(case: str) -> str | None:
    """Return why that case cannot be tried here; None when it can."""
    if case == "EIO":
        return _system_calls.why_not()
    if case in {"full, by a small tmpfs", "read-only at the start"}:
        return _mounts.why_not()
    return None


@contextmanager
def _mounted(size: int) -> Iterator[Scene]:
    """Yield a scene with a file system of that size for its journals."""
    with staged() as scene:
        folder = scene.folder / "buffer"
        folder.mkdir()
        _mounts.mount("-t", "tmpfs", "-o", f"size={size}", "none", str(folder))
        try:
            yield scene
        finally:
            for child in scene.children:
                child.kill()
            _mounts.unmount(folder)


def _health_after(child: Child, seconds: float) -> str:
    time.sleep(seconds)
    child.ask("health")
    note = child.report.last("health")
    assert note is not None
    channel = note.facts["health"]["diagnostics"].get("line", {})
    error = channel.get("diagnostics", {}).get("journal", {}).get("error")
    return f"{note.facts['health']['status']}{', journal: ' + error if error else ''}"


def _health_once_failing(child: Child) -> str:
    """Return what health says as soon as that is of the journal, or at last."""
    until = time.monotonic() + _time_to_fail
    while "journal" not in (during := _health_after(child, 0.1)) and time.monotonic() < until:
        pass
    return during


def _end(
    scene: Scene, child: Child, during: str, *, failing: bool = True, kills: int = 0
) -> Outcome:
    """Let the child recover, see that it takes durable events again, drain, and judge."""
    until = time.monotonic() + _time_to_recover
    while "journal" in (after := _health_after(child, 0.5)) and time.monotonic() < until:
        pass
    recovered = _takes_durable_events(child)
    scene.destination.behave()
    child.ask("drain")
    child.wait(90)
    scene.drain()
    log = _verify.read_log(scene.destination.log)
    verdict = _verify.judge(log, scene.reports, kills=kills)
    told = child.report.last("error")
    errors: dict[str, Any] = told.facts["errors"] if told else {}
    faults = list(verdict.faults)
    faults += [f"publish raised {error}" for error in errors if error not in allowed]
    if verdict.accepted_lost and not kills:
        faults.append(f"{verdict.accepted_lost} accepted events lost")
    if failing and "journal" not in during:
        faults.append(f"health said nothing of the journal while it failed: {during}")
    if not recovered or "journal" in after:
        faults.append(f"it did not recover by itself: {after}")
    return Outcome(
        durable=verdict.durable,
        during=during,
        after=after,
        errors=errors,
        lost=verdict.lost,
        accepted_lost=verdict.accepted_lost,
        faults=tuple(faults),
    )


def _takes_durable_events(child: Child) -> bool:
    before, until = len(child.report.durable), time.monotonic() + _time_to_recover
    while child.plan.durable and len(child.report.durable) == before:
        if time.monotonic() > until:
            return False
        time.sleep(0.1)
    return True


def main(arguments: Sequence[str]) -> int:
    """Run the command; 1 when a durable event was lost, or a failure was not survived."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults disk", description=__doc__)
    parser.add_argument("--only", choices=list(cases), help="the one case to try")
    given = parser.parse_args(arguments)
    table = _table.Table("disk", "durable", "lost", "accepted lost", "said")
    faults: list[str] = []
    for name, carry_out in cases.items():
        if given.only not in {None, name}:
            continue
        if (why := why_not(name)) is not None:
            _table.say(f"{name}: skipped, because {why}")
            continue
        try:
            each = carry_out()
        except ProcessFailedError as error:
            faults.append(f"{name}: {error}")
            continue
        said = f"{each.during} | then {each.after}; raised {each.errors or 'nothing'}"
        table.row(name, each.durable, each.lost, each.accepted_lost, said)
        faults += [f"{name}: {fault}" for fault in each.faults]
    return _table.verdict_of(faults)
