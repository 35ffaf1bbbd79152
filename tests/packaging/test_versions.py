"""All distributions carry one version, and ask for each other at that version."""

from __future__ import annotations

import re
from importlib import metadata
from itertools import chain
from typing import TYPE_CHECKING

import pytest

from tests.packaging.layout import core, distribution_folders, project, root

if TYPE_CHECKING:
    from pathlib import Path

version = project(root)["version"]


@pytest.mark.parametrize("folder", distribution_folders, ids=lambda folder: folder.name)
def test_versions_are_equal(folder: Path) -> None:
    """Given a distribution, When its version is read, Then it is the metapackage's."""
    own = project(folder)["version"]

    assert own == version


@pytest.mark.parametrize("folder", distribution_folders, ids=lambda folder: folder.name)
def test_siblings_are_asked_for_at_this_version(folder: Path) -> None:
    """Given a distribution, When its siblings' ranges are read, Then they begin at this version."""
    table = project(folder)
    requirements = [
        *table["dependencies"],
        *(text for extra in table.get("optional-dependencies", {}).values() for text in extra),
    ]

    siblings = [
        text for text in requirements if re.match(r"experimentframework-\w+(\[\w+\])?~", text)
    ]

    assert {text.partition("~=")[2] for text in siblings} <= {version}


def test_the_installed_version_is_this_one() -> None:
    """Given an installed checkout, When the core's metadata is read, Then it has this version."""
    installed = metadata.version("experimentframework-core")

    assert installed == version


def test_the_metapackage_offers_every_sibling() -> None:
    """Given the plugin distributions, When the root extras are read, Then each has its own."""
    extras = project(root)["optional-dependencies"]

    names = {folder.name.rpartition("_")[2] for folder in distribution_folders[2:]}

    assert {name: extras[name] for name in names} == {
        name: [f"experimentframework-{name}~={version}"] for name in names
    }
    assert {"cli", "report", "opentelemetry"} <= extras.keys()


def test_constraints_are_names_and_versions_only() -> None:
    """Given constraints.txt, When its lines are read, Then none has a hash, URL or range."""
    lines = (root / "constraints.txt").read_text().splitlines()

    pins = [line for line in lines if not line.startswith("#")]

    assert pins
    assert [line for line in pins if not re.fullmatch(r"[\w.-]+==[\w.]+", line)] == []


def test_every_requirement_of_the_core_is_pinned() -> None:
    """Given the core's requirements, When constraints.txt is read, Then it pins each of them."""
    table = project(core.parents[1])
    pinned = {
        line.partition("==")[0].lower().replace("_", "-")
        for line in (root / "constraints.txt").read_text().splitlines()
    }

    asked = {
        re.split(r"[<>=~\[]", text)[0]
        for text in [
            *table["dependencies"],
            *chain.from_iterable(table["optional-dependencies"].values()),
        ]
    }

    assert asked - {"experimentframework-core"} <= pinned
