"""A distribution with a backplane of its own, from its name: what it is called, and its files."""

from __future__ import annotations

import keyword
import re
import unicodedata
from importlib import metadata
from importlib.resources import files
from importlib.util import find_spec
from string import Template

import msgspec

from experimentframework_core._entry_points import distribution
from experimentframework_core.config import shown
from experimentframework_core.events import type_name_pattern
from experimentframework_core.plugins import entry_point_group

_LONGEST = 20
_name = re.compile(r"[a-z][a-z0-9]*(?:-[a-z0-9]+)*")
_of_this_project = {"command", "core", "kafka", "servicebus", "sqlserver"}
_types_of_this_project = (
    "azureServiceBus",
    "composite",
    "failover",
    "kafka",
    "openTelemetry",
    "sqlServer",
)
"""Types that are taken wherever they are not installed."""

_devices = {"aux", "con", "nul", "prn"} | {
    f"{port}{n}" for port in ("com", "lpt") for n in range(10)
}
"""Names that no folder has on some systems."""

_FILES = {
    "README.md": "README.md",
    ".gitignore": "gitignore",
    "pyproject.toml": "pyproject.toml",
    "src/${package}/__init__.py": "__init__.py",
    "src/${package}/_backplane.py": "_backplane.py",
    "src/${package}/_errors.py": "_errors.py",
    "src/${package}/_options.py": "_options.py",
    "src/${package}/py.typed": "py.typed",
    "tests/test_conformance.py": "test_conformance.py",
    "tests/test_errors.py": "test_errors.py",
    "tests/test_options.py": "test_options.py",
}
"""Each file, and the template of it; the templates end in ``.txt``, so that nothing runs them."""


class Naming(msgspec.Struct, frozen=True, kw_only=True):
    """What a distribution and the things in it are called.

    Attributes:
        distribution: As pip calls it, ``experimentframework-my-store``.
        package: As Python imports it, ``experimentframework_my_store``.
        type: As a configuration names it, ``myStore``.
        prefix: What its options class begins with, ``MyStore``.
    """

    distribution: str
    package: str
    type: str
    prefix: str


class NameRefusedError(Exception):
    """No plugin can have that name; the text says why, and what is expected."""


def naming_of(name: str, type_name: str | None = None) -> Naming:
    """Return what a new plugin's parts are called.

    Args:
        name: Words in lower case with hyphens, as ``my-store``; with or without the project's name
            before it.
        type_name: Its type in a configuration. None: the words in camelCase.

    Raises:
        NameRefusedError: A part cannot be called so, or is called so already.
    """
    words = name.removeprefix("experimentframework-")
    _refuse_name(words)
    prefix = "".join(word.capitalize() for word in words.split("-"))
    named = Naming(
        distribution=f"experimentframework-{words}",
        package=f"experimentframework_{words.replace('-', '_')}",
        type=type_name if type_name is not None else prefix[0].lower() + prefix[1:],
        prefix=prefix,
    )
    _refuse_what_is_taken(words, named)
    return named


def files_of(named: Naming) -> dict[str, str]:
    """Return the text of each file of the distribution, by its path."""
    values = {**msgspec.structs.asdict(named), "core": metadata.version("experimentframework-core")}
    folder = files("experimentframework_core.cli").joinpath("_templates")
    return {
        Template(path).substitute(values): Template(
            folder.joinpath(f"{template}.txt").read_text("utf-8")
        ).substitute(values)
        for path, template in _FILES.items()
    }


def _refuse_name(words: str) -> None:
    if not _is_name(words):
        near = _near(words)
        mend = f"; did you mean '{near}'?" if _is_name(near) and _is_free(near) else ""
        raise NameRefusedError(
            f"{shown(words)} is no name for a plugin; expected words of lower-case letters and"
            f" digits with hyphens between them, at most {_LONGEST} characters, as in my-store"
            f"{mend}"
        )
    if keyword.iskeyword(words):
        raise NameRefusedError(f"'{words}' is a word of Python; expected another, as in my-{words}")
    if words in _devices:
        raise NameRefusedError(
            f"'{words}' is a device of some systems; expected another, as in my-{words}"
        )


def _near(words: str) -> str:
    """Return a name in the usual spelling: `inMemory` is `in-memory`, and `été` is `ete`."""
    apart = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", words)
    plain = unicodedata.normalize("NFKD", apart)
    letters = "".join(letter for letter in plain if not unicodedata.combining(letter))
    return re.sub(r"[\W_]+", "-", letters.lower()).strip("-")


def _is_free(name: str) -> bool:
    try:
        naming_of(name)
    except NameRefusedError:
        return False
    return True


def _is_name(words: str) -> bool:
    return len(words) <= _LONGEST and _name.fullmatch(words) is not None


def _refuse_what_is_taken(words: str, named: Naming) -> None:
    if words in _of_this_project or find_spec(named.package) is not None:
        raise NameRefusedError(
            f"there is a distribution {named.distribution} already; expected another name"
        )
    if not type_name_pattern.fullmatch(named.type):
        raise NameRefusedError(
            f"{shown(named.type)} is no type of a backplane; expected camelCase, 1 to 64 letters"
            " and digits, as in myStore"
        )
    owners = dict.fromkeys(_types_of_this_project, "experimentframework")
    for claim in metadata.entry_points(group=entry_point_group):
        owners[claim.name] = distribution(claim)
    for taken, owner in owners.items():
        if taken.casefold() == named.type.casefold():
            raise NameRefusedError(
                f"{owner} offers the type '{taken}' already; expected another name, or --type"
            )
