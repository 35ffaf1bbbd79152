"""Shows dead letters, those of our stores and those of a broker alike."""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING, TypeVar

import msgspec

from experimentframework_core.cli._output import (
    OK,
    CommandError,
    console,
    print_json,
    print_json_line,
    printable,
    show_table,
)

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Iterable, Sequence

    from rich.table import Table

T = TypeVar("T")


async def print_each(letters: AsyncGenerator[T, None], document: Callable[[T], bytes]) -> None:
    """Print one document for each letter, as it comes."""
    async with aclosing(letters):
        async for each in letters:
            print_json_line(document(each))


def print_rows(
    rows: Sequence[tuple[str, ...]], table: Callable[[Iterable[tuple[str, ...]]], Table]
) -> None:
    """Print the table of these rows, or that there are none."""
    if rows:
        show_table(table(rows))
    else:
        console().print("No dead letters.")


def show_in_full(
    found: Sequence[tuple[bytes, Iterable[str]]], missing: str, *, as_json: bool
) -> int:
    """Show everything about letters; return the exit code.

    Args:
        found: The document of each letter, and the lines that tell everything about it.
        missing: What is said where there is none.
        as_json: Whether the documents are shown.

    Raises:
        CommandError: There is none.
    """
    if not found:
        raise CommandError(missing)
    if as_json:
        print_json({"letters": [msgspec.Raw(document) for document, _ in found]})
        return OK
    for place, (_, lines) in enumerate(found):
        for line in ["", *lines] if place else lines:
            console().print(printable(line), soft_wrap=True)
    return OK
