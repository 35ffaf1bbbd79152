"""Where dead letters come from: told by the paths of files, whatever stands in them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from experimentframework_core._letters.origin import coming_from, is_same, origin_of, spellings
from experimentframework_core._letters.origin import present as present_origin


def test_one_file_is_its_absolute_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    assert origin_of([Path("e.yaml")]) == str(tmp_path / "e.yaml")


def test_several_files_are_one_origin_in_any_order() -> None:
    """Given the same files, When they are named otherwise, Then the origin is the same."""
    ways = [["/b", "/a"], ["/a", "/b", "/a"]]

    assert {origin_of(way) for way in ways} == {os.pathsep.join(("/a", "/b"))}


def test_links_lead_to_the_same_file(tmp_path: Path) -> None:
    """Given a file and a link to its folder, When both are origins, Then they are the same."""
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "e.yaml").touch()
    (tmp_path / "link").symlink_to(tmp_path / "real")

    origins = [origin_of([tmp_path / each / "e.yaml"]) for each in ("real", "link")]

    assert origins[0] != origins[1]
    assert is_same(*origins)
    assert spellings(origins[:1], [origins[1], "/other"]) == tuple(origins)


@pytest.mark.parametrize("other", ["", "/a", f"/a{os.pathsep}/b"])
def test_others_are_others(other: str) -> None:
    assert not is_same("/b", other)


def test_no_file_is_no_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Given a plane of no file, When it is compared with the current folder, Then they differ."""
    monkeypatch.chdir(tmp_path)

    assert not is_same("", str(tmp_path))
    assert is_same("", "")


def test_the_present_one_holds_inside_only() -> None:
    with coming_from("/a"):
        inside = present_origin()

    assert (inside, present_origin()) == ("/a", "")
