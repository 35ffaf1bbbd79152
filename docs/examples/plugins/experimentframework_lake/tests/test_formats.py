"""Objects as bytes."""

from __future__ import annotations

import gzip
import io

import msgspec
import pyarrow.parquet as pq
import pytest

from experimentframework_core.arrow import schema
from experimentframework_core.errors import PermanentError
from experimentframework_core.testing import make_exposure, make_record, make_records
from experimentframework_lake import LakeOptions
from experimentframework_lake._formats import NoObjectError, bodies_of, encoded, suffix_of

LAKE = LakeOptions(url="memory://lake")
FORMS = [
    LAKE,
    msgspec.structs.replace(LAKE, compression="none"),
    msgspec.structs.replace(LAKE, format="parquet"),
    msgspec.structs.replace(LAKE, format="parquet", compression="none"),
]


@pytest.mark.parametrize("options", FORMS)
def test_what_is_written_is_read(options: LakeOptions) -> None:
    """Given records, When they are written and read, Then their bodies are the same bytes."""
    records = [*make_records(3), make_record(make_exposure(attributes={"text": "東\n\u2028京"}))]

    bodies = bodies_of(f"x{suffix_of(options)}", encoded(records, options))

    assert bodies == [record.body for record in records]


@pytest.mark.parametrize("options", FORMS)
def test_the_same_records_are_the_same_bytes(options: LakeOptions) -> None:
    """Given records, When they are written twice, Then one object can replace the other."""
    records = make_records(3)

    assert encoded(records, options) == encoded(records, options)


def test_ndjson_is_a_line_for_each_event() -> None:
    """Given records, When written as NDJSON, Then zcat shows a line of JSON for each."""
    records = make_records(2)

    lines = gzip.decompress(encoded(records, LAKE))

    assert lines == records[0].body + b"\n" + records[1].body + b"\n"


def test_parquet_has_the_columns_of_an_export_and_the_body() -> None:
    """Given records, When written as Parquet, Then it has an export's columns, and `body`."""
    records = make_records(2)

    table = pq.read_table(io.BytesIO(encoded(records, FORMS[2])))

    assert table.column_names == [*schema.names, "body"]
    assert table.column("variant").to_pylist() == ["express", "express"]


def test_what_is_no_event_is_refused_as_parquet() -> None:
    """Given a record that is no event, When written as Parquet, Then it is refused for ever."""
    record = msgspec.structs.replace(make_record(), body=b"{}")

    with pytest.raises(PermanentError, match="cannot make a row"):
        encoded([record], FORMS[2])


@pytest.mark.parametrize("name", ["x.ndjson.gz", "x.parquet"])
@pytest.mark.parametrize(
    "data",
    [b"", b"no", encoded(make_records(3), LAKE)[:-9]],
    ids=["empty", "another", "half"],
)
def test_a_damaged_object_is_told(name: str, data: bytes) -> None:
    """Given half an object, or something else, When it is read, Then that is said."""
    with pytest.raises(NoObjectError, match="not a"):
        bodies_of(name, data)


def test_parquet_of_another_program_is_told() -> None:
    """Given Parquet without the body, When it is read, Then that is said, and nothing is lost."""
    table = pq.read_table(io.BytesIO(encoded(make_records(1), FORMS[2]))).drop(["body"])
    other = io.BytesIO()
    pq.write_table(table, other)

    with pytest.raises(NoObjectError, match="no column 'body'"):
        bodies_of("x.parquet", other.getvalue())
