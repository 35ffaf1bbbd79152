"""What is asked of the table to read events back."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from experimentframework_core.errors import ReplayError
from experimentframework_postgresql._errors import doing
from experimentframework_postgresql._rows import findable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from experimentframework_core.plugin import Selection
    from experimentframework_postgresql._checkpoint import Position
    from experimentframework_postgresql._names import Names
    from experimentframework_postgresql._session import Session

_FIRST_ROWS = 200
_MOST_ROWS = 2000
_CHARACTERS = 4_000_000
"""About how much text a page has: an event may have up to its ``maxEventBytes``."""

_TABLE = '"$(schema)"."$(table)"'
# A standby does not say which transactions go on: there, the oldest of them is the end.
_NOW = """
SELECT
    CASE WHEN pg_is_in_recovery() THEN pg_snapshot_xmin(now.snapshot)::text || ':'
            || pg_snapshot_xmin(now.snapshot)::text || ':'
        ELSE now.snapshot::text END AS snapshot,
    (SELECT system_identifier FROM pg_control_system())::text || '/'
        || to_regclass($1::text)::oid::text AS "table",
    (SELECT "transaction" >= pg_snapshot_xmax(now.snapshot) FROM "$(schema)"."$(table)"
        ORDER BY "transaction" DESC, position DESC LIMIT 1) AS is_restored
FROM (SELECT pg_current_snapshot() AS snapshot) AS now
"""
# Were the text called "transaction" too, rows would be in the order of texts.
_PAGE = """
SELECT "transaction"::text AS number, position, body FROM "$(schema)"."$(table)"
WHERE ("transaction", position) > ($1::text::xid8, $2::bigint)
    AND pg_visible_in_snapshot("transaction", $3::text::pg_snapshot)
    AND NOT pg_visible_in_snapshot("transaction", $4::text::pg_snapshot)
    {criteria}
ORDER BY "transaction", position
LIMIT $5::integer
"""
_ADOPT = (
    'UPDATE "$(schema)"."$(table)" SET "transaction" = \'2\''
    ' WHERE "transaction" >= pg_snapshot_xmax(pg_current_snapshot())'
)


class Row(NamedTuple):
    """A stored event, and where it is."""

    transaction: int
    position: int
    body: str


class Now(NamedTuple):
    """What there is at a moment.

    Attributes:
        snapshot: Which transactions are over.
        table: Which table on which server it is.
    """

    snapshot: str
    table: str


class Queries:
    """Asks one table about one selection, by one session."""

    def __init__(self, session: Session, names: Names, selection: Selection) -> None:
        """Prepare the statements."""
        self._session = session
        self._names = names
        criteria, self._values = [], []
        for number, (criterion, value) in enumerate(_criteria(selection), 6):
            criteria.append(f"AND {criterion.format(f'${number}')}")
            self._values.append(value)
        self._now = names.within(_NOW)
        self._page = names.within(_PAGE.format(criteria="\n    ".join(criteria)))
        self._rows = _FIRST_ROWS

    async def now(self) -> Now:
        """Return what there is now.

        Raises:
            DeliveryError: The server does not answer or refuses, or the table is missing.
            ReplayError: The table was restored from a dump of another server.
        """
        with doing("read", self._names):
            [found] = await self._session.run(self._now, self._names.within(_TABLE))
        if found["is_restored"]:
            raise ReplayError(
                f"cannot read the table {self._names}: it was restored from another server, whose"
                " transactions mean nothing here; run once: " + self._names.within(_ADOPT)
            )
        return Now(found["snapshot"], found["table"])

    async def page(self, position: Position) -> tuple[Sequence[Row], bool]:
        """Return the next selected rows behind a position, and whether these were all.

        Raises:
            DeliveryError: The server does not answer or refuses.
        """
        asked = self._rows
        with doing("read", self._names):
            found = await self._session.run(
                self._page,
                str(position.transaction),
                position.row,
                position.seeing,
                position.seen,
                asked,
                *self._values,
            )
        rows = [Row(int(row["number"]), row["position"], row["body"]) for row in found]
        if size := sum(len(row.body) for row in rows):
            wanted = _CHARACTERS * len(rows) // size
            self._rows = max(1, min(wanted, self._rows * 4, _MOST_ROWS))
        return rows, len(rows) < asked


def _criteria(selection: Selection) -> Iterator[tuple[str, object]]:
    """Yield conditions that hold for everything that is selected, and their values."""
    for column, texts in (
        ("event_type", selection.types),
        ("experiment", selection.experiments),
        ("subject", selection.subjects),
    ):
        if texts:
            yield f"{column} = ANY({{}}::text[])", [findable(text) for text in texts]
    if selection.correlation_id is not None:
        yield "correlation_id = {}::text", findable(selection.correlation_id)
    if selection.since is not None:
        yield '"timestamp" >= {}::timestamptz', selection.since
    if selection.until is not None:
        yield '"timestamp" < {}::timestamptz', selection.until


def other_table(position: Position, now: Now, names: Names) -> ReplayError | None:
    """Return why a position is none of this table; None where it is one."""
    if position.table == now.table:
        return None
    return ReplayError(
        f"cannot read on in the table {names} from this checkpoint: it is one of the table"
        f" {position.table}, and this is {now.table}, on another server or made anew; read from"
        " the beginning"
    )
