"""An event that an engine cannot hold is refused alone, through a whole data plane."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from experimentframework_core import BackplaneOptions, DataPlane, DataPlaneOptions
from experimentframework_core.config import DeadLetterOptions, DeadLetterStoreOptions
from experimentframework_core.testing import make_envelope, make_exposure
from tests.core._planes import check_accounts
from tests.sqlserver.engine.database import rows

if TYPE_CHECKING:
    from pathlib import Path

    from experimentframework_sqlserver import SqlServerOptions


async def test_a_nul_in_a_text_is_held_or_refused_alone(
    options: SqlServerOptions, tmp_path: Path
) -> None:
    """Given a batch with a NUL in one text, When published, Then no other event is refused."""
    letters = tmp_path / "letters.ndjson"
    plane = DataPlane(
        DataPlaneOptions(
            backplane=BackplaneOptions(type="sqlServer", options=options),
            dead_letter=DeadLetterOptions(
                type="file", options=DeadLetterStoreOptions(path=str(letters))
            ),
            flush_interval_ms=200,
        )
    )
    odd = make_envelope(make_exposure(attributes={"text": "before\0after"}))
    others = [make_envelope() for _ in range(9)]

    async with plane:
        for envelope in (*others[:5], odd, *others[5:]):
            await plane.publish(envelope)
        await plane.flush()
        check_accounts(plane)

    stored = {each for (each,) in rows(options, "SELECT EventId FROM [$(Schema)].[$(Table)]")}
    text = letters.read_text() if letters.exists() else ""
    refused = [json.loads(line) for line in text.splitlines()]
    assert {each.event_id for each in others} <= stored
    assert len(stored) + len(refused) == 10
    assert all(odd.event_id in json.dumps(letter) for letter in refused)
    assert all("write to the table" in json.dumps(letter) for letter in refused)
