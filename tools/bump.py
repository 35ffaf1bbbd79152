"""Gives every distribution a new version: ``python -m tools.bump 0.2.0``.

It changes the version in each ``pyproject.toml``, what the distributions ask of each other, and the
changelog, where what is unreleased becomes that version's. Nothing is changed where it cannot be.
"""

from __future__ import annotations

import argparse
import re
import sys
import tomllib
from contextlib import suppress
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_VERSION = re.compile(r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)", re.ASCII)
_OWN = re.compile(r'^(version = ")[^"]+(")$', re.MULTILINE)
_SIBLING = re.compile(r'("experimentframework(?:-\w+)?(?:\[[\w,-]+\])?~=)[^"]+(")')
_UNRELEASED = re.compile(
    r"^## \[Unreleased\]\n(?P<notes>.*?)(?=^## \[|\Z)", re.MULTILINE | re.DOTALL
)


class BumpError(Exception):
    """The version cannot be given; the message says why."""


def projects(root: Path) -> list[Path]:
    """Return each ``pyproject.toml`` that has the project's version, the metapackage's first."""
    return [
        root / "pyproject.toml",
        *sorted(root.glob("experimentframework_*/pyproject.toml")),
        *sorted(root.glob("docs/examples/plugins/*/pyproject.toml")),
    ]


def bump(root: Path, version: str, today: date) -> list[Path]:
    """Give every distribution below ``root`` the version, and return the files that changed.

    Raises:
        BumpError: It is no version, or not a later one, or the changelog has nothing for it, or a
            file cannot be read or written.
    """
    files = projects(root)
    changelog = root / "CHANGELOG.md"
    before = {file: _read(file) for file in (*files, changelog)}
    current = {tomllib.loads(before[file])["project"]["version"] for file in files}
    if len(current) != 1:
        raise BumpError(f"the distributions have different versions: {', '.join(sorted(current))}")
    (old,) = current
    if _VERSION.fullmatch(version) is None:
        raise BumpError(f"{version!r} is no version; expected three numbers, as in 1.2.3")
    if _numbers(version) <= _numbers(old):
        raise BumpError(f"{version} is not later than {old}, which the distributions have")
    after = {file: _with_version(before[file], version) for file in files}
    after[changelog] = _released(before[changelog], version, today)
    _write(before, after)
    return list(after)


def _read(file: Path) -> str:
    try:
        return file.read_text("utf-8")
    except OSError as error:
        raise BumpError(
            f"{file} cannot be read: {error.strerror}; is this the root of a checkout?"
        ) from error


def _write(before: Mapping[Path, str], after: Mapping[Path, str]) -> None:
    """Write all files; where one cannot be written, those before it get their old text back."""
    written: list[Path] = []
    for file, text in after.items():
        try:
            file.write_text(text, "utf-8")
        except OSError as error:
            for changed in (*written, file):
                with suppress(OSError):
                    changed.write_text(before[changed], "utf-8")
            raise BumpError(
                f"{file} cannot be written: {error.strerror}; nothing is changed"
            ) from error
        written.append(file)


def _numbers(version: str) -> list[int]:
    return [int(number) for number in version.split(".")]


def _with_version(text: str, version: str) -> str:
    text = _OWN.sub(rf"\g<1>{version}\g<2>", text, count=1)
    return _SIBLING.sub(rf"\g<1>{version}\g<2>", text)


def _released(text: str, version: str, today: date) -> str:
    found = _UNRELEASED.search(text)
    if found is None or not found["notes"].strip():
        raise BumpError("CHANGELOG.md has nothing under [Unreleased]: say there what is new")
    heading = f"## [Unreleased]\n\n## [{version}] - {today.isoformat()}\n"
    return text[: found.start()] + heading + text[found.start("notes") :]


def main(arguments: Sequence[str] | None = None, root: Path = Path()) -> None:
    """Bump the checkout in the current folder."""
    parser = argparse.ArgumentParser("python -m tools.bump", description=__doc__)
    parser.add_argument("version", help="the new version, as in 0.2.0")
    version: str = parser.parse_args(arguments).version
    try:
        changed = bump(root, version, datetime.now(UTC).date())
    except BumpError as error:
        sys.exit(str(error))
    for file in changed:
        print(file.relative_to(root))


if __name__ == "__main__":
    main()
