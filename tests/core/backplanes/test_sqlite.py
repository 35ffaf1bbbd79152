"""The embedded store: its rows, duplicates, transactions, times, retention and views."""

from __future__ import annotations

import asyncio
import sqlite3
import tempfile
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from experimentframework_core.backplanes.sqlite import (
    SqliteBackplane,
    SqliteOptions,
    check_sqlite,
    open_sqlite,
    plugin,
    read_sqlite,
)
from experimentframework_core.codec import encode_record
from experimentframework_core.plugin import OpenContext, Selection
from experimentframework_core.testing import (
    BackplaneConformance,
    make_envelope,
    make_exposure,
    make_outcome,
    make_record,
    make_records,
)
from tests.core.backplanes._event_files import event_ids, query, read

if TYPE_CHECKING:
    from experimentframework_core.envelope import Envelope

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)


class TestConformance(BackplaneConformance[SqliteOptions]):
    plugin = plugin

    @pytest.fixture
    def options(self, tmp_path: Path) -> SqliteOptions:
        return SqliteOptions(path=str(tmp_path / "new" / "events.db"))

    def unreachable(self, options: SqliteOptions) -> SqliteOptions:
        return SqliteOptions(path="/proc/nothing/events.db")

    async def plant(self, options: SqliteOptions, body: bytes) -> bool:
        with closing(sqlite3.connect(options.path)) as connection, connection:
            connection.execute(
                "INSERT INTO events (event_id, type, schema_version, occurred_at, stored_at, body)"
                " VALUES ('broken', 'exposure', '1.0.0', 0, 0, ?)",
                (body.decode(),),
            )
        return True


async def test_each_event_is_a_row(path: Path) -> None:
    """A row holds what queries need in columns of its own, and the body as it was encoded."""
    event = make_exposure(tenant_id="acme", subject_id="u-42", timestamp=NOON)
    record = make_record(event, event_id="e-1", correlation_id="request-1")

    async with SqliteBackplane(path, now=lambda: NOON + timedelta(seconds=1)) as backplane:
        await backplane.deliver([record])

    noon = int(NOON.timestamp()) * 1_000_000
    assert query(path, "SELECT * FROM events") == [
        (
            1,
            "e-1",
            "exposure",
            "1.0.0",
            "checkout",
            "express",
            "u-42",
            "acme",
            "request-1",
            noon,
            noon + 1_000_000,
            record.body.decode(),
        )
    ]


async def test_an_event_is_stored_once(path: Path) -> None:
    """An event that comes again, even changed and inside one batch, changes nothing."""
    first = make_record(make_outcome(value=1.0), event_id="e-1")
    again = make_record(make_outcome(value=2.0), event_id="e-1")

    async with SqliteBackplane(path) as backplane:
        await backplane.deliver([first, again])
        await backplane.deliver([again])

    assert query(path, "SELECT body FROM events") == [(first.body.decode(),)]


async def test_one_delivery_is_one_transaction(path: Path) -> None:
    """A batch that fails in the middle stores nothing."""
    good, bad = make_records(2)
    async with SqliteBackplane(path) as backplane:
        with closing(sqlite3.connect(path)) as connection:
            connection.execute(
                "CREATE TRIGGER refuse BEFORE INSERT ON events WHEN new.event_id = "
                f"'{bad.event_id}' BEGIN SELECT raise(ABORT, 'refused'); END"
            )

        with pytest.raises(Exception, match="refused"):
            await backplane.deliver([good, bad])

    assert query(path, "SELECT count(*) FROM events") == [(0,)]


@pytest.mark.parametrize(
    "time",
    [
        datetime(1, 1, 1, tzinfo=UTC),
        datetime(1969, 12, 31, 23, 59, 59, 999999, tzinfo=UTC),
        datetime(2026, 5, 1, 12, 0, 0, 1, tzinfo=UTC),
        datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC),
    ],
)
async def test_times_are_exact_to_the_microsecond(path: Path, time: datetime) -> None:
    """A time selects its own event, from the first to the last year there is."""
    record = make_record(make_exposure(timestamp=time), timestamp=time)

    async with SqliteBackplane(path) as backplane:
        await backplane.deliver([record])

    (stored,) = query(path, "SELECT occurred_at FROM events")[0]
    assert datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=stored) == time
    assert len(await read(path, Selection(since=time))) == 1
    assert len(await read(path, Selection(until=time))) == 0


_text = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


_name = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)


_value = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(-1e9, 1e9) | _text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_text, inner, max_size=3),
    max_leaves=5,
)


_times = st.datetimes(datetime(1900, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001


_event = st.builds(
    make_exposure,
    experiment_name=_name,
    variant_key=_name,
    subject_id=_name,
    tenant_id=st.none() | _name,
    timestamp=_times,
    attributes=st.none() | st.dictionaries(_text, _value, max_size=3),
)


_envelopes = st.builds(
    make_envelope,
    _event | st.builds(make_outcome, subject_id=_name, value=st.floats(-1e9, 1e9)),
    timestamp=_times,
    correlation_id=st.none() | _name,
)


@given(st.lists(_envelopes, max_size=5))
@settings(max_examples=50, deadline=None)
async def test_what_is_delivered_is_read_back_equal(envelopes: list[Envelope]) -> None:
    """Any events come back as they were, in the order in which they were delivered."""
    records = [encode_record(envelope) for envelope in envelopes]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "events.db"

        async with SqliteBackplane(path) as backplane:
            await backplane.deliver(records)

        assert await read(path) == envelopes


class TestRetention:
    """``retentionDays``: what is older goes, slice by slice."""

    @staticmethod
    async def fill(path: Path, *ages: int, number: int = 1) -> None:
        records = [
            make_record(timestamp=NOON - timedelta(days=age)) for age in ages for _ in range(number)
        ]
        async with SqliteBackplane(path, now=lambda: NOON) as backplane:
            await backplane.deliver(records)

    async def test_opening_removes_what_is_too_old(self, path: Path) -> None:
        """What happened before the days is removed when the file is opened; the rest stays."""
        await self.fill(path, 8, 6, 1)

        async with SqliteBackplane(path, retention_days=7, now=lambda: NOON):
            pass

        assert query(path, "SELECT position FROM events") == [(2,), (3,)]

    async def test_nothing_is_removed_without_days(self, path: Path) -> None:
        """By default events are kept for ever."""
        await self.fill(path, 10_000)

        async with SqliteBackplane(path, now=lambda: NOON):
            pass

        assert query(path, "SELECT count(*) FROM events") == [(1,)]

    async def test_deliveries_go_on_with_what_is_left(self, path: Path) -> None:
        """A long backlog is removed beside normal work, one bounded slice per delivery."""
        await self.fill(path, 8, number=1500)

        async with SqliteBackplane(path, retention_days=7, now=lambda: NOON) as backplane:
            left_by_opening = query(path, "SELECT count(*) FROM events")
            await backplane.deliver([make_record(timestamp=NOON)])

        assert left_by_opening == [(500,)]
        assert query(path, "SELECT count(*) FROM events") == [(1,)]

    async def test_positions_are_never_used_again(self, path: Path) -> None:
        """A checkpoint holds when everything before it has been removed."""
        await self.fill(path, 8, 8)
        reader = read_sqlite(SqliteOptions(path=str(path)), Selection())
        assert len([envelope async for envelope in reader]) == 2
        new = make_record(timestamp=NOON)

        async with SqliteBackplane(path, retention_days=7, now=lambda: NOON) as backplane:
            await backplane.deliver([new])

        rest = await read(path, Selection(checkpoint=reader.checkpoint))
        assert [envelope.event_id for envelope in rest] == [new.event_id]


class TestQueries:
    """What people and reports ask the file."""

    async def test_exposures_and_outcomes_are_views(self, path: Path) -> None:
        """The views give times as text and the payload's fields as columns, to be joined."""
        exposure = make_exposure(subject_id="u-1", selection_reason="rule", timestamp=NOON)
        outcome = make_outcome(subject_id="u-1", name="spent", value=2.5)

        async with SqliteBackplane(path) as backplane:
            await backplane.deliver([make_record(exposure), make_record(outcome)])

        assert query(
            path,
            "SELECT exposures.time, experiment, exposures.variant, subject, name, value,"
            " selection_reason FROM exposures JOIN outcomes USING (experiment, subject)",
        ) == [("2026-05-01T12:00:00.000Z", "checkout", "express", "u-1", "spent", 2.5, "rule")]

    @pytest.mark.parametrize(
        ("sql", "index"),
        [
            ("SELECT * FROM exposures WHERE experiment = 'checkout'", "events_by_experiment"),
            (
                "SELECT * FROM events WHERE experiment = 'a' AND type = 'b' AND occurred_at > 1",
                "events_by_experiment",
            ),
            ("SELECT * FROM events WHERE occurred_at BETWEEN 1 AND 2", "events_by_time"),
            ("SELECT * FROM events WHERE event_id = 'e-1'", "sqlite_autoindex_events_1"),
        ],
    )
    async def test_each_index_has_its_use(self, path: Path, sql: str, index: str) -> None:
        """Experiments, times and single events are found without reading the whole table."""
        async with SqliteBackplane(path):
            pass

        plan = query(path, f"EXPLAIN QUERY PLAN {sql}")

        assert [f"USING INDEX {index}" in str(step) for step in plan] == [True]

    async def test_subjects_are_joined_without_looking_at_each_pair(self, path: Path) -> None:
        """The query planner knows that an experiment has many events, and builds an index."""
        async with SqliteBackplane(path):
            pass

        plan = query(
            path,
            """
            EXPLAIN QUERY PLAN
            SELECT count(*) FROM (
                SELECT subject, variant, min(occurred_at) FROM events
                WHERE experiment = 'a' AND type = 'exposure' GROUP BY subject) AS first
            LEFT JOIN (SELECT DISTINCT subject FROM outcomes WHERE experiment = 'a') AS converted
            USING (subject)
            """,
        )

        assert "SEARCH converted USING AUTOMATIC COVERING INDEX" in str(plan)


async def test_lanes_share_the_file(path: Path) -> None:
    """Several instances of one process deliver side by side, and nothing is lost."""
    options = SqliteOptions(path=str(path))
    batches = [make_records(50) for _ in range(4)]

    async def lane(number: int) -> None:
        context = OpenContext(name="store", lane=number, lanes=4)
        async with open_sqlite(options, context) as backplane:
            await backplane.deliver(batches[number])

    await asyncio.gather(*(lane(number) for number in range(4)))

    assert sorted(envelope.event_id for envelope in await read(path)) == sorted(event_ids(batches))


@pytest.mark.parametrize(
    ("path", "message"),
    [
        (":memory:", "inMemory"),
        ("file:events.db?mode=memory", "not a URI"),
        ("a\0b", "NUL"),
        ("~nobody-of-this-name/events.db", "no such home folder"),
    ],
)
def test_names_that_are_no_files_are_problems(path: str, message: str) -> None:
    """Names with a meaning of their own are found before anything is opened."""
    ((where, found, *_),) = check_sqlite(SqliteOptions(path=path))

    assert where == "path"
    assert message in found


def test_plain_paths_are_no_problem() -> None:
    """An ordinary path passes the check."""
    assert list(check_sqlite(SqliteOptions(path="data/events.db"))) == []
