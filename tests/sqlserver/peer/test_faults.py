"""The backplane, with the genuine driver, on a server that fails in every way it can."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING

import msgspec
import pytest

from experimentframework_core.errors import PermanentError, TransientError, UnavailableError
from experimentframework_core.plugin import OpenContext
from experimentframework_core.testing import make_records
from experimentframework_sqlserver import SqlServerOptions, plugin
from tests.peers.tds.faults import Fault
from tests.sqlserver.peer.deliveries import deliver_all, once, stored, until_it_hangs

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import AsyncIterator, Callable

    from experimentframework_core.envelope import Record
    from experimentframework_core.plugin import Backplane
    from tests.peers.tds.peer import TdsPeer

    Rows = Callable[[], Counter[str]]

CONTEXT = OpenContext(name="events")
INSERT = "INSERT INTO"
THROTTLED = 5.0
"""Seconds that a server is left alone which says that it has too much to do."""


@pytest.fixture(params=[True, False], ids=["always looks", "looks again"])
def options(options: SqlServerOptions, request: pytest.FixtureRequest) -> SqlServerOptions:
    """Return options with and without ``enableIdempotency``."""
    return msgspec.structs.replace(options, enable_idempotency=request.param)


@pytest.fixture
def records() -> list[Record]:
    """Return the records that are delivered."""
    return make_records(20)


@pytest.fixture
def rows(peer: TdsPeer, database: str) -> Rows:
    """Return a function that tells how often each event id is in the table."""
    return partial(stored, peer, database)


@pytest.fixture
async def backplane(options: SqlServerOptions) -> AsyncIterator[Backplane]:
    """Return an open backplane."""
    async with plugin.open(options, CONTEXT) as opened:
        yield opened


@pytest.fixture
async def hurried(options: SqlServerOptions) -> AsyncIterator[Backplane]:
    """Return an open backplane whose statements have a second."""
    limited = msgspec.structs.replace(options, command_timeout_seconds=1)
    async with plugin.open(limited, CONTEXT) as opened:
        yield opened


def an_error(number: int, *, severity: int = 16, after: bool = False, times: int = 1) -> Fault:
    return Fault(
        what="error",
        matching=INSERT,
        number=number,
        message=f"made up for number {number}",
        severity=severity,
        after=after,
        times=times,
    )


done_or_not = pytest.mark.parametrize("after", [False, True], ids=["nothing done", "done"])
"""Whether the server has done what it was asked when the fault comes."""


@pytest.mark.parametrize(
    ("number", "severity", "retry_after", "kept"),
    [
        (1222, 16, None, True),
        (3960, 16, None, True),
        (701, 17, None, True),
        (40197, 17, None, True),
        (8645, 17, THROTTLED, True),
        (10928, 16, THROTTLED, True),
        (10929, 16, THROTTLED, True),
        (40501, 20, THROTTLED, False),
        (40613, 20, THROTTLED, False),
        (49918, 16, THROTTLED, True),
        (49919, 16, THROTTLED, True),
        (49920, 16, THROTTLED, True),
        (596, 21, None, False),
    ],
)
async def test_a_server_that_cannot_now(
    backplane: Backplane,
    peer: TdsPeer,
    records: list[Record],
    rows: Rows,
    *,
    number: int,
    severity: int,
    retry_after: float | None,
    kept: bool,
) -> None:
    """Given an error that will pass, When it comes again, Then it is there once."""
    before = peer.state.logins
    peer.inject(an_error(number, severity=severity))

    with pytest.raises(TransientError, match=f"made up for number {number}") as raised:
        await backplane.deliver(records)
    failed = await deliver_all(backplane, records)

    assert (type(raised.value), raised.value.retry_after) == (TransientError, retry_after)
    assert failed <= (0 if kept else 1)
    assert peer.state.logins == before + (0 if kept else 1)
    assert rows() == once(records)


@pytest.mark.parametrize("number", [229, 262, 515, 1105, 3906, 9002])
async def test_a_server_that_somebody_must_mend(
    backplane: Backplane, peer: TdsPeer, records: list[Record], rows: Rows, number: int
) -> None:
    """Given an error that will not pass by itself, When it comes, Then that is said."""
    peer.inject(an_error(number))

    with pytest.raises(UnavailableError, match=f"made up for number {number}"):
        await backplane.deliver(records)
    await backplane.deliver(records)

    assert rows() == once(records)


@pytest.mark.parametrize("number", [2601, 2627, 1205])
async def test_another_writer_is_in_the_way(
    backplane: Backplane, peer: TdsPeer, records: list[Record], rows: Rows, number: int
) -> None:
    """Given a duplicate or a deadlock, When it comes, Then the statement is executed again."""
    before = peer.state.logins
    peer.inject(
        msgspec.structs.replace(an_error(number, times=3), dooms=number == 1205, severity=13)
    )

    await backplane.deliver(records)

    assert peer.state.faults == 0
    assert peer.state.logins == before
    assert rows() == once(records)


async def test_deadlocks_without_end_are_given_back(
    backplane: Backplane, peer: TdsPeer, records: list[Record], rows: Rows
) -> None:
    """Given deadlocks and nothing else, When it has tried enough, Then the channel waits."""
    peer.inject(an_error(1205, times=-1))

    with pytest.raises(TransientError, match="made up for number 1205") as raised:
        await backplane.deliver(records)
    peer.release()
    await backplane.deliver(records)

    assert type(raised.value) is TransientError
    assert rows() == once(records)


@done_or_not
async def test_a_connection_is_cut(
    backplane: Backplane, peer: TdsPeer, records: list[Record], rows: Rows, *, after: bool
) -> None:
    """Given a cut before or after the commit, When it comes again, Then one statement looks."""
    before = peer.state
    peer.inject(Fault(what="cut", matching=INSERT, after=after))

    with pytest.raises(TransientError) as raised:
        await backplane.deliver(records)
    unconfirmed = rows()
    await backplane.deliver(records)

    assert type(raised.value) is TransientError
    assert unconfirmed == (once(records) if after else {})
    assert rows() == once(records)
    assert peer.state.statements == before.statements + 2
    assert peer.state.logins == before.logins + 1


async def test_a_server_that_answers_late_has_not_failed(
    backplane: Backplane, peer: TdsPeer, records: list[Record], rows: Rows
) -> None:
    """Given an answer within the time, When it is late, Then that is no failure."""
    peer.inject(Fault(what="slow", matching=INSERT, seconds=0.2))

    await backplane.deliver(records)

    assert rows() == once(records)


@done_or_not
async def test_a_statement_outlasts_its_time(
    hurried: Backplane, peer: TdsPeer, records: list[Record], rows: Rows, *, after: bool
) -> None:
    """Given a statement that hangs, When its time is up, Then it is cancelled and comes again."""
    before = peer.state
    peer.inject(Fault(what="hang", matching=INSERT, after=after))

    with pytest.raises(TransientError, match="timeout expired") as raised:
        await hurried.deliver(records)
    await hurried.deliver(records)

    assert type(raised.value) is TransientError
    assert peer.state.cancelled == before.cancelled + 1
    assert peer.state.logins == before.logins + 1
    assert rows() == once(records)


@done_or_not
async def test_a_delivery_is_cancelled(
    backplane: Backplane, peer: TdsPeer, records: list[Record], rows: Rows, *, after: bool
) -> None:
    """Given a statement that hangs, When its delivery is cancelled, Then so is the statement."""
    before = peer.state
    peer.inject(Fault(what="hang", matching=INSERT, after=after))

    delivering = asyncio.ensure_future(backplane.deliver(records))
    await until_it_hangs(peer)
    delivering.cancel()
    with pytest.raises(asyncio.CancelledError):
        await delivering
    await backplane.deliver(records)

    assert peer.state.cancelled == before.cancelled + 1
    assert rows() == once(records)


async def test_the_loop_goes_on_while_a_delivery_hangs(
    backplane: Backplane, peer: TdsPeer, records: list[Record], rows: Rows
) -> None:
    """Given a statement that hangs, When others want the loop, Then they have it."""
    peer.inject(Fault(what="hang", matching=INSERT))

    delivering = asyncio.ensure_future(backplane.deliver(records))
    await until_it_hangs(peer)
    for _ in range(1000):
        await asyncio.sleep(0)
    still = not delivering.done()
    peer.release()
    await delivering

    assert still
    assert rows() == once(records)


@pytest.mark.parametrize("number", [220, 241, 547, 2628, 8115, 8152])
async def test_a_record_is_refused_for_ever(
    backplane: Backplane, peer: TdsPeer, rows: Rows, number: int
) -> None:
    """Given one record that the server refuses, When it is delivered, Then that is no outage."""
    good, bad = make_records(19), make_records(1)
    peer.inject(msgspec.structs.replace(an_error(number, times=-1), matching=bad[0].event_id))

    with pytest.raises(PermanentError, match=f"made up for number {number}"):
        await backplane.deliver([*good, *bad])
    nothing = rows()
    await backplane.deliver(good)

    assert nothing == {}
    assert rows() == once(good)


async def test_a_duplicate_of_another_writers_is_no_failure(
    options: SqlServerOptions, backplane: Backplane, records: list[Record], rows: Rows
) -> None:
    """Given half of a batch is stored already, When it is delivered, Then the rest is added."""
    async with plugin.open(options, CONTEXT) as other:
        await other.deliver(records[::2])

    await backplane.deliver(records)

    assert rows() == once(records)


async def test_no_table_and_nobody_to_make_it(options: SqlServerOptions) -> None:
    """Given autoMigrate is off and no table, When it opens, Then the command is said."""
    unmade = msgspec.structs.replace(options, auto_migrate=False)

    with pytest.raises(UnavailableError, match="experimentframework sqlserver migrate --config"):
        async with plugin.open(unmade, CONTEXT):
            pass


async def test_a_fault_at_the_login_is_an_outage(options: SqlServerOptions, peer: TdsPeer) -> None:
    """Given a database that is moved just now, When it opens, Then it may be tried again."""
    peer.inject(Fault(what="error", at="login", number=40613, message="not available", times=2))

    with pytest.raises(TransientError, match="not available") as raised:
        async with plugin.open(options, CONTEXT):
            pass

    assert (type(raised.value), raised.value.retry_after) == (TransientError, THROTTLED)
