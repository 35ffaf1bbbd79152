"""An output has its name only when it is complete, and replaces only what an export wrote."""

from __future__ import annotations

import errno
import gzip
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import msgspec
import pytest

from experimentframework_core import codec
from experimentframework_core._export import outputs
from experimentframework_core._export.outputs import (
    FileOutput,
    FolderOutput,
    OutputRefusedError,
)
from experimentframework_core._export.partitions import keys_of, parted
from experimentframework_core.envelope import Envelope
from experimentframework_core.testing import make_exposure

if TYPE_CHECKING:
    from pathlib import Path


AT = datetime(2026, 3, 1, tzinfo=UTC)


def event(experiment: str = "checkout", day: int = 1) -> Envelope:
    return Envelope(
        event_id=f"e-{experiment}-{day}",
        timestamp=datetime(2026, 3, day, tzinfo=UTC),
        event_type="exposure",
        schema_version="1.0.0",
        payload=make_exposure(experiment_name=experiment, subject_id="u", timestamp=AT),
    )


def event_of(tenant: str | None) -> Envelope:
    exposure = make_exposure(tenant_id=tenant, timestamp=AT)
    return msgspec.structs.replace(event(), payload=exposure)


def names(folder: Path) -> list[str]:
    return sorted(
        path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()
    )


class TestFile:
    def test_it_has_its_name_when_it_is_complete(self, tmp_path: Path) -> None:
        """Given a started file, When looked at before and after the end, Then only then it is."""
        path = tmp_path / "events.ndjson"
        output = FileOutput(path, "ndjson")
        output.open()
        output.write([event()])
        before = path.exists()

        output.complete()

        assert not before
        assert path.read_bytes() == codec.encode(event()) + b"\n"
        assert names(tmp_path) == ["events.ndjson"]
        assert output.bytes == path.stat().st_size

    def test_an_abandoned_one_leaves_the_former(self, tmp_path: Path) -> None:
        """Given a file of before, When a new one is abandoned, Then the old is as it was."""
        path = tmp_path / "events.parquet"
        path.write_text("former")
        output = FileOutput(path, "parquet")
        output.open()
        output.write([event()])

        output.abandon()

        assert path.read_text() == "former"
        assert names(tmp_path) == ["events.parquet"]

    def test_a_name_that_ends_with_gz_is_compressed(self, tmp_path: Path) -> None:
        """Given such a name, When written, Then gzip gives the lines back."""
        path = tmp_path / "events.ndjson.gz"
        output = FileOutput(path, "ndjson")
        output.open()
        output.write([event()])

        output.complete()

        assert gzip.decompress(path.read_bytes()) == codec.encode(event()) + b"\n"

    def test_it_is_as_readable_as_any_new_file(self, tmp_path: Path) -> None:
        """Given the process's rights for new files, When written, Then it has these."""
        (tmp_path / "other").touch()
        output = FileOutput(tmp_path / "events.csv", "csv")
        output.open()

        output.complete()

        modes = {path.name: path.stat().st_mode for path in tmp_path.iterdir()}
        assert modes["events.csv"] == modes["other"]

    @pytest.mark.parametrize("force", [False, True])
    def test_a_folder_is_never_replaced(self, tmp_path: Path, *, force: bool) -> None:
        """Given a folder of that name, When checked, Then it is refused."""
        with pytest.raises(OutputRefusedError, match="is a folder"):
            FileOutput(tmp_path, "csv").check(force=force)

    def test_a_file_is_replaced_only_when_told_to(self, tmp_path: Path) -> None:
        """Given a file of that name, When checked without and with force, Then refused, taken."""
        path = tmp_path / "events.csv"
        path.touch()

        with pytest.raises(OutputRefusedError, match="is there already"):
            FileOutput(path, "csv").check(force=False)

        FileOutput(path, "csv").check(force=True)


class TestFolder:
    def test_each_event_is_in_the_folder_of_its_values(self, tmp_path: Path) -> None:
        """Given events of two days and two experiments, When written, Then by Hive's names."""
        path = tmp_path / "out"
        output = FolderOutput(path, "ndjson", ("date", "experiment"))
        output.open()
        output.write([event("a", 1), event("b/ü", 1), event("a", 2), event("a", 1)])

        output.complete()

        assert names(path) == [
            "date=2026-03-01/experiment=a/part-00000.ndjson",
            "date=2026-03-01/experiment=b%2F%C3%BC/part-00000.ndjson",
            "date=2026-03-02/experiment=a/part-00000.ndjson",
        ]
        assert output.files == 3
        assert output.bytes == sum(each.stat().st_size for each in path.rglob("*.ndjson"))

    def test_few_files_are_open_at_once(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Given more folders than open files, When one comes again, Then it gets a second file."""
        monkeypatch.setattr(outputs, "MOST_OPEN", 2)
        output = FolderOutput(tmp_path / "out", "parquet", ("experiment",))
        output.open()
        for experiment in "abca":
            output.write([event(experiment)])

        output.complete()

        assert names(tmp_path / "out") == [
            "experiment=a/part-00000.parquet",
            "experiment=a/part-00001.parquet",
            "experiment=b/part-00000.parquet",
            "experiment=c/part-00000.parquet",
        ]

    def test_row_groups_that_wait_are_bounded_together(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Given many started row groups, When they are too much, Then the largest is written."""
        monkeypatch.setattr(outputs, "MOST_PENDING", 1_000)
        output = FolderOutput(tmp_path / "out", "parquet", ("experiment",))
        output.open()
        output.write([event("a")])
        small = output.bytes

        output.write([event("a"), event("b"), event("b"), event("b"), event("b"), event("b")])

        assert output.bytes > small
        output.complete()

    def test_a_folder_of_an_export_is_replaced_when_told_to(self, tmp_path: Path) -> None:
        """Given a former export, When a new one replaces it, Then nothing of it is left."""
        path = tmp_path / "out"
        for experiment in ("former", "newer"):
            output = FolderOutput(path, "csv", ("experiment",))
            output.check(force=True)
            output.open()
            output.write([event(experiment)])
            output.complete()

        assert names(tmp_path) == ["out/experiment=newer/part-00000.csv"]

    @pytest.mark.parametrize(
        ("inner", "force", "expected"),
        [
            ("experiment=a/part-00000.csv", False, "is there already and not empty"),
            ("notes.txt", True, r"holds notes.txt, which no export wrote"),
            ("experiment=a/part-00000.csv.bak", True, "which no export wrote"),
        ],
    )
    def test_what_no_export_wrote_is_never_removed(
        self, inner: str, expected: str, tmp_path: Path, *, force: bool
    ) -> None:
        """Given a folder with something in it, When checked, Then it is refused."""
        (tmp_path / inner).parent.mkdir(exist_ok=True)
        (tmp_path / inner).touch()

        with pytest.raises(OutputRefusedError, match=expected):
            FolderOutput(tmp_path, "csv", ("experiment",)).check(force=force)

    def test_an_empty_folder_is_taken(self, tmp_path: Path) -> None:
        """Given a folder with nothing in it, When it is the output, Then it is filled."""
        path = tmp_path / "out"
        path.mkdir()
        output = FolderOutput(path, "csv", ("experiment",))
        output.check(force=False)
        output.open()

        output.complete()

        assert names(tmp_path) == []
        assert path.is_dir()

    def test_a_failure_at_the_end_leaves_nothing(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Given a disk that is full at the end, When abandoned, Then nothing is left behind."""

        def full(_descriptor: int) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

        output = FolderOutput(tmp_path / "out", "parquet", ("experiment",))
        output.open()
        output.write([event("a"), event("b")])
        monkeypatch.setattr("os.fsync", full)
        with pytest.raises(OSError, match="No space left"):
            output.complete()

        output.abandon()

        assert list(tmp_path.iterdir()) == []


class TestPartitions:
    def test_what_has_no_value_is_in_hives_own_folder(self) -> None:
        """Given an event without a tenant, When parted by it, Then the folder says so."""
        found = parted([event()], ("tenant",))

        assert list(found) == ["tenant=__HIVE_DEFAULT_PARTITION__"]

    def test_no_event_is_lost_where_values_have_one_folder(self) -> None:
        """Given no tenant, an empty one and one of Hive's name, When parted, Then all are there."""
        hives = "__HIVE_DEFAULT_PARTITION__"
        events = [event_of(tenant) for tenant in (None, hives, "", None)]

        found = parted(events, ("tenant",))

        assert found == {
            f"tenant={hives}": [events[0], events[2], events[3]],
            "tenant=%5F_HIVE_DEFAULT_PARTITION__": [events[1]],
        }

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("date,subject", "'subject' is not one of date, event_type, experiment, tenant"),
            ("date, date", "names one of them twice"),
            ("", "'' is not one of"),
        ],
    )
    def test_keys_that_are_none_are_refused(self, text: str, expected: str) -> None:
        """Given such keys, When they are read, Then the error lists those that there are."""
        with pytest.raises(ValueError, match=expected):
            keys_of(text)
