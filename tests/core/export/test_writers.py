"""Events in one open file, in each format."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pyarrow.parquet as pq
import pytest

from experimentframework_core import codec
from experimentframework_core._columns import COLUMNS
from experimentframework_core._export import writers
from experimentframework_core._export.writers import CsvWriter, NdjsonWriter, ParquetWriter
from experimentframework_core.arrow import record_batch
from experimentframework_core.envelope import Envelope
from experimentframework_core.testing import make_exposure

if TYPE_CHECKING:
    from collections.abc import Sequence

    from experimentframework_core._export.writers import Format

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)


def event(number: int, **fields: object) -> Envelope:
    return Envelope(
        event_id=f"e-{number}",
        timestamp=AT,
        event_type="exposure",
        schema_version="1.0.0",
        payload=make_exposure(**fields),
    )


def written(form: Format, *batches: Sequence[Envelope]) -> bytes:
    file = io.BytesIO()
    writer = writers.WRITERS[form](file)
    for batch in batches:
        writer.write(batch)
    writer.finish()
    return file.getvalue()


def test_lines_of_ndjson_are_the_canonical_bytes() -> None:
    """Given events, When written as lines, Then each is what `encode` gives, without a gap."""
    events = [event(1), event(2), event(3)]

    text = written("ndjson", events[:2], [], events[2:])

    assert text == b"".join(codec.encode(each) + b"\n" for each in events)


def test_an_event_that_is_refused_today_is_written_as_it_was_read() -> None:
    """Given a name that others wrote too long, When written as a line, Then it is not left out."""
    body = codec.encode(event(1, subject_id="short"))
    long = codec.decode(body.replace(b'"short"', b'"' + b"u" * 300 + b'"'))

    text = written("ndjson", [long])

    assert codec.decode(text.strip()) == long


def test_a_row_of_csv_has_every_column() -> None:
    """Given an event with a comma and a quote, When written as CSV, Then the cells are whole."""
    made = event(1, subject_id='a,"b"', attributes={"plan": "pro"})

    text = written("csv", [made])

    (row,) = csv.DictReader(io.StringIO(text.decode()))
    assert list(row) == [column.name for column in COLUMNS]
    assert row["subject"] == 'a,"b"'
    assert row["timestamp"] == "2026-03-01T12:00:00Z"
    assert row["is_repeat_exposure"] == "false"
    assert row["attributes"] == '{"plan":"pro"}'
    assert row["value"] == ""


@pytest.mark.parametrize("text", ["=1+1", "+49", "-x", "@sum", "\tx", "\rx", "\nx"])
def test_a_text_that_is_a_formula_to_a_spreadsheet_gets_an_apostrophe(text: str) -> None:
    """Given such a subject, When written as CSV, Then the cell begins with one, and is counted."""
    file = io.BytesIO()
    writer = CsvWriter(file)

    writer.write([event(1, subject_id=text), event(2, subject_id="u-2")])

    rows = list(csv.DictReader(io.StringIO(file.getvalue().decode(), newline="")))
    assert [row["subject"] for row in rows] == [f"'{text}", "u-2"]
    assert writer.noted == 1


def test_parquet_has_row_groups_of_bounded_size(monkeypatch: pytest.MonkeyPatch) -> None:
    """Given more than a row group may hold, When written, Then there are several, and no gap."""
    monkeypatch.setattr(writers, "ROW_GROUP", 2_000)
    batches = [[event(10 * part + number) for number in range(10)] for part in range(3)]

    file = pq.ParquetFile(io.BytesIO(written("parquet", *batches)))

    assert file.num_row_groups == 3
    ids = file.read(["event_id"]).column("event_id").to_pylist()
    assert ids == [f"e-{number}" for number in range(30)]


def test_a_row_group_is_not_larger_than_it_may_be(monkeypatch: pytest.MonkeyPatch) -> None:
    """Given a batch that does not fit in any more, When written, Then it begins a row group."""
    batches = [[event(10 * part + number) for number in range(10)] for part in range(3)]
    size = record_batch(batches[0]).nbytes
    monkeypatch.setattr(writers, "ROW_GROUP", size + size // 2)

    file = pq.ParquetFile(io.BytesIO(written("parquet", *batches)))

    assert [file.metadata.row_group(at).num_rows for at in range(file.num_row_groups)] == [10] * 3


def test_what_waits_for_its_row_group_is_known() -> None:
    """Given a started row group, When it is flushed, Then nothing waits any more."""
    writer = ParquetWriter(io.BytesIO())
    writer.write([event(1)])
    waiting = writer.pending

    writer.flush()

    assert waiting > 0
    assert writer.pending == 0
    writer.finish()


@pytest.mark.parametrize("form", ["parquet", "ndjson", "csv"])
def test_no_events_are_a_file_that_can_be_read(form: Format) -> None:
    """Given nothing, When written, Then the file is a whole one without events."""
    text = written(form)

    if form == "parquet":
        assert pq.ParquetFile(io.BytesIO(text)).metadata.num_rows == 0
    else:
        assert len(text.splitlines()) == (1 if form == "csv" else 0)


def test_lines_wait_for_nothing() -> None:
    """Given a line was written, When asked what waits, Then nothing does."""
    writer = NdjsonWriter(io.BytesIO())

    writer.write([event(1)])

    assert (writer.pending, writer.noted) == (0, 0)
