"""A time that an option gives: a date, or an age."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from experimentframework_core.cli._output import USAGE, CommandError

_AGE = re.compile(r"([0-9]{1,9})(s|m|h|d)")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def time_of(option: str, text: str | None, now: datetime) -> datetime | None:
    """Return the time that ``text`` says: ISO 8601, in UTC if it names no zone, or an age.

    Raises:
        CommandError: It is neither.
    """
    if text is None:
        return None
    try:
        if age := _AGE.fullmatch(text):
            return now - timedelta(**{_UNITS[age[2]]: int(age[1])})
        found = datetime.fromisoformat(text)
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
    except OverflowError as error:
        raise CommandError(
            f"{option}: {text!r} is out of range; expected a time in the years 1 to 9999 of UTC",
            exit_code=USAGE,
        ) from error
    except ValueError as error:
        raise CommandError(
            f"{option}: {text!r} is no time; write 2026-05-01, 2026-05-01T12:00:00Z, or an age as"
            " in 30m, 2h or 7d",
            exit_code=USAGE,
        ) from error
