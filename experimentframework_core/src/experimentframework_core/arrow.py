"""Events as Apache Arrow, in columns that are always the same; needs the extra ``analysis``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from experimentframework_core._columns import COLUMNS, columns_of

try:
    import pyarrow as pa
except ModuleNotFoundError as error:
    message = 'pyarrow is missing: pip install "experimentframework[analysis]"'
    raise ModuleNotFoundError(message, name=error.name) from None

if TYPE_CHECKING:
    from collections.abc import Sequence

    from experimentframework_core.envelope import Envelope

__all__ = ["record_batch", "schema"]

_types = {
    "text": pa.string(),
    "json": pa.string(),
    "time": pa.timestamp("us", tz="UTC"),
    "number": pa.float64(),
    "bool": pa.bool_(),
}

schema: pa.Schema = pa.schema(
    [pa.field(column.name, _types[column.kind], nullable=not column.required) for column in COLUMNS]
)
"""The columns of every batch: the reference page lists them."""


def record_batch(envelopes: Sequence[Envelope]) -> pa.RecordBatch:
    """Return events that a reader gave as one batch with the columns of `schema`.

    What a type of event has no field for is null. The same events always give the same batch,
    and every batch has the same types, so that they can be put together.
    """
    count = len(envelopes)
    arrays = [
        pa.nulls(count, field.type) if values is None else pa.array(values, field.type)
        for field, values in zip(schema, columns_of(envelopes), strict=True)
    ]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)
