"""Rules of buffers on disk, and what they do not say twice."""

from __future__ import annotations

import pytest

from experimentframework_core.errors import ConfigurationError
from tests.core.config.sample_plugins import load


def problems(*lines: str) -> list[str]:
    with pytest.raises(ConfigurationError) as caught:
        load("\n".join(["dataPlane:", *(f"  {line}" for line in lines)]))
    return str(caught.value).splitlines()


def test_durable_needs_a_buffer_on_disk() -> None:
    """Given durable acks, When one buffer is in memory, Then its backplane is named."""
    found = problems(
        "ack: durable",
        "backplane:",
        "  type: composite",
        "  backplanes:",
        "    - {type: plain, name: a}",
        "    - {type: plain, name: b, buffer: {type: disk, path: spool}}",
    )

    assert found == [
        (
            "e.yaml:2:3: dataPlane.ack: durable needs a buffer on disk, backplane 'a' has"
            " one in memory; expected accepted or delivered, or buffer.type: disk"
        )
    ]


@pytest.mark.parametrize(
    ("buffer", "what"),
    [("type: disk", "a buffer on disk"), ("whenFull: overflow", "overflow to disk")],
)
def test_a_buffer_on_disk_needs_a_folder(buffer: str, what: str) -> None:
    """Given a buffer that uses the disk, When it has no path, Then that is said."""
    found = problems(f"buffer: {{{buffer}}}", "backplane: {type: plain}")

    assert found == [f"e.yaml:2:3: dataPlane.buffer.path: missing; {what} needs a folder"]


def test_a_disk_cannot_overflow_to_itself() -> None:
    found = problems(
        "buffer: {type: disk, whenFull: overflow, path: a}", "backplane: {type: plain}"
    )

    assert found == [
        (
            "e.yaml:2:24: dataPlane.buffer.whenFull: overflow is of a memory buffer; expected"
            " dropNewest, dropOldest or block"
        )
    ]


def test_a_rule_is_silent_about_what_is_wrong_already() -> None:
    """Given a buffer of a misspelt type, When it has a path, Then only the type is said."""
    found = problems("buffer: {type: dsik, path: a}", "backplane: {type: plain}")

    assert found == [
        (
            "e.yaml:2:12: dataPlane.buffer.type: unknown value 'dsik'; expected memory or"
            " disk; did you mean 'disk'?"
        )
    ]
