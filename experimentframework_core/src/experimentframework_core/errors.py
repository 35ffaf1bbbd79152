"""Every error that this library raises, as one tree.

::

    ExperimentFrameworkError
    ├── ConfigurationError(problems)      the configuration, all its problems at once
    ├── PluginError(plugin)               a plugin cannot be loaded or breaks the contract
    │   └── PluginNotFoundError           no installed distribution offers that type
    ├── PublishError                      raised at the caller of publish
    │   ├── BufferFullError               the buffer stayed full for blockTimeoutMs
    │   ├── InvalidEventError(path)       the event cannot be written in the wire form
    │   ├── DataPlaneClosedError          not open, already closed, another loop, a forked child
    │   └── AckTimeoutError               the event is queued, its acknowledgement is late
    ├── DeliveryError                     what a backplane says of a batch
    │   ├── TransientError(retry_after)   not confirmed, possibly delivered: try again
    │   │   └── UnavailableError          the destination refuses us: try again, slowly
    │   ├── PermanentError                refused for ever
    │   └── PartialBatchError(failures)   these indexes failed, all others are delivered
    ├── JournalError                      the disk buffer cannot be opened or written
    └── ReplayError                       a source cannot be read, or not on from there
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from experimentframework_core.config import Problem

_LONGEST_REASON = 400


class ExperimentFrameworkError(Exception):
    """The root: catch it to catch everything that this library raises on purpose."""


class ConfigurationError(ExperimentFrameworkError):
    """The configuration is wrong; nothing was opened.

    Attributes:
        problems: Every problem found, in the order of the files, each with its place and its mend;
            warnings and information too.
    """

    def __init__(self, problems: Sequence[Problem]) -> None:
        """Hold all ``problems``; the message is one line for each error and warning."""
        self.problems = tuple(problems)
        told = (problem for problem in self.problems if problem.severity != "information")
        super().__init__("\n".join(map(str, told)))


class PluginError(ExperimentFrameworkError):
    """A plugin cannot be used.

    Attributes:
        plugin: The type that was asked for, as written in the configuration.
    """

    def __init__(self, message: str, *, plugin: str) -> None:
        """Say in ``message`` what failed and what to do about ``plugin``."""
        self.plugin = plugin
        super().__init__(message)


class PluginNotFoundError(PluginError):
    """No installed distribution offers that type; the message says what to install."""


class PublishError(ExperimentFrameworkError):
    """The event was not taken, or its acknowledgement did not come. Never a broker's fault."""


class BufferFullError(PublishError):
    """The buffer is full and its policy is ``block``: room did not come in time.

    Attributes:
        backplane: The name of the channel whose buffer is full.
    """

    def __init__(self, message: str, *, backplane: str) -> None:
        """Name the ``backplane`` whose buffer is full."""
        self.backplane = backplane
        super().__init__(message)


class InvalidEventError(PublishError):
    """The event has no wire form: a wrong type, an empty name, a number that is not finite.

    Attributes:
        path: The field that is wrong, as in ``attributes.price``; empty for the event as a whole.
    """

    def __init__(self, message: str, *, path: str = "") -> None:
        """Say in ``message`` what is wrong at ``path``."""
        self.path = path
        super().__init__(f"{path}: {message}" if path else message)


class DataPlaneClosedError(PublishError):
    """The plane cannot take events here: not opened, closed, on another loop, or after a fork."""


class AckTimeoutError(PublishError):
    """The acknowledgement did not come within ``ackTimeoutMs``. The event stays queued.

    Attributes:
        event_id: The id of the event that is still on its way.
    """

    def __init__(self, message: str, *, event_id: str) -> None:
        """Name the event that is still queued."""
        self.event_id = event_id
        super().__init__(message)


class DeliveryError(ExperimentFrameworkError):
    """A batch, or an event whose acknowledgement was awaited, did not arrive.

    Backplanes raise its subclasses from ``deliver``; ``publish(ack="delivered")`` raises it
    when the event ended as dead letter, dropped or expired.
    """


class TransientError(DeliveryError):
    """Not confirmed, possibly delivered; the same records are offered again.

    Attributes:
        retry_after: Seconds the destination asked us to wait at least, or None. More than an hour
            counts as one.
    """

    def __init__(self, message: str = "", *, retry_after: float | None = None) -> None:
        """Say what failed, and how many seconds the destination asked us to wait."""
        self.retry_after = retry_after
        super().__init__(message)


class UnavailableError(TransientError):
    """The destination is misconfigured or refuses us: credentials, a missing topic or table.

    Retried with long backoff and reported as unhealthy; never dead-lettered, never bisected.
    """


class PermanentError(DeliveryError):
    """The batch, or the record it is given for, is refused for ever. Nothing was delivered."""


class PartialBatchError(DeliveryError):
    """Some records failed; every index that is not named is delivered.

    Its text says the most common reason, and of how many records it is the reason.

    Attributes:
        failures: The reason of each failed index of the batch, as it was given to ``deliver``.
    """

    def __init__(self, failures: Mapping[int, TransientError | PermanentError]) -> None:
        """Name each failed index with its reason."""
        self.failures = dict(failures)
        super().__init__(self.failures)

    def __str__(self) -> str:
        """Return how many records failed, and why most of them did."""
        number = len(self.failures)
        text = f"{number} {'record' if number == 1 else 'records'} of the batch failed"
        for reason, times in Counter(map(str, self.failures.values())).most_common(1):
            text += f": {_cut(reason)}" if times == number else f"; {times} of them: {_cut(reason)}"
        return text


def _cut(reason: str) -> str:
    return reason if len(reason) <= _LONGEST_REASON else f"{reason[:_LONGEST_REASON]}…"


class JournalError(ExperimentFrameworkError):
    """The disk buffer cannot be opened, read or written."""


class ReplayError(ExperimentFrameworkError):
    """A source cannot be read, or not on from where the reading stands.

    With a ``record`` or ``lost`` the reader's checkpoint stands behind it already: whoever can do
    without goes on there. With neither there is nothing to go on to.

    Attributes:
        record: What is stored there and is no event, as it was stored; None where the reason is
            another.
        lost: How many events are gone, at most, that came next when the reading stood there;
            None where the reason is another. The source's retention took them away.
    """

    def __init__(
        self, message: str = "", *, record: bytes | None = None, lost: int | None = None
    ) -> None:
        """Say what cannot be read, and give what is stored there, or how many events are gone."""
        self.record = record
        self.lost = lost
        super().__init__(message)
