"""What is found where one schema accepts less than another, said from both sides."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import msgspec

if TYPE_CHECKING:
    from experimentframework_core._compatibility.nodes import Node

_longest = 60


class Finding(NamedTuple):
    """Documents of the source that the target refuses, or reads differently.

    Attributes:
        kind: What differs: ``type``, ``values``, ``required``, …
        breaks: Whether something is refused or misread; else it is only to be known.
        source: The place in the source, or None where it is only in the target.
        target: The place in the target, or None where it is only in the source.
        ahead: What it means where the source is the old schema.
        back: What it means where the source is the new schema.
    """

    kind: str
    breaks: bool
    source: str | None
    target: str | None
    ahead: str
    back: str


def refused(kind: str, origin: Node, place: Node) -> Finding:
    """Return the finding for values of a kind, none of which the target takes."""
    return Finding(
        "type",
        breaks=True,
        source=origin.pointer,
        target=place.pointer,
        ahead=f"narrowed: {kind} is refused, and was taken",
        back=f"widened: {kind} is taken, and was refused",
    )


def changed(keyword: str, before: object, origin: Node, place: Node) -> Finding:
    """Return the finding for a keyword that was another, or was not there (None)."""
    after = place.value[keyword]
    was, now = ("not there" if before is None else shown(before)), shown(after)
    return Finding(
        keyword,
        breaks=True,
        source=_place_of(keyword, origin),
        target=_place_of(keyword, place),
        ahead=f"narrowed: {keyword} is {now}, and was {was}",
        back=f"widened: {keyword} is {was}, and was {now}",
    )


def unjudged(keyword: str, origin: Node, place: Node) -> Finding:
    """Return the finding for a keyword that no rule is about."""
    return Finding(
        keyword,
        breaks=True,
        source=_place_of(keyword, origin),
        target=_place_of(keyword, place),
        ahead=f"cannot be judged: {keyword} was another, or was not there",
        back=f"{keyword} is another, or is not there",
    )


def shown(value: object) -> str:
    """Return a JSON value as text, not too long."""
    text = msgspec.json.encode(value).decode()
    return text if len(text) <= _longest else f"{text[: _longest - 1]}…"


def _place_of(keyword: str, node: Node) -> str:
    return node.at(keyword).pointer if node.has(keyword) else node.pointer
