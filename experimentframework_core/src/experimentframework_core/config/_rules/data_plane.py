"""What no single type can say: rules between the settings of a data plane."""

from __future__ import annotations

from typing import TYPE_CHECKING

from experimentframework_core._paths import why_no_path
from experimentframework_core.config._effective import plane_buffer
from experimentframework_core.config._model.data_plane import (
    BufferOptions,
    DeadLetterStoreOptions,
)
from experimentframework_core.config._problems.breach import Breach, note
from experimentframework_core.config._rules.backplanes import backplane_breaches
from experimentframework_core.config._rules.redaction import redaction_breaches

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from experimentframework_core.config._model.data_plane import BackplaneOptions, DataPlaneOptions
    from experimentframework_core.config._problems.report import Report
    from experimentframework_core.config._walk.backplanes import Found

_PLANE = "dataPlane"
_LONGEST_SALT = 64


def check_rules(options: DataPlaneOptions, found: Sequence[Found], report: Report) -> None:
    """Note in ``report`` each rule that is broken between settings that are good by themselves."""
    breaches = [
        *_plane_breaches(options),
        *_section_breaches(options, _PLANE),
        *redaction_breaches(options.pii_redaction, found),
        *_durability_breaches(options, found),
        *backplane_breaches(found),
        *(breach for each in found for breach in _section_breaches(each.node, each.path)),
    ]
    note(breaches, report)


def _plane_breaches(options: DataPlaneOptions) -> Iterator[Breach]:
    salt = len(options.sampling_salt.encode())
    if salt > _LONGEST_SALT:
        message = f"{salt} bytes in UTF-8; expected at most {_LONGEST_SALT}"
        yield Breach(f"{_PLANE}.samplingSalt", message)
    if options.max_queue_size is not None and options.buffer.max_events is not None:
        yield _said_twice("maxQueueSize", "buffer.maxEvents")
    if options.failure_mode is not None and options.buffer.when_full is not None:
        yield _said_twice("failureMode", "buffer.whenFull")
    if options.repeat_exposures.suppress and not options.repeat_exposures.detect:
        path = f"{_PLANE}.repeatExposures"
        message = "has no effect where repeats are not detected; leave detect: false out"
        yield Breach(f"{path}.suppress", message, (f"{path}.detect",))


def _said_twice(older: str, key: str) -> Breach:
    message = f"says the same as {key}; leave one out"
    return Breach(f"{_PLANE}.{older}", message, (f"{_PLANE}.{key}",))


def _section_breaches(options: DataPlaneOptions | BackplaneOptions, path: str) -> Iterator[Breach]:
    """Yield what is wrong in the sections that a plane and a backplane both may have."""
    retry, breaker = options.retry, options.breaker
    if retry and retry.initial_delay_ms > retry.max_delay_ms:
        yield _too_long(f"{path}.retry", "initialDelayMs", "maxDelayMs")
    if breaker and breaker.open_ms > breaker.max_open_ms:
        yield _too_long(f"{path}.breaker", "openMs", "maxOpenMs")
    if options.buffer:
        yield from _buffer_breaches(options.buffer, f"{path}.buffer")
    letters = options.dead_letter.options if options.dead_letter else None
    file = letters.path if isinstance(letters, DeadLetterStoreOptions) else None
    if file is not None and (why := why_no_path(file)):
        yield Breach(f"{path}.deadLetter.options.path", why)


def _too_long(path: str, first: str, longest: str) -> Breach:
    return Breach(f"{path}.{first}", f"longer than {longest}", (f"{path}.{longest}",))


def _buffer_breaches(buffer: BufferOptions, path: str) -> Iterator[Breach]:
    kind = (f"{path}.type", f"{path}.whenFull")
    if buffer.type == "disk" and buffer.when_full == "overflow":
        message = "overflow is of a memory buffer; expected dropNewest, dropOldest or block"
        yield Breach(f"{path}.whenFull", message, kind)
    if _is_on_disk(buffer):
        if buffer.path is None:
            what = "a buffer on disk" if buffer.type == "disk" else "overflow to disk"
            yield Breach(f"{path}.path", f"missing; {what} needs a folder", kind)
        elif why := why_no_path(buffer.path):
            yield Breach(f"{path}.path", why)
        return
    if buffer.path is not None:
        yield Breach(f"{path}.path", "has no effect on a buffer in memory; leave it out", kind)
    if buffer.commit_interval_ms != BufferOptions().commit_interval_ms:
        message = "has no effect on a buffer in memory; leave it out"
        yield Breach(f"{path}.commitIntervalMs", message, kind)


def _durability_breaches(options: DataPlaneOptions, found: Sequence[Found]) -> Iterator[Breach]:
    if options.ack != "durable":
        return
    for each in found:
        has_channel = each.node.type != "composite" and "failover" not in each.inside
        if has_channel and not _is_on_disk(each.node.buffer or plane_buffer(options)):
            yield Breach(
                f"{_PLANE}.ack",
                f"durable needs a buffer on disk, backplane '{each.name}' has one in memory;"
                " expected accepted or delivered, or buffer.type: disk",
                (f"{_PLANE}.buffer", f"{each.path}.buffer"),
                about=each.path,
            )


def _is_on_disk(buffer: BufferOptions) -> bool:
    return buffer.type == "disk" or buffer.when_full == "overflow"
