"""Tables of options in Markdown, made from the options classes and their docstrings."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

import msgspec
from msgspec import inspect

from experimentframework_core.config._schema.choices import FIELD, choices_with
from experimentframework_core.config._schema.docstrings import lead, meanings
from experimentframework_core.config._schema.json_document import default_of
from experimentframework_core.config._walk.describe import LISTS, alternatives, expected, unwrapped
from experimentframework_core.config._walk.field_types import fields_of
from experimentframework_core.config._walk.kinds import AnyKeys
from experimentframework_core.plugin import ChannelSettings
from experimentframework_core.units import Secret

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from experimentframework_core.config._schema.choices import Choice

Options = type[msgspec.Struct]

CHOICES = choices_with(())
HEAD = "| key | value | default | meaning |\n|---|---|---|---|"
SHORT = {
    "0 or more milliseconds": "a duration",
    "1 or more milliseconds": "a duration, at least 1ms",
    "1 or more bytes": "a size",
}


class Section(NamedTuple):
    """A mapping of a configuration.

    Attributes:
        path: Where it stands.
        options: Its class.
        kinds: The types that choose it, where it is one of several.
        page: The page that it is on, where that is another one.
    """

    path: str
    options: Options
    kinds: tuple[str, ...] = ()
    page: str = ""

    @property
    def title(self) -> str:
        """Its heading."""
        kinds = " and ".join(f"`{kind}`" for kind in self.kinds)
        return f"`{self.path}` of {kinds}" if kinds else f"`{self.path}`"

    @property
    def link(self) -> str:
        """Where its heading is."""
        return f"{self.page}#" + re.sub(r"[^\w -]", "", self.title).lower().replace(" ", "-")


def sections_of(options: Options, path: str, *, within: str) -> list[Section]:
    """Return the section of a class, then those of its fields, each class once.

    Args:
        options: The class.
        path: Where it stands.
        within: What the paths of its fields begin with.
    """
    found: dict[Options, Section] = {}
    _gather(Section(path, options), within, found)
    return list(found.values())


def table(section: Section, sections: Sequence[Section]) -> str:
    """Return a section's table; its cells link to ``sections``."""
    said = meanings(section.options)
    links = {each.options: each.link for each in sections}
    choice = CHOICES.get(section.options)
    rows = []
    for field in shown_fields(section.options):
        value = _value(field.type, links)
        if choice is not None and field.name == FIELD:
            value = _chosen(choice, sections) or "a mapping"
        cells = (f"`{field.encode_name}`", value, _default(field), said[field.name])
        rows.append(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |")
    return "\n".join([HEAD, *rows, ""])


def with_heading(section: Section, sections: Sequence[Section], level: int) -> str:
    """Return a section with its heading, what its class says, and its table."""
    parts = [f"{'#' * level} {section.title}", lead(section.options), table(section, sections)]
    return "\n\n".join(parts)


def shown_fields(options: Options) -> list[inspect.Field]:
    """Return the fields of a class without the channel's settings that it only inherits."""
    return [field for field in fields_of(options) if not is_inherited(options, field)]


def is_inherited(options: Options, field: inspect.Field) -> bool:
    """Tell whether a field is one of the channel's settings, with nothing of its own."""
    inherited = {each.name: each for each in fields_of(ChannelSettings)}
    return issubclass(options, ChannelSettings) and field == inherited.get(field.name)


def _gather(section: Section, within: str, found: dict[Options, Section]) -> None:
    if section.options in found:
        return
    found[section.options] = section
    choice = CHOICES.get(section.options)
    for field in shown_fields(section.options):
        path = f"{within}{field.encode_name}"
        if choice is not None and field.name == FIELD:
            inner = list(_kinds(choice, path))
        else:
            inner = list(_inside(field.type, path))
        for each in inner:
            _gather(each, f"{each.path}.", found)


def _kinds(choice: Choice, path: str) -> Iterator[Section]:
    for options in _options(choice):
        kinds = tuple(name for name, each in choice.kinds.items() if each.options is options)
        yield Section(path, options, kinds)


def _options(choice: Choice) -> list[Options]:
    """Return the classes that may be chosen, each once."""
    found = dict.fromkeys(kind.options for kind in choice.kinds.values())
    return [each for each in found if each is not None and each is not AnyKeys]


def _inside(kind: inspect.Type, path: str) -> Iterator[Section]:
    bare, _ = unwrapped(kind)
    if isinstance(bare, inspect.StructType):
        yield Section(path, bare.cls)
    elif isinstance(bare, inspect.UnionType):
        for each in alternatives(bare):
            yield from _inside(each, path)
    elif isinstance(bare, LISTS):
        yield from _inside(bare.item_type, f"{path}[]")
    elif isinstance(bare, inspect.DictType):
        yield from _inside(bare.value_type, f"{path}.*")


def _chosen(choice: Choice, sections: Sequence[Section]) -> str:
    """Return links to what may stand in the field that a type chooses."""
    kinds = [each for each in sections if each.kinds and each.options in _options(choice)]
    return ", ".join(f"[{' or '.join(each.kinds)}]({each.link})" for each in kinds)


def _value(kind: inspect.Type, links: dict[Options, str]) -> str:
    bare, _ = unwrapped(kind)
    if isinstance(bare, inspect.UnionType):
        each = [_value(each, links) for each in alternatives(bare)]
        return each[0] if len(each) == 1 else expected(kind)
    if isinstance(bare, inspect.StructType) and bare.cls in links:
        return f"[a mapping]({links[bare.cls]})"
    if isinstance(bare, inspect.CustomType) and bare.cls is Secret:
        return "a secret"
    inner = getattr(bare, "item_type", None) or getattr(bare, "value_type", None)
    linked = "" if inner is None else _value(inner, links)
    named = expected(kind)
    if linked.startswith("["):
        what, comma, length = named.partition(",")
        return f"{what} of {linked.replace('a mapping', 'mappings')}{comma}{length}"
    return SHORT.get(named.partition(", or")[0], named.replace(", at least 1 character", ""))


def _default(field: inspect.Field) -> str:
    if field.required:
        return "required"
    default = default_of(field)
    if isinstance(default, bool):
        return f"`{str(default).lower()}`"
    if isinstance(default, int | float):
        return f"{default:,}"
    if isinstance(default, dict):
        said = ", ".join(f"{key}: {value}" for key, value in default.items())
        return f"`{{{said}}}`"
    if isinstance(default, list):
        return ", ".join(f"`{each}`" for each in default)
    return f"`{default}`" if default else ""
