"""What the errors of file systems and object stores mean, by a table."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from experimentframework_core.errors import DeliveryError, TransientError, UnavailableError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from experimentframework_lake._options import LakeOptions

_MISSING: Final = "the bucket or folder is missing; make it, or see url"
_REFUSED: Final = "access is refused; see secretOptions, and the rights on it"
_SIGN_IN: Final = "the store does not know who asks; see storageOptions and secretOptions"

UNAVAILABLE: Final[Mapping[str, str]] = {
    "builtins.FileExistsError": "a file stands where a folder should; see url",
    "builtins.FileNotFoundError": _MISSING,
    "builtins.NotADirectoryError": "a part of the path is a file; see url",
    "builtins.IsADirectoryError": "a folder stands where an object should; see url",
    "builtins.PermissionError": _REFUSED,
    "azure.core.exceptions.ClientAuthenticationError": _SIGN_IN,
    "azure.core.exceptions.ResourceNotFoundError": _MISSING,
    "botocore.exceptions.NoCredentialsError": _SIGN_IN,
    "botocore.exceptions.PartialCredentialsError": _SIGN_IN,
    "botocore.exceptions.ProfileNotFound": _SIGN_IN,
    "google.auth.exceptions.DefaultCredentialsError": _SIGN_IN,
    "google.auth.exceptions.RefreshError": _SIGN_IN,
}
"""Errors, by the names of their classes, after which nothing arrives until something is changed.

Any other is transient: a store that fails says nothing about an event, so no event is to blame.
"""


@contextmanager
def delivery_errors(doing: str, options: LakeOptions) -> Iterator[None]:
    """Raise what the body raises as a TransientError or UnavailableError.

    Args:
        doing: What is attempted, as in ``write type=exposure/date=2026-11-28/… to s3://bucket``.
        options: Whose secrets are kept out of the text.
    """
    try:
        yield
    except DeliveryError:
        raise
    except Exception as error:
        raise _meaning(error, doing, options) from error


def _meaning(error: Exception, doing: str, options: LakeOptions) -> TransientError:
    said = _without_secrets(str(error) or type(error).__name__, options)
    names = (f"{each.__module__}.{each.__qualname__}" for each in type(error).__mro__)
    for name in names:
        if name in UNAVAILABLE:
            return UnavailableError(f"cannot {doing}: {UNAVAILABLE[name]} ({said})")
    return TransientError(f"cannot {doing}: {said}")


def _without_secrets(text: str, options: LakeOptions) -> str:
    for secret in options.secret_options.values():
        text = text.replace(secret.reveal(), "***")
    return text
