"""What is said about options before anything is opened."""

from __future__ import annotations

import pytest

from experimentframework_core.config import data_plane_of, load_text
from experimentframework_core.units import Secret
from experimentframework_lake import LakeOptions, plugin
from experimentframework_lake._check import check_lake


def problems(options: LakeOptions) -> dict[str, str]:
    """Return what is wrong, by the option's path."""
    return {finding[0]: finding[1] for finding in check_lake(options)}


@pytest.mark.parametrize("url", ["file:///srv/lake", "memory://lake", "/srv/lake", "lake"])
def test_a_good_url_is_taken(url: str) -> None:
    """Given a URL that fsspec knows, When it is checked, Then nothing is wrong."""
    assert problems(LakeOptions(url=url)) == {}


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("warehouse://lake", "fsspec knows no 'warehouse://'"),
        ("file://", "names no folder"),
        ("/", "names no folder"),
        ("sftp://ann:hunter2@host/lake", "no user"),
        ("zip://a::s3://bucket/x", "one plain URL"),
        ("memory://lake?key=hunter2", "one plain URL"),
    ],
)
def test_a_bad_url_is_refused(url: str, why: str) -> None:
    """Given a URL that cannot be a lake, When checked, Then the reason is said, no password is."""
    found = problems(LakeOptions(url=url))

    assert why in found["url"]
    assert "hunter2" not in found["url"]


def test_a_missing_package_is_named() -> None:
    """Given a store whose package is not installed, When checked, Then the message names it."""
    found = problems(LakeOptions(url="dropbox://lake"))

    assert "needs another package" in found["url"]
    assert "dropboxdrivefs" in found["url"]


def test_a_compression_belongs_to_a_format() -> None:
    """Given NDJSON by zstd, When it is checked, Then what there is instead is said."""
    found = problems(LakeOptions(url="lake", compression="zstd"))

    assert found == {"compression": "ndjson has no 'zstd'; expected none or gzip"}


def test_a_folder_is_named_once() -> None:
    """Given a folder that is named twice, When it is checked, Then it is refused."""
    found = problems(LakeOptions(url="lake", partition_by=("date", "date")))

    assert found == {"partitionBy": "names a folder twice; leave one out"}


def test_a_secret_belongs_under_secret_options() -> None:
    """Given a secret among what is shown, When it is checked, Then it is refused, and not shown."""
    found = problems(LakeOptions(url="lake", storage_options={"secret": "hunter2"}))

    assert "secretOptions" in found["storageOptions.secret"]
    assert "hunter2" not in found["storageOptions.secret"]


def test_an_option_stands_once() -> None:
    """Given an option in both mappings, When it is checked, Then one must go."""
    options = LakeOptions(
        url="lake", storage_options={"project": "x"}, secret_options={"project": Secret("y")}
    )

    assert list(problems(options)) == ["storageOptions.project"]


def test_what_the_plugin_sets_cannot_be_set() -> None:
    """Given options that the plugin depends on, When they are checked, Then they are refused."""
    options = LakeOptions(
        url="lake",
        storage_options={"asynchronous": True},
        secret_options={"loop": Secret("x")},
    )

    assert list(problems(options)) == ["storageOptions.asynchronous", "secretOptions.loop"]


def test_a_secret_is_never_shown() -> None:
    """Given options from a file, When they are shown, Then what is secret is not."""
    text = """
        dataPlane:
          backplane:
            type: lake
            options: {url: lake, secretOptions: {account_key: hunter2}}
    """

    loaded = data_plane_of(load_text(text, find_plugin=lambda _: plugin), "lake.yaml")

    assert loaded.backplane is not None
    assert "hunter2" not in repr(loaded)
    assert loaded.backplane.options == LakeOptions(
        url="lake", secret_options={"account_key": Secret("hunter2")}
    )
