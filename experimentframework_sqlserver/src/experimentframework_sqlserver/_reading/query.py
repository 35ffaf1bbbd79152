"""The statements by which events are read back."""

# ruff: noqa: S608 - the names are checked, the rest are constants of this module

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import msgspec

from experimentframework_sqlserver._reading.stored_row import columns_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from experimentframework_core.plugin import Selection
    from experimentframework_sqlserver._reading.checkpoint import Gap
    from experimentframework_sqlserver._table.naming import Names

_TABLE = "[$(Schema)].[$(Table)]"
_COLLATION = "COLLATE Latin1_General_100_BIN2"


class Statement(NamedTuple):
    """A statement and the values of its parameters."""

    text: str
    parameters: tuple[object, ...] = ()


class Queries:
    """What is asked of one table for one selection.

    The server compares texts as its columns do, which may be more than is meant: what it gives is
    compared again by whoever reads it.
    """

    def __init__(self, names: Names, columns: Collection[str], selection: Selection) -> None:
        """Prepare for a table that has these columns."""
        self._narrow = _joined(_narrow_criteria(selection))
        self._all = _joined((*_criteria(selection, columns), *_narrow_criteria(selection)))
        self._columns = columns_of("event", columns)
        self._names = names

    def bounds(self, settled_after: float) -> Statement:
        """Ask for the last Id, the last one older than so many seconds, and the server's time.

        The rows behind the second are the only ones before which others may still come.
        """
        return self._statement(
            f"SELECT (SELECT MAX(Id) FROM {_TABLE}), (SELECT TOP (1) Id FROM {_TABLE} WHERE"
            " CreatedAt < DATEADD(second, CAST(? AS INT), SYSDATETIMEOFFSET()) ORDER BY Id DESC),"
            " SYSDATETIMEOFFSET()",
            -int(settled_after),
        )

    def next_row(self, number: int) -> Statement:
        """Ask for the first Id that is not below another."""
        return self._statement(f"SELECT MIN(Id) FROM {_TABLE} WHERE Id >= ?", number)

    def span(self, after: int, last: int) -> Statement | None:
        """Ask for the lowest and the highest Id of what is selected, if an index knows them.

        Without it the server may look for the first page from the table's beginning on.
        """
        if not self._narrow.text:
            return None
        return self._statement(
            f"SELECT MIN(event.Id), MAX(event.Id) FROM {_TABLE} AS event"
            f" WHERE event.Id > ? AND event.Id <= ?{self._narrow.text}",
            after,
            last,
            *self._narrow.parameters,
        )

    def settled(self, after: int, last: int, rows: int) -> Statement:
        """Ask for selected events between two Ids, the first ones first."""
        return self._statement(
            f"SELECT TOP (CAST(? AS INT)) event.Id, {self._columns} FROM {_TABLE} AS event"
            f" WHERE event.Id > ? AND event.Id <= ?{self._all.text} ORDER BY event.Id",
            rows,
            after,
            last,
            *self._all.parameters,
        )

    def recent(self, after: int, last: int, rows: int) -> Statement:
        """Ask for the next rows of all, of which only those that are selected have an event."""
        numbered = (
            f"SELECT TOP (CAST(? AS INT)) Id, CreatedAt FROM {_TABLE}"
            " WHERE Id > ? AND Id <= ? ORDER BY Id"
        )
        return self._with_events(numbered, rows, after, last)

    def came(self, gaps: Sequence[Gap], rows: int) -> Statement:
        """Ask for the rows that are in gaps now, likewise."""
        numbered = (
            f"SELECT TOP (CAST(? AS INT)) made.Id, made.CreatedAt FROM {_TABLE} AS made"
            " JOIN OPENJSON(?) WITH (Low BIGINT '$.first', High BIGINT '$.last') AS gap"
            " ON made.Id BETWEEN gap.Low AND gap.High ORDER BY made.Id"
        )
        wanted = [{"first": gap.first, "last": gap.last} for gap in gaps]
        return self._with_events(numbered, rows, msgspec.json.encode(wanted).decode())

    def _with_events(self, numbered: str, *parameters: object) -> Statement:
        return self._statement(
            f"SELECT numbered.Id, numbered.CreatedAt, {self._columns} FROM ({numbered}) AS numbered"
            f" LEFT JOIN {_TABLE} AS event ON event.Id = numbered.Id{self._all.text}"
            " ORDER BY numbered.Id",
            *parameters,
            *self._all.parameters,
        )

    def _statement(self, template: str, *parameters: object) -> Statement:
        return Statement(self._names.within(template), parameters)


def _criteria(selection: Selection, columns: Collection[str]) -> Iterable[tuple[str, str]]:
    types = [spelt for name in selection.types for spelt in (name, name[:1].upper() + name[1:])]
    if types:
        yield f"event.EventType IN ({_LISTED})", _as_json(types)
    for column, values in (
        ("ExperimentName", selection.experiments),
        ("SubjectId", selection.subjects),
    ):
        # The .NET ExperimentFramework does not fill these, and its own table does not have them.
        if values and column.casefold() in columns:
            condition = f"(event.{column} IN ({_LISTED}) OR event.{column} IS NULL)"
            yield condition, _as_json(values)


def _narrow_criteria(selection: Selection) -> Iterable[tuple[str, str]]:
    """Yield the criteria for which the table has an index of their own."""
    if selection.correlation_id is not None:
        yield "event.CorrelationId = ?", selection.correlation_id
    for sign, time in ((">=", selection.since), ("<", selection.until)):
        if time is not None:
            yield f"event.Timestamp {sign} CAST(? AS DATETIMEOFFSET(7))", time.isoformat()


def _joined(criteria: Iterable[tuple[str, str]]) -> Statement:
    found = list(criteria)
    text = "".join(f" AND {condition}" for condition, _ in found)
    return Statement(text, tuple(value for _, value in found))


# A list as one parameter: no limit on its length.
_LISTED = f"SELECT CAST(value AS NVARCHAR(512)) {_COLLATION} FROM OPENJSON(?)"


def _as_json(values: Iterable[str]) -> str:
    return msgspec.json.encode(list(values)).decode()
