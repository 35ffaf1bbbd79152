"""Plain progress lines."""

from __future__ import annotations

from experimentframework_core.cli._progress import PlainLines


def test_a_line_is_written_every_five_seconds() -> None:
    times = iter([0.0, 4.9, 5.0, 5.0, 9.9, 10.0, 10.0])
    written: list[str] = []

    with PlainLines(lambda: next(times), written.append) as progress:
        for number in range(4):
            progress.show(0, f"line {number}")

    assert written == ["line 1", "line 3"]


def test_a_note_is_written_at_once() -> None:
    written: list[str] = []

    with PlainLines(lambda: 0.0, written.append) as progress:
        progress.note("line 3: broken")

    assert written == ["line 3: broken"]
