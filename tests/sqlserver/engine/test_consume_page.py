"""The consumer that the page about consuming shows, on an engine."""

from __future__ import annotations

import importlib
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from experimentframework_core import BackplaneOptions, DataPlane, DataPlaneOptions
from experimentframework_core.testing import make_exposure
from tests.docs.pages import docs, write_files

if TYPE_CHECKING:
    from pathlib import Path
    from types import ModuleType

    from experimentframework_sqlserver import SqlServerOptions


@pytest.fixture
def page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Return the module that the page shows."""
    write_files(docs / "how-to/consume-events.md", tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    return importlib.import_module("counting")


async def test_each_event_is_counted_once(
    options: SqlServerOptions, page: ModuleType, tmp_path: Path
) -> None:
    """Given a crash inside a transaction, When begun again, Then every event is counted once."""
    backplane = BackplaneOptions(type="sqlServer", options=options)
    async with DataPlane(DataPlaneOptions(backplane=backplane)) as plane:
        for variant in "ab" * 5:
            await plane.publish(make_exposure(variant_key=variant))

    def consumed(database: Any) -> Any:
        stream = plane.read(types=["exposure"], checkpoint=page.checkpoint_in(database))
        return page.count(stream, database, size=4)

    with closing(page.opened(tmp_path / "totals.db")) as database:
        counted = page.count_one
        left = iter(range(6))

        def crashing(*given: object) -> None:
            if next(left, None) is None:
                raise SystemError("killed")
            counted(*given)

        page.count_one = crashing
        with pytest.raises(SystemError, match="killed"):
            await consumed(database)
        between = database.execute("SELECT sum(subjects) FROM exposed").fetchone()
        page.count_one = counted
        await consumed(database)
        totals = database.execute("SELECT * FROM exposed ORDER BY variant").fetchall()

    assert between == (4,)
    assert totals == [("a", 5), ("b", 5)]
