"""Names go into statements, and stay names there."""

from __future__ import annotations

import pytest

from experimentframework_core.errors import UnavailableError
from experimentframework_core.units import Secret
from experimentframework_sqlserver import SqlServerOptions
from experimentframework_sqlserver._table.naming import Names, checked_names, names_of


def test_names_take_the_place_of_the_placeholders() -> None:
    """Given a statement with placeholders, When names go in, Then each stands in its place."""
    names = Names("shop", "My Events")

    text = names.within("SELECT * FROM [$(Schema)].[$(Table)] -- N'$(Table)Outcomes'")

    assert text == "SELECT * FROM [shop].[My Events] -- N'My EventsOutcomes'"


def test_a_name_that_looks_like_a_placeholder_stays() -> None:
    """Given a table that is called as a placeholder, When it goes in, Then it is not replaced."""
    names = Names("dbo", "$(Schema)")

    text = names.within("[$(Schema)].[$(Table)]")

    assert text == "[dbo].[$(Schema)]"


def test_an_unknown_placeholder_is_a_mistake_of_ours() -> None:
    """Given a placeholder that means nothing, When names go in, Then it raises."""
    names = Names("dbo", "t")

    with pytest.raises(KeyError, match="Tabel"):
        names.within("[$(Tabel)]")


@pytest.mark.parametrize("field", ["schema", "table_name"])
@pytest.mark.parametrize(
    "name",
    [
        "x]; DROP TABLE victims; --",
        "x'); DROP TABLE victims; --",
        'x"',
        "[x",
        "dbo.x",
        "x\nGO\nDROP TABLE victims",
        "x\0",
        "x\u202e",
        "",
        " x",
        "#x",
        "x" * 129,
    ],
)
def test_what_could_end_a_name_is_refused(field: str, name: str) -> None:
    """Given a name that could end its quotes, When names are taken, Then none is made."""
    options = SqlServerOptions(connection_string=Secret(""), **{field: name})  # type: ignore[arg-type]

    with pytest.raises(UnavailableError, match=r"^(schema|tableName): "):
        names_of(options)


def test_every_character_that_is_let_through_is_harmless_in_quotes() -> None:
    """Given all characters, When those of good names are looked at, Then none ends any quotes."""
    good = [chr(code) for code in range(0x3000) if _is_good(f"a{chr(code)}b")]

    assert not set("]['\"\n\r\0.") & set(good)
    assert set("aZ9_$ ;-()é") <= set(good)


def _is_good(name: str) -> bool:
    try:
        checked_names(name, name)
    except UnavailableError:
        return False
    return True
