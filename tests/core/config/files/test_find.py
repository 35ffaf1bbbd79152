"""What is there and cannot be looked into is told, and nothing is dropped in silence."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from experimentframework_core import DataPlane
from experimentframework_core.config import read_configuration
from experimentframework_core.errors import ConfigurationError
from tests.core.config.sample_plugins import find_plugin

if TYPE_CHECKING:
    from collections.abc import Callable

WRONG = "dataPlane: {batchSize: 0, backplane: {type: plain}}\n"
OF_WRONG = (
    "experiments.yaml:1:13: dataPlane.batchSize: out of range: 0; expected a whole number, at"
    " least 1"
)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder in which the test's files are, which is the current one."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def lock(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Return what locks a folder as its mode does for everybody but root."""

    def locked(name: str) -> None:
        Path(name).mkdir(parents=True, exist_ok=True)
        for what in ("stat", "lstat", "listdir", "scandir"):
            monkeypatch.setattr(os, what, _refusing(getattr(os, what), Path(name).absolute(), what))

    return locked


def _refusing(real: Callable[..., Any], folder: Path, what: str) -> Callable[..., Any]:
    def call(path: Any = ".", **how: Any) -> Any:
        if isinstance(path, str | os.PathLike):
            asked = Path(path).absolute()
            lists = what in ("listdir", "scandir") and asked == folder
            if lists or folder in asked.parents:
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
        return real(path, **how)

    return call


def problems(*paths: str) -> list[str]:
    found = read_configuration(paths or ["."], find_plugin)
    assert found.configuration is None
    return [str(problem) for problem in found.problems]


@pytest.mark.parametrize("name", ["ExperimentDefinitions", "ExperimentDefinitions/a/b"])
def test_a_folder_that_cannot_be_read_is_told(
    name: str, folder: Path, lock: Callable[[str], None]
) -> None:
    """Given a locked folder, When its files are looked for, Then it is told beside all else."""
    (folder / "experiments.yaml").write_text(WRONG)
    lock(name)

    found = problems()

    assert found == [OF_WRONG, f"{name}: cannot be read: Permission denied"]


def test_a_folder_that_cannot_be_read_is_told_once(
    lock: Callable[[str], None], folder: Path
) -> None:
    """Given a locked folder, When it is given itself, Then it is one problem."""
    assert folder.is_dir()
    lock("q1")

    found = problems("q1")

    assert found == ["q1: cannot be read: Permission denied"]


@pytest.mark.parametrize(
    ("named", "message"),
    [
        ("q1", "'q1' cannot be read: Permission denied"),
        ("q1/*.yaml", "'q1' cannot be read: Permission denied"),
        ("q?/x.yaml", "'q1' cannot be read: Permission denied"),
        ("**/x.yaml", "'q1' cannot be read: Permission denied"),
        (
            "q1/x.yaml",
            (
                "the file 'q1/x.yaml' cannot be read: Permission denied; expected a YAML or JSON"
                " file"
            ),
        ),
        (
            "x" * 300,
            (
                f"the file '{'x' * 60}…' cannot be read: File name too long; expected a YAML or"
                " JSON file"
            ),
        ),
    ],
)
def test_what_is_named_and_cannot_be_read_is_told_at_its_place(
    named: str, message: str, folder: Path, lock: Callable[[str], None]
) -> None:
    """Given a path into a locked folder, When a file names it, Then the problem is in its line."""
    (folder / "experiments.yaml").write_text(f"{WRONG}configurationPaths: ['{named}']\n")
    lock("q1")

    found = problems()

    assert found == [OF_WRONG, f"experiments.yaml:2:22: configurationPaths[0]: {message}"]


@pytest.mark.parametrize(
    "name", ["experiments.yml", "ExperimentDefinitions/a.yaml", "ExperimentDefinitions/b/c.json"]
)
def test_a_link_to_nothing_is_told(name: str, folder: Path) -> None:
    """Given a link to nothing where a file may stand, When it is looked for, Then it is told."""
    (folder / "experiments.yaml").write_text(WRONG)
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).symlink_to("nothing")

    found = problems()

    assert found == [
        OF_WRONG,
        f"{name}: cannot be read: No such file or directory; expected a YAML or JSON file",
    ]


def test_a_link_to_nothing_matches_a_pattern(folder: Path) -> None:
    """Given a link to nothing, When a pattern leads to it, Then it is told where that stands."""
    (folder / "experiments.yaml").write_text(f"{WRONG}configurationPaths: ['t/*.yaml']\n")
    (folder / "t").mkdir()
    (folder / "t" / "a.yaml").symlink_to("nothing")

    found = problems()

    assert found == [
        OF_WRONG,
        (
            "experiments.yaml:2:22: configurationPaths[0]: the file 't/a.yaml' cannot be read: No"
            " such file or directory; expected a YAML or JSON file"
        ),
    ]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda path: path.symlink_to("nothing"), "No such file or directory"),
        (lambda path: path.symlink_to(path.name), "Too many levels of symbolic links"),
        (lambda path: path.write_text(""), "Not a directory"),
    ],
)
def test_definitions_that_are_no_folder_are_told(
    make: Callable[[Path], object], message: str, folder: Path
) -> None:
    """Given no folder of that name, When a folder is searched, Then that is a problem."""
    (folder / "experiments.yaml").write_text(WRONG)
    make(folder / "ExperimentDefinitions")

    found = problems()

    assert found == [OF_WRONG, f"ExperimentDefinitions: cannot be read: {message}"]


def test_a_folder_in_place_of_the_usual_file_is_told(folder: Path) -> None:
    """Given a folder experiments.yml, When the usual files are looked for, Then it is told."""
    (folder / "experiments.yaml").write_text(WRONG)
    (folder / "experiments.yml").mkdir()

    found = problems()

    assert found == [
        OF_WRONG,
        "experiments.yml: cannot be read: Is a directory; expected a YAML or JSON file",
    ]


def test_a_plane_says_what_it_cannot_read(folder: Path, lock: Callable[[str], None]) -> None:
    """Given a locked folder, When a plane is made from it, Then it is an error of configuration."""
    lock("q1")

    with pytest.raises(ConfigurationError) as caught:
        DataPlane.from_file(folder / "q1")

    assert "cannot be read: Permission denied" in str(caught.value)
