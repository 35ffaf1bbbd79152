"""Points in time: SQLite keeps them as texts that are compared rightly, and are told from others.

They are kept in UTC, with seven digits behind the second and a mark before. Their offset is lost;
nothing here asks for it.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Final, TypeGuard

from tests.peers.tds.errors import unknown

_mark: Final = "\x01"
_iso: Final = re.compile(
    r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(?:\.(\d{1,7}))? ?(Z|[-+]\d\d:\d\d)?"
)
_kept: Final = re.compile(_mark + r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{7}Z")
_plain_styles: Final = (None, 120, 121)
_iso_styles: Final = (126, 127)


def kept(text: str) -> str:
    """Return a point in time as it is kept; without an offset it is UTC.

    Raises:
        ValueError: It is none.
    """
    if is_moment(text):
        return text
    match = _iso.fullmatch(text)
    if match is None:
        raise ValueError(text)
    day, clock, fraction, offset = match.groups()
    moment = datetime.fromisoformat(f"{day}T{clock}{(offset or 'Z').replace('Z', '+00:00')}")
    seconds = moment.astimezone(UTC).isoformat()[:19]
    return f"{_mark}{seconds}.{(fraction or '').ljust(7, '0')}Z"


def is_moment(value: object) -> TypeGuard[str]:
    """Return whether that is a point in time, as it is kept."""
    return isinstance(value, str) and _kept.fullmatch(value) is not None


def moment_of(kept_text: str) -> datetime:
    """Return a point in time from how it is kept; its seventh digit is lost."""
    return datetime.fromisoformat(f"{kept_text[1:-2]}+00:00")


def shown(kept_text: str, style: int | None) -> str:
    """Return a point in time as text, in a style of CONVERT."""
    text = kept_text[1:]
    if style in _iso_styles:
        return text
    if style in _plain_styles:
        return f"{text[:-1].replace('T', ' ')} +00:00"
    raise unknown("the style of CONVERT", str(style))


def now() -> str:
    """Return the present time, as it is kept."""
    return kept(datetime.now(UTC).isoformat())


def later(kept_text: str, part: str, number: int) -> str:
    """Return a point in time that is so many days, hours, minutes or seconds later."""
    step = timedelta(**{f"{part.lower()}s": number})
    return kept((moment_of(kept_text) + step).isoformat())
