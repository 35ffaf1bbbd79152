"""What the bad plugins are made with.

Each class in this folder breaks one rule and says which cases of the kit must notice. The files
are not collected with the other tests: `test_bad_plugins.py` runs them and reads the outcome.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import msgspec
import pytest

from tests.conformance.reference_plugin import FileBackplane, FileOptions, opener, plugin
from tests.conformance.test_reference_plugin import ReferenceConformance

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import AbstractAsyncContextManager

    from experimentframework_core.envelope import Record
    from experimentframework_core.plugin import BackplanePlugin


def but(**changes: object) -> BackplanePlugin[FileOptions]:
    """Return the reference plugin with something changed."""
    return msgspec.structs.replace(plugin, **changes)


def stores(backplane: type[FileBackplane], **features: bool) -> BackplanePlugin[FileOptions]:
    """Return the reference plugin with another backplane class, and features taken back."""
    return but(
        open=opener(backplane), features=msgspec.structs.replace(plugin.features, **features)
    )


class Breaking:
    """What breaks a rule.

    Attributes:
        fails: Exactly the cases that fail.
    """

    __test__ = False
    fails: ClassVar[set[str]]
    patience = 10.0

    @pytest.fixture(autouse=True)
    def _patient_with_what_goes_well(self, request: pytest.FixtureRequest) -> None:
        """Let a busy machine be no broken rule: only what is to fail may be short of time."""
        if request.node.name not in self.fails:
            self.patience = 60.0

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls.__test__ = "fails" in vars(cls)


class Bad(Breaking, ReferenceConformance):
    """A plugin that breaks a rule, with every case; where nothing is cut short."""

    def cut_short(
        self, options: FileOptions, batch: Sequence[Record]
    ) -> AbstractAsyncContextManager[None] | None:
        """Leave those cases out: what is bad in other ways would be bad there, too."""
        return None
