"""Objects as bytes: what is written of records, and what is read of them."""

from __future__ import annotations

import gzip
import zlib
from typing import TYPE_CHECKING

from experimentframework_core.codec import decode
from experimentframework_core.errors import InvalidEventError, PermanentError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from experimentframework_core.envelope import Record
    from experimentframework_lake._options import LakeOptions

BODY = "body"
"""The last column of Parquet: the event's JSON, which is what is read back."""

_NDJSON, _GZIP, _PARQUET = ".ndjson", ".ndjson.gz", ".parquet"
SUFFIXES = (_NDJSON, _GZIP, _PARQUET)
"""How the names of objects end; others are not looked at."""

_LEVEL = 6  # A third of the time of 9, and a tenth larger.
_ALL_DIFFERENT = {"event_id", "correlation_id", "traceparent", "payload", BODY}


class NoObjectError(Exception):
    """The bytes are no object of this plugin; the text says why."""


def suffix_of(options: LakeOptions) -> str:
    """Return how the names of new objects end."""
    if options.format == "parquet":
        return _PARQUET
    return _NDJSON if options.compression == "none" else _GZIP


def encoded(records: Sequence[Record], options: LakeOptions) -> bytes:
    """Return the object of some records; the same records always give the same bytes.

    Raises:
        PermanentError: A record has no columns, because it is no event.
    """
    if options.format == "parquet":
        return _parquet(records, options.compression or "zstd")
    lines = b"".join(record.body + b"\n" for record in records)
    return lines if options.compression == "none" else gzip.compress(lines, _LEVEL, mtime=0)


def bodies_of(name: str, data: bytes) -> list[bytes]:
    """Return the bodies of an object, in order.

    Raises:
        NoObjectError: It is damaged, or something else.
    """
    if not data:
        raise NoObjectError("not an object: it is empty")
    if name.endswith(_PARQUET):
        return _column(data)
    if name.endswith(_GZIP):
        try:
            data = gzip.decompress(data)
        except (OSError, EOFError, zlib.error) as error:
            raise NoObjectError(f"not a gzip file: {error}") from error
    return [line for line in data.split(b"\n") if line]


def _parquet(records: Sequence[Record], compression: str) -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    from experimentframework_core.arrow import record_batch

    try:
        batch = record_batch([decode(record.body) for record in records])
    except InvalidEventError as error:
        raise PermanentError(f"cannot make a row of an event: {error}") from error
    body = pa.array([record.body.decode() for record in records], pa.string())
    table = pa.Table.from_batches([batch])
    table = table.append_column(pa.field(BODY, pa.string(), nullable=False), body)
    dictionaries = [name for name in table.column_names if name not in _ALL_DIFFERENT]
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression=compression, use_dictionary=dictionaries)
    written: bytes = sink.getvalue().to_pybytes()
    return written


def _column(data: bytes) -> list[bytes]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(pa.BufferReader(data))
        if BODY not in file.schema_arrow.names:
            raise NoObjectError(f"it has no column '{BODY}', so another program wrote it")
        column = file.read(columns=[BODY], use_threads=False).column(BODY)
        return [(text or "").encode() for text in column.to_pylist()]
    except (pa.ArrowException, OSError) as error:
        raise NoObjectError(f"not a Parquet file: {error}") from error
