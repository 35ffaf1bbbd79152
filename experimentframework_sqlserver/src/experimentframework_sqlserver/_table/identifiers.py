"""Which names a schema and a table may have."""

from __future__ import annotations

LONGEST_SCHEMA = 128
"""SQL Server's limit, in UTF-16 units."""

LONGEST_TABLE = 100
"""Less than SQL Server's, because the names of the table's views and indexes begin with its own."""


def why_no_identifier(name: str, longest: int) -> str | None:
    """Return what is wrong with a name that will be quoted; None if it is good."""
    length = len(name.encode("utf-16-le")) // 2
    if length > longest:
        return f"{length} characters; expected at most {longest}"
    if not name.isprintable():
        return "holds a character that cannot be printed"
    if name != name.strip():
        return "begins or ends with a space, which the server would not tell apart"
    if name.startswith("#"):
        return "begins with '#': such a table is gone with its connection"
    if any(character in name for character in ".[]\"'"):
        return "holds a dot, bracket or quote; expected the bare name, which we quote"
    return "holds '$(', which sqlcmd takes for a variable" if "$(" in name else None
