"""Who is exposed: a subject that travels with the request, without being handed on."""

from __future__ import annotations

from contextlib import contextmanager, suppress
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from experimentframework_core import codec
from experimentframework_core._gate.admission import is_plain
from experimentframework_core.errors import InvalidEventError
from experimentframework_core.events import Exposure, routing_limits

if TYPE_CHECKING:
    from collections.abc import Iterator


class Subject(msgspec.Struct, frozen=True):
    """Whom an experiment is about: a user, a device, an account.

    Attributes:
        subject_id: Its id, at most 256 characters.
        subject_type: What kind of subject it is.
        tenant_id: The tenant that it belongs to, at most 256 characters.
        attributes: Facts for the ``attributes`` of every exposure; those of a call win.
    """

    subject_id: str
    subject_type: str | None = None
    tenant_id: str | None = None
    attributes: dict[str, Any] | None = None

    def __post_init__(self) -> None:
        """Refuse what no event takes, where it comes in and not where it is published.

        Raises:
            InvalidEventError: An id is no text, empty, too long or cannot be encoded; the type is
                no text; or the attributes have no wire form.
        """
        _check("subject_id", self.subject_id)
        if self.subject_type is not None:
            _check("subject_type", self.subject_type)
        if self.tenant_id is not None:
            _check("tenant_id", self.tenant_id)
        if self.attributes is not None and (fault := _fault_of(self.attributes)):
            raise fault


def _check(path: str, value: object) -> None:
    if not isinstance(value, str):
        raise InvalidEventError(f"unexpected {type(value).__name__}; expected text", path=path)
    longest = routing_limits.get(path)
    if longest and not 0 < len(value) <= longest:
        message = f"{len(value)} characters; it takes 1 to {longest}"
        raise InvalidEventError(message, path=path)
    try:
        value.encode()
    except UnicodeEncodeError:
        raise InvalidEventError("text that UTF-8 cannot encode", path=path) from None


_encode = msgspec.json.Encoder().encode


def _fault_of(attributes: dict[str, Any]) -> InvalidEventError | None:
    with suppress(UnicodeError, ValueError):
        if type(attributes) is dict and is_plain(attributes) and _encode(attributes):
            return None
    return codec.explain(
        Exposure(
            experiment_name="-",
            variant_key="-",
            subject_id="-",
            selection_reason="-",
            attributes=attributes,
        )
    )


_current: ContextVar[Subject | Literal["unasked"] | None] = ContextVar("subject", default="unasked")


def current_subject() -> Subject | None:
    """Return the subject that `identify` or ``SubjectMiddleware`` has set here; None without."""
    subject = _current.get()
    return subject if isinstance(subject, Subject) else None


def is_anonymous() -> bool:
    """Return whether somebody has looked for a subject here, and found that there is none."""
    return _current.get() is None


@contextmanager
def identify(subject: Subject | str | None) -> Iterator[Subject | None]:
    """Let ``subject`` be the subject of the exposures inside the ``with``.

    It holds for this task or thread, and for what is started from it by asyncio: tasks, and
    threads of ``asyncio.to_thread``. A ``threading.Thread`` starts without.

    Args:
        subject: The subject, or its id. None: nobody, also where there is one around.

    Raises:
        InvalidEventError: The id is one that no event takes.
    """
    found = subject_of(subject)
    token = _current.set(found)
    try:
        yield found
    finally:
        _reset(token)


def subject_of(given: Subject | str | None) -> Subject | None:
    """Return the subject that is meant by a subject, by its id or by None.

    Raises:
        InvalidEventError: It is none of these, or its id is one that no event takes.
    """
    return given if given is None or isinstance(given, Subject) else Subject(given)


def _reset(token: Any) -> None:  # noqa: ANN401 - the type of a token has no better name
    try:
        _current.reset(token)
    except ValueError:
        # Entered in another context, as by a synchronous generator that a framework runs in
        # threads. What was set there is gone with it.
        return
