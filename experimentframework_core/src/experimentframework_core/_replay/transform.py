"""A function of the user's own that changes events on their way, or leaves them out."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import TypeAlias

import msgspec

from experimentframework_core.codec import decode, encode_record
from experimentframework_core.envelope import Envelope, Record
from experimentframework_core.errors import InvalidEventError, ReplayError

Transform: TypeAlias = Callable[[Envelope], Envelope | None]
"""Returns the event that goes to the target in the place of the given one, or None for none.

The event id must stay. An event that is returned as it was given keeps its bytes.
"""


def transform_named(name: str) -> Transform:
    """Return the function that ``module:function`` names; modules of the current folder too.

    Raises:
        ReplayError: There is no such function.
    """
    module_name, colon, path = name.partition(":")
    if not (colon and module_name and path):
        message = f"{name!r} names no function; write module:function"
        raise ReplayError(message)
    if (here := str(Path.cwd())) not in sys.path:
        sys.path.insert(0, here)
    try:
        found: object = import_module(module_name)
        for part in path.split("."):
            found = getattr(found, part)
    except (Exception, SystemExit) as error:
        message = f"cannot import {name!r}: {type(error).__name__}: {error}"
        raise ReplayError(message) from error
    if not callable(found):
        message = f"{name!r} is a {type(found).__name__}, not a function"
        raise ReplayError(message)
    return found


def transformed(record: Record, transform: Transform) -> Record | None:
    """Return what ``transform`` makes of a record; None where it leaves it out.

    Raises:
        ReplayError: It fails, or gives what is no event, or another id.
    """
    try:
        envelope = decode(record.body)
        result: object = transform(envelope)
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        message = f"of event {record.event_id} raised {type(error).__name__}: {error}"
        raise _failed(transform, message) from error
    if result is envelope:
        return record
    if result is None:
        return None
    if inspect.iscoroutine(result):
        result.close()
        message = f"of event {record.event_id} returned a coroutine; write def, not async def"
        raise _failed(transform, message)
    if not isinstance(result, Envelope):
        kind = type(result).__name__
        message = f"of event {record.event_id} returned a {kind}; expected an Envelope or None"
        raise _failed(transform, message)
    if result.event_id != envelope.event_id:
        message = (
            f"of event {record.event_id} returned the event id {result.event_id!r}; it must stay,"
            " because by it the target tells what it has already"
        )
        raise _failed(transform, message)
    try:
        made = encode_record(result)
    except InvalidEventError as error:
        message = f"of event {record.event_id} returned what has no wire form: {error}"
        raise _failed(transform, message) from error
    misfit = None if isinstance(result.payload, msgspec.Struct) else _misfit(made)
    if misfit is not None and _misfit(record) is None:
        message = f"of event {record.event_id} returned what does not fit its type: {misfit}"
        raise _failed(transform, message) from misfit
    return made


def _misfit(record: Record) -> InvalidEventError | None:
    """Return why a payload does not fit its type; None if it does, or the type is unknown."""
    try:
        decode(record.body, strict=True)
    except InvalidEventError as error:
        return error
    return None


def _failed(transform: Transform, what: str) -> ReplayError:
    name = getattr(transform, "__qualname__", repr(transform))
    module = getattr(transform, "__module__", None)
    return ReplayError(f"the transform {f'{module}:{name}' if module else name} {what}")
