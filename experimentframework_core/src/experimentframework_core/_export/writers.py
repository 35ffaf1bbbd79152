"""Writes events into one open file, in one format."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, BinaryIO, Literal, Protocol, get_args

from experimentframework_core._columns import COLUMNS, columns_of
from experimentframework_core.codec import encode_as_read

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from experimentframework_core.envelope import Envelope

Format = Literal["parquet", "ndjson", "csv"]
"""The kind of file."""

FORMATS: tuple[Format, ...] = get_args(Format)

ROW_GROUP = 32 * 1024 * 1024
"""Most bytes of Arrow in one row group of Parquet: some 40,000 events."""

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
_ALL_DIFFERENT = {"event_id", "correlation_id", "traceparent", "attributes", "metadata", "payload"}


class Writer(Protocol):
    """Writes events into a file.

    Attributes:
        pending: The bytes that wait in memory.
        noted: How many cells are not as they were.
    """

    pending: int
    noted: int

    def write(self, envelopes: Sequence[Envelope]) -> None:
        """Write some."""

    def flush(self) -> None:
        """Write what waits in memory."""

    def finish(self) -> None:
        """Write what is still to be written; the file stays open."""

    def abandon(self) -> None:
        """Write nothing more."""


class NdjsonWriter:
    """A line of canonical JSON for each event."""

    def __init__(self, file: BinaryIO) -> None:
        self.pending = 0
        self.noted = 0
        self._file = file

    def write(self, envelopes: Sequence[Envelope]) -> None:
        """Write some."""
        lines = [encode_as_read(envelope) for envelope in envelopes]
        lines.append(b"")
        self._file.write(b"\n".join(lines))

    def flush(self) -> None:
        """Do nothing: nothing waits."""

    def finish(self) -> None:
        """Do nothing: nothing waits."""

    def abandon(self) -> None:
        """Do nothing: nothing waits."""


class CsvWriter:
    """A row for each event, its columns those of Parquet.

    A text that a spreadsheet would take for a formula gets an apostrophe in front.
    """

    def __init__(self, file: BinaryIO) -> None:
        """Write the names of the columns."""
        self.pending = 0
        self.noted = 0
        self._file = file
        self._write([[column.name for column in COLUMNS]])

    def write(self, envelopes: Sequence[Envelope]) -> None:
        """Write some."""
        empty = [None] * len(envelopes)
        cells = {"time": _iso, "json": _decoded, "bool": _word, "text": self._safe}
        columns: list[Iterable[object]] = []
        for column, values in zip(COLUMNS, columns_of(envelopes), strict=True):
            cell: Callable[[object], object] | None = cells.get(column.kind)
            columns.append(map(cell, values) if values and cell else values or empty)
        self._write(zip(*columns, strict=True))

    def flush(self) -> None:
        """Do nothing: nothing waits."""

    def finish(self) -> None:
        """Do nothing: nothing waits."""

    def abandon(self) -> None:
        """Do nothing: nothing waits."""

    def _write(self, rows: Iterable[Sequence[object]]) -> None:
        text = io.StringIO()
        csv.writer(text).writerows(rows)
        self._file.write(text.getvalue().encode())

    def _safe(self, value: object) -> object:
        if isinstance(value, str) and value.startswith(_FORMULA):
            self.noted += 1
            return f"'{value}"
        return value


def _iso(value: object) -> object:
    return str(value).replace("+00:00", "Z").replace(" ", "T")


def _decoded(value: object) -> object:
    return value.decode() if isinstance(value, bytes) else value


def _word(value: object) -> object:
    return value if value is None else str(value).lower()


class ParquetWriter:
    """Row groups of at most `ROW_GROUP` bytes, compressed by Zstandard."""

    def __init__(self, file: BinaryIO) -> None:
        import pyarrow.parquet as pq

        from experimentframework_core.arrow import record_batch, schema

        self.pending = 0
        self.noted = 0
        self._record_batch = record_batch
        self._batches: list[object] = []
        self._writer = pq.ParquetWriter(
            file,
            schema,
            compression="zstd",
            use_dictionary=[name for name in schema.names if name not in _ALL_DIFFERENT],
        )

    def write(self, envelopes: Sequence[Envelope]) -> None:
        """Take some; what would not fit into the row group with them is written."""
        batch = self._record_batch(envelopes)
        if self.pending + batch.nbytes > ROW_GROUP:
            self.flush()
        self._batches.append(batch)
        self.pending += batch.nbytes

    def flush(self) -> None:
        """Write what waits as a row group."""
        import pyarrow as pa

        if self._batches:
            table = pa.Table.from_batches(self._batches)
            self._batches.clear()
            self.pending = 0
            self._writer.write_table(table, row_group_size=table.num_rows)

    def finish(self) -> None:
        """Write the last row group and the footer."""
        self.flush()
        self._writer.close()

    def abandon(self) -> None:
        """Write nothing more; pyarrow would when the object goes."""
        self._writer.is_open = False


WRITERS: dict[Format, Callable[[BinaryIO], Writer]] = {
    "parquet": ParquetWriter,
    "ndjson": NdjsonWriter,
    "csv": CsvWriter,
}
"""What opens a writer of each format on a file."""
