"""Which channels take which events, and how these are encoded."""

from __future__ import annotations

from collections import Counter
from functools import partial
from typing import TYPE_CHECKING, Any

from experimentframework_core import codec
from experimentframework_core._channel.condition import UNREGISTERED
from experimentframework_core._gate.gate import Gate, Rules, refuse_foreign_errors, seal_envelope
from experimentframework_core._gate.late_import import ImportWatch
from experimentframework_core._gate.trace import MODULE, Traceparent, traceparent_source
from experimentframework_core._rules.buffer import CROWDED, FULL, TAKEN
from experimentframework_core.envelope import Envelope, Record
from experimentframework_core.errors import InvalidEventError
from experimentframework_core.events import EventType, event_type_named, event_type_of
from experimentframework_core.status import Receipt

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import msgspec

    from experimentframework_core._channel.channel import Channel

TOGGLE = Receipt(None, "filtered", "toggle")
UNROUTED = Receipt(None, "filtered", "unrouted")
SAMPLED = Receipt(None, "filtered", "sampled")


class Route:
    """What a plane does with one event type.

    Attributes:
        event_type: The type's name.
        channels: The channels that take it.
        seal: Gives the record of (event, event id, correlation id, metadata), or None when the
            subject is not sampled.
        offer: Puts a record into the channels' buffers, and answers as `Buffer.offer` does: `FULL`
            when any of them had no room.
        full: After such an answer, the channels that had no room.
        filtered: The receipt of every such event, where none is wanted.
        accepted: How many were offered to the channels on the loop's thread.
    """

    __slots__ = ("accepted", "channels", "event_type", "filtered", "full", "offer", "seal")

    def __init__(
        self,
        event_type: str,
        channels: tuple[Channel, ...],
        seal: Callable[..., Record | None],
        filtered: Receipt | None,
    ) -> None:
        """Begin with nothing accepted."""
        self.event_type = event_type
        self.channels = channels
        self.seal = seal
        self.offer, self.full = _offers(channels)
        self.filtered = filtered
        self.accepted = 0


class Router:
    """Finds the route of an event, making it when the type is met first.

    Attributes:
        by_class: The routes of the payload classes that were met and are wanted.
        before: How many events of each type the routes of former routers took.
    """

    def __init__(
        self,
        rules: Rules,
        channels: Sequence[Channel],
        *,
        max_bytes: int,
        before: Counter[str] | None = None,
    ) -> None:
        """Route to ``channels`` under ``rules``; ``max_bytes`` bounds one encoded event.

        ``before`` is what the router took in whose place this one comes.
        """
        self.before = before or Counter()
        self.by_class: dict[type, Route] = {}
        self._unwanted: dict[type, Route] = {}
        self._by_name: dict[str, Route] = {}
        self._rules = rules
        self._channels = channels
        self._max_bytes = max_bytes
        self._traceparent: Traceparent | None = None
        self._watch = ImportWatch(MODULE, self._seal_anew)

    @property
    def routes(self) -> tuple[Route, ...]:
        """Every route that was used."""
        return (*self.by_class.values(), *self._by_name.values())

    def taken(self) -> Counter[str]:
        """Return how many events of each type the routes took, from any thread."""
        taken = self.before.copy()
        for route in self.routes:
            taken[route.event_type] += route.accepted
        return taken

    def route_of(self, event: msgspec.Struct) -> Route:
        """Return the route of a payload or an envelope.

        Raises:
            InvalidEventError: The payload's class is not registered as an event type.
        """
        if isinstance(event, Envelope):
            return self._route_of_envelope(event)
        kind = type(event)
        route = self.by_class.get(kind) or self._unwanted.get(kind)
        if route is None:
            registered = event_type_of(kind)
            if registered is None:
                raise codec.explain(event) or InvalidEventError("not a registered event type")
            channels, _ = self._takers(registered.name)
            route = self._make(registered.name, channels, self._seal_of(registered))
            # Another thread may have met the type meanwhile; only one route counts.
            routes = self.by_class if route.filtered is None else self._unwanted
            route = routes.setdefault(kind, route)
        return route

    def watch(self) -> None:
        """Find the trace context also where the application imports OpenTelemetry from now on."""
        if traceparent_source() is None:
            self._watch.start()

    def stop_watching(self) -> None:
        """Look for it no longer."""
        self._watch.stop()

    def _seal_of(self, registered: EventType) -> Callable[..., Record | None]:
        _, max_bytes = self._takers(registered.name)
        self._traceparent = self._traceparent or traceparent_source()
        return Gate(
            registered, self._rules, max_bytes=max_bytes, traceparent=self._traceparent
        ).seal

    def _seal_anew(self) -> None:
        """Let each route look for the trace context at its next event; the import has begun."""
        for kind, route in list(self.by_class.items()):
            registered = event_type_of(kind)
            if registered is not None:
                route.seal = partial(self._seal_late, registered, route, route.seal)

    def _seal_late(
        self,
        registered: EventType,
        route: Route,
        before: Callable[..., Record | None],
        *event: object,
    ) -> Record | None:
        if traceparent_source() is None:  # The import failed, or the module was only looked for.
            route.seal = before
            self._watch.start()
            return before(*event)
        route.seal = self._seal_of(registered)
        return route.seal(*event)

    def _route_of_envelope(self, envelope: Envelope) -> Route:
        name = envelope.event_type
        if not isinstance(name, str):
            raise codec.explain(envelope) or InvalidEventError("not text", path="event_type")
        return self.route_named(name if event_type_named(name) else UNREGISTERED)

    def leads(self, route: Route) -> bool:
        """Return whether the channels of a route, of this router or a former one, take events."""
        return all(channel in self._channels for channel in route.channels)

    def route_named(self, name: str) -> Route:
        """Return the route of envelopes of a type; it also fits records of the type."""
        route = self._by_name.get(name)
        if route is None:
            channels, max_bytes = self._takers(name)

            def seal(
                envelope: Envelope,
                _event_id: str,
                correlation_id: str | None,
                metadata: dict[str, Any] | None,
            ) -> Record | None:
                if correlation_id is not None or metadata is not None:
                    message = "an Envelope carries its own correlation_id and metadata"
                    raise InvalidEventError(message)
                with refuse_foreign_errors():
                    return seal_envelope(envelope, self._rules, max_bytes)

            route = self._by_name.setdefault(name, self._make(name, channels, seal))
        return route

    def _takers(self, name: str) -> tuple[tuple[Channel, ...], int]:
        channels = tuple(channel for channel in self._channels if channel.takes(name))
        return channels, min([self._max_bytes, *(c.max_event_bytes for c in channels)])

    def _make(
        self, name: str, channels: tuple[Channel, ...], seal: Callable[..., Record | None]
    ) -> Route:
        filtered = None if channels else UNROUTED
        if name in self._rules.disabled:
            filtered = TOGGLE
        return Route(name, channels, seal, filtered)


def _offers(
    channels: tuple[Channel, ...],
) -> tuple[Callable[[Record], int], Callable[[], Sequence[Channel]]]:
    """Return `Route.offer` and `Route.full`; for a single channel, its own way in."""
    if len(channels) == 1:
        return channels[0].offer, lambda: channels
    full: list[Channel] = []

    def offer(record: Record) -> int:
        full.clear()
        answers = [channel.offer(record) for channel in channels]
        if FULL in answers:
            refusals = zip(channels, answers, strict=True)
            full.extend(channel for channel, answer in refusals if answer is FULL)
            return FULL
        return CROWDED if CROWDED in answers else TAKEN

    return offer, full.copy
