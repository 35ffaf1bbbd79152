"""The wheels and source distributions, built, and what is in them."""

from __future__ import annotations

import re
import subprocess
import sys
import tarfile
from importlib import metadata
from pathlib import Path
from typing import NamedTuple
from zipfile import ZipFile

import pytest

from tests.packaging.layout import core, distribution_folders, plugin_names, root
from tools.requirements import installed, needed

there = installed()
names = ("experimentframework", core.name, *plugin_names)
folders = dict(zip(names, distribution_folders, strict=True))


class Built(NamedTuple):
    """A distribution in both forms, and the wheel that the second makes."""

    wheel: Path
    source: Path
    wheel_of_source: Path


def build(folder: Path, place: Path, *targets: str) -> None:
    """Build without a network, with the hatchling that is installed."""
    chosen = [word for target in targets for word in ("--target", target)]
    subprocess.run(
        (sys.executable, "-m", "hatchling", "build", "--directory", place, *chosen),
        cwd=folder,
        check=True,
        capture_output=True,
    )


def one(folder: Path, pattern: str) -> Path:
    """Return the only file of a form."""
    (found,) = folder.glob(pattern)
    return found


@pytest.fixture(scope="module", params=names)
def built(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Built:
    """Return a distribution, built from the checkout."""
    place = tmp_path_factory.mktemp("built")
    build(folders[request.param], place, "wheel", "sdist")
    source = one(place, "*.tar.gz")
    with tarfile.open(source) as archive:
        archive.extractall(place, filter="data")
    build(one(place, "*/pyproject.toml").parent, place / "again", "wheel")
    return Built(one(place, "*.whl"), source, one(place / "again", "*.whl"))


def contents(wheel: Path) -> dict[str, bytes]:
    """Return the files of a wheel."""
    with ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def metadata_of(wheel: Path, folder: Path) -> metadata.Distribution:
    """Return what a wheel says of itself."""
    with ZipFile(wheel) as archive:
        archive.extractall(folder)  # noqa: S202 - it was made here
    return metadata.PathDistribution(one(folder, "*.dist-info"))


def test_a_source_distribution_makes_the_same_wheel(built: Built) -> None:
    """Given both forms, When the second is built, Then its wheel has the same files."""
    first, second = contents(built.wheel), contents(built.wheel_of_source)

    assert {name: data for name, data in first.items() if second.get(name) != data} == {}
    assert first.keys() == second.keys()


def test_a_wheel_has_its_types_and_its_data(built: Built) -> None:
    """Given a wheel, When it is looked into, Then all files of its package are there."""
    name = built.wheel.name.partition("-")[0]
    source = folders[name] / "src"

    there = contents(built.wheel)

    files = {
        path.relative_to(source).as_posix()
        for path in source.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert {each for each in there if ".dist-info/" not in each} == files
    assert name == "experimentframework" or f"{name}/py.typed" in there


def test_a_wheel_has_the_licence(built: Built) -> None:
    """Given a wheel, When its licence is read, Then it is the project's."""
    (text,) = [data for name, data in contents(built.wheel).items() if name.endswith("/LICENSE")]

    assert text == (root / "LICENSE").read_bytes()


def test_the_metadata_is_complete(built: Built, tmp_path: Path) -> None:
    """Given a wheel, When its metadata is read, Then an index can show all of it."""
    said = metadata_of(built.wheel, tmp_path).metadata

    assert said["License-Expression"] == "MIT"
    assert said["Requires-Python"] == ">=3.11"
    assert said["Description-Content-Type"] == "text/markdown"
    assert said["Summary"].endswith(".")
    assert said["Author"]
    assert "asyncio" in said["Keywords"]
    assert {"Typing :: Typed", "Framework :: AsyncIO", "Operating System :: POSIX"} <= set(
        said.get_all("Classifier", [])
    )


def test_the_description_stands_alone(built: Built, tmp_path: Path) -> None:
    """Given a wheel, When its description is read, Then no link leads into the checkout."""
    text = str(metadata_of(built.wheel, tmp_path).metadata.get_payload())  # type: ignore[attr-defined]

    links = re.findall(r"\]\(([^)]*)\)|(?:href|src)=\"([^\"]*)\"", text)

    assert [link for pair in links for link in pair if link and "://" not in link] == []


def test_an_index_would_take_it(built: Built) -> None:
    """Given both forms, When twine looks at them, Then it has nothing against them."""
    command = (sys.executable, "-m", "twine", "check", "--strict", built.wheel, built.source)

    done = subprocess.run(command, check=False, capture_output=True, text=True)

    assert done.returncode == 0, done.stdout + done.stderr


def test_a_source_distribution_has_only_what_it_needs(built: Built) -> None:
    """Given a source distribution, When it is looked into, Then nothing else is in it."""
    with tarfile.open(built.source) as archive:
        inside = {Path(name).parts[1] for name in archive.getnames()}

    usual = {"LICENSE", "PKG-INFO", "pyproject.toml", "src", "README.md", "README.package.md"}
    assert inside <= usual | {".gitignore"}


brought = {
    "": {"core"},
    "cli": {"core"},
    "report": {"core"},
    "analysis": {"core"},
    "opentelemetry": {"core"},
    "otlp": {"core"},
    "otlp-grpc": {"core"},
    "prometheus": {"core"},
    "kafka": {"core", "kafka"},
    "servicebus": {"core", "servicebus"},
    "sqlserver": {"core", "sqlserver"},
    "all": {"core", "kafka", "servicebus", "sqlserver"},
}
"""What each extra of the metapackage brings of ours, beside the metapackage."""


@pytest.mark.parametrize("extra", brought)
def test_an_extra_brings_what_it_says(extra: str) -> None:
    """Given the metadata, When an extra is asked for, Then it brings these of ours, no others."""
    requirement = f"experimentframework[{extra}]" if extra else "experimentframework"

    found = needed([requirement], there)

    ours = {name for name in found if name.startswith("experimentframework-")}
    assert ours == {f"experimentframework-{name}" for name in brought[extra]}


def test_every_extra_is_explained() -> None:
    """Given the metadata, When the description is read, Then each extra has its row."""
    extras = set(metadata.metadata("experimentframework").get_all("Provides-Extra", []))

    described = re.findall(
        r"^\| `([\w-]+)` \|", (root / "README.package.md").read_text(), re.MULTILINE
    )

    assert extras == set(described) == brought.keys() - {""}


@pytest.mark.parametrize(
    ("extra", "library"),
    [
        ("cli", "typer"),
        ("report", "scipy"),
        ("analysis", "polars"),
        ("opentelemetry", "opentelemetry-api"),
        ("otlp-grpc", "grpcio"),
        ("prometheus", "prometheus-client"),
        ("kafka", "aiokafka"),
        ("servicebus", "azure-servicebus"),
        ("sqlserver", "pyodbc"),
    ],
)
def test_a_library_comes_with_its_extra_only(extra: str, library: str) -> None:
    """Given the metadata, When extras are asked for, Then one brings the library, and `all`."""
    extras = metadata.metadata("experimentframework").get_all("Provides-Extra") or []

    bringing = {
        each for each in extras if library in needed([f"experimentframework[{each}]"], there)
    }

    assert bringing == {extra, "all"}
    assert library not in needed(["experimentframework"], there)
