"""Cases that use the plugin as an application does: behind a data plane."""

from __future__ import annotations

from typing import TYPE_CHECKING

from experimentframework_core.codec import encode_record
from experimentframework_core.config import DeadLetterOptions, DeadLetterStoreOptions
from experimentframework_core.plane import DataPlane
from experimentframework_core.plugin import OptionsT
from experimentframework_core.testing._cases._harness import Harness
from experimentframework_core.testing._cases._options import plane_options
from experimentframework_core.testing._records import make_envelope

if TYPE_CHECKING:
    from pathlib import Path

EVENTS = 100


class PlaneCases(Harness[OptionsT]):
    """The whole way of an event."""

    async def test_the_data_plane_delivers_everything(
        self, options: OptionsT, tmp_path: Path
    ) -> None:
        """Events published one by one have all arrived when the plane is closed."""
        envelopes = [make_envelope() for _ in range(EVENTS)]
        store = DeadLetterStoreOptions(path=str(tmp_path / "dead-letters.db"))
        settings = plane_options(self.plugin, options, dead_letter=DeadLetterOptions(options=store))

        async with (
            self.in_time("the data plane"),
            DataPlane(settings, backplane=self.plugin) as plane,
        ):
            for envelope in envelopes:
                await plane.publish(envelope)

        await self.assert_arrived(options, map(encode_record, envelopes))
