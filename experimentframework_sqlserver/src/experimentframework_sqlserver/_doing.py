"""Says what was attempted where the server or the driver refuses."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from experimentframework_sqlserver._errors import WRITES, delivery_error

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def doing(what: str, *, needs: str = WRITES) -> Iterator[None]:
    """Raise the driver's errors as what they mean here.

    Args:
        what: What is attempted within, as in ``migrate the table dbo.ExperimentEvents``.
        needs: The rights that it needs, as in ``SELECT and INSERT``.

    Raises:
        TransientError: It may succeed when it is tried again.
        UnavailableError: It will not before somebody changes something.
        PermanentError: The server refuses a value.
    """
    import pyodbc

    try:
        yield
    except pyodbc.Error as error:
        raise delivery_error(error, what, needs=needs) from error
