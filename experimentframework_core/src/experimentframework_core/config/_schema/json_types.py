"""The JSON Schema of any type of the language, with the definitions that its parts share."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import inspect

from experimentframework_core.config._schema.json_scalars import (
    DEFINITIONS,
    Schema,
    limits,
    nullable,
    one_of,
    scalar,
    shared,
)
from experimentframework_core.config._walk.describe import LISTS, alternatives, choices, unwrapped

if TYPE_CHECKING:
    from collections.abc import Callable

    import msgspec


class Types:
    """Makes the schemas of types, and gathers the definitions that they share.

    Attributes:
        definitions: What stands in ``$defs``, by name.
    """

    def __init__(self, define: Callable[[type[msgspec.Struct], Types], Schema]) -> None:
        """Make the definition of a struct with ``define``."""
        self.definitions: dict[str, Schema] = dict(DEFINITIONS)
        self._define = define
        self._names: dict[type[msgspec.Struct], str] = {}

    def struct(self, cls: type[msgspec.Struct]) -> Schema:
        """Return the reference to a struct's definition, which is made when it is new."""
        if cls not in self._names:
            taken = cls.__name__ in self.definitions
            name = f"{cls.__module__}.{cls.__qualname__}" if taken else cls.__name__
            self._names[cls] = name
            self.definitions[name] = {}
            self.definitions[name] = self._define(cls, self)
        return {"type": "object", **shared(self._names[cls])}

    def of(self, kind: inspect.Type) -> Schema:
        """Return the schema of ``kind``.

        Raises:
            TypeError: It has a part for which there is no rule.
        """
        bare, _ = unwrapped(kind)
        if isinstance(bare, inspect.UnionType):
            return self._union(bare)
        if isinstance(bare, inspect.StructType):
            return self.struct(bare.cls)
        if isinstance(bare, inspect.DictType):
            return self._dict(bare)
        if isinstance(bare, inspect.TupleType):
            items = [self.of(each) for each in bare.item_types]
            exactly = {"minItems": len(items), "maxItems": len(items)}
            return {"type": "array", "prefixItems": items, **exactly}
        if isinstance(bare, LISTS):
            return {"type": "array", "items": self.of(bare.item_type), **limits(bare)}
        return scalar(kind)

    def _union(self, kind: inspect.UnionType) -> Schema:
        kinds = alternatives(kind)
        tagged = [each for each in kinds if isinstance(each, inspect.StructType) and each.tag_field]
        several = len(tagged) > 1
        schemas = [self.of(each) for each in kinds if not (several and each in tagged)]
        schemas += [self._tagged(tagged)] if several else []
        schema = schemas[0] if len(schemas) == 1 else {"anyOf": schemas}
        return nullable(schema) if len(kinds) < len(kind.types) else schema

    def _tagged(self, kinds: list[inspect.StructType]) -> Schema:
        key = str(kinds[0].tag_field)
        tags = {str(each.tag): self.struct(each.cls) for each in kinds}
        return {
            "type": "object",
            "properties": {key: one_of(list(tags))},
            "required": [key],
            "allOf": [where(key, tag, struct) for tag, struct in tags.items()],
        }

    def _dict(self, kind: inspect.DictType) -> Schema:
        key, _ = unwrapped(kind.key_type)
        names = limits(key)
        if isinstance(key, inspect.LiteralType | inspect.EnumType):
            names = {"enum": list(choices(key))}
        said = {"propertyNames": names} if names else {}
        return {"type": "object", **said, "additionalProperties": self.of(kind.value_type)}


def where(key: str, named: str, then: Schema, *, default: bool = False) -> Schema:
    """Return ``then`` for where ``key`` is ``named``, or missing where that is the ``default``."""
    chosen: Schema = {"properties": {key: {"const": named}}}
    return {"if": chosen if default else {**chosen, "required": [key]}, "then": then}
