"""One value, one wire form: times in UTC, and whole numbers in float fields as floats."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec
from msgspec import inspect

from experimentframework_core.errors import InvalidEventError

if TYPE_CHECKING:
    from types import UnionType

T = TypeVar("T", bound=msgspec.Struct)
K = TypeVar("K", bound=inspect.Type)


@lru_cache(maxsize=1024)
def fields_of(struct: type[msgspec.Struct]) -> tuple[msgspec.structs.FieldInfo, ...]:
    """Return the fields of a Struct class; msgspec takes 100 µs for it, this remembers them."""
    return msgspec.structs.fields(struct)


def normalise(event: T, *, read: bool = False, path: str = "") -> T:
    """Return the event in its one form; the same object when nothing has to change.

    Args:
        event: A payload or an envelope with all it holds.
        read: A time without a zone was read, and is UTC; else it is refused.
        path: Where the event stands, for errors.

    Raises:
        InvalidEventError: A time has no zone, or is out of range in UTC.
    """
    return _Normaliser(read=read).struct(event, path)


class _Normaliser:
    def __init__(self, *, read: bool) -> None:
        self._read = read

    def struct(self, value: T, path: str) -> T:
        changes = {}
        for name, kind in _interesting_fields(type(value)):
            old = getattr(value, name)
            if old is not None:
                new = self.value(old, kind, f"{path}.{name}" if path else name)
                if new is not old:
                    changes[name] = new
        return msgspec.structs.replace(value, **changes) if changes else value

    def value(self, value: object, kind: inspect.Type, path: str) -> object:
        """Return ``value`` as its type wants it; what does not fit the type is left alone."""
        match value:
            case msgspec.Struct():
                return self.struct(value, path)
            case datetime():
                return self._time(value, path) if _allows(kind, inspect.DateTimeType) else value
            case int():
                return _number(value, kind)
            case dict():
                if mapping := _part(kind, inspect.DictType):
                    return self._mapping(value, mapping.value_type, path)
            case list():
                if sequence := _part(kind, inspect.ListType):
                    return self._sequence(value, sequence.item_type, path)
        return value

    def _mapping(self, old: dict[Any, Any], kind: inspect.Type, path: str) -> dict[Any, Any]:
        new = {key: self.value(value, kind, f"{path}.{key}") for key, value in old.items()}
        return new if any(new[key] is not old[key] for key in old) else old

    def _sequence(self, old: list[Any], kind: inspect.Type, path: str) -> list[Any]:
        new = [self.value(value, kind, f"{path}[{i}]") for i, value in enumerate(old)]
        return new if any(a is not b for a, b in zip(new, old, strict=True)) else old

    def _time(self, value: datetime, path: str) -> datetime:
        if value.tzinfo is UTC:
            return value
        if value.utcoffset() is None:
            if self._read:
                return value.replace(tzinfo=UTC)
            message = "the time has no zone; use an aware one, as datetime.now(UTC)"
            raise InvalidEventError(message, path=path)
        try:
            return value.astimezone(UTC)
        except OverflowError:
            raise InvalidEventError(f"{value} is out of range in UTC", path=path) from None


def _number(value: int, kind: inspect.Type) -> int | float:
    if not _allows(kind, inspect.FloatType) or _allows(kind, inspect.IntType | inspect.BoolType):
        return value
    try:
        number = float(value)
    except OverflowError:
        return value
    return number if number == value else value


def _allows(kind: inspect.Type, wanted: type[inspect.Type] | UnionType) -> bool:
    return any(isinstance(member, wanted) for member in _members(kind))


def _part(kind: inspect.Type, wanted: type[K]) -> K | None:
    """Return the member of ``kind``, a type or a union of types, that is a ``wanted`` one."""
    return next((member for member in _members(kind) if isinstance(member, wanted)), None)


@lru_cache(maxsize=1024)
def _interesting_fields(struct: type[msgspec.Struct]) -> tuple[tuple[str, inspect.Type], ...]:
    """Return the fields, and their types, that can hold something to change."""
    info = inspect.type_info(struct)
    fields = info.fields if isinstance(info, inspect.StructType) else ()
    return tuple((field.name, field.type) for field in fields if _interesting(field.type))


def _interesting(kind: inspect.Type) -> bool:
    return not all(
        isinstance(member, _settled) or _is_free_dict(member) for member in _members(kind)
    )


def _members(kind: inspect.Type) -> tuple[inspect.Type, ...]:
    members = kind.types if isinstance(kind, inspect.UnionType) else (kind,)
    return tuple(m.type if isinstance(m, inspect.Metadata) else m for m in members)


_settled = (
    inspect.StrType
    | inspect.IntType
    | inspect.BoolType
    | inspect.NoneType
    | inspect.EnumType
    | inspect.LiteralType
)
_flat = _settled | inspect.DateTimeType | inspect.FloatType | inspect.AnyType


def time_fields(struct: type[msgspec.Struct]) -> tuple[str, ...]:
    """Return the names of the fields that can hold a time."""
    return tuple(
        name for name, kind in _interesting_fields(struct) if _allows(kind, inspect.DateTimeType)
    )


def has_deep_times(struct: type[msgspec.Struct]) -> bool:
    """Return whether times can stand deeper than in the fields of ``struct`` itself."""
    return not all(
        isinstance(member, _flat)
        for _, kind in _interesting_fields(struct)
        for member in _members(kind)
    )


def _is_free_dict(kind: inspect.Type) -> bool:
    return isinstance(kind, inspect.DictType) and isinstance(kind.value_type, inspect.AnyType)
