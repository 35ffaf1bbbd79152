"""Broken files of any kind end as a ConfigurationError that says where."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from experimentframework_core.config import load_text, read_configuration
from experimentframework_core.errors import ConfigurationError
from tests.core.config import fuzz
from tests.core.config._fuzz_damage import DAMAGES
from tests.core.config.sample_plugins import find_plugin

if TYPE_CHECKING:
    import pytest

IN_YAML = """\
experimentFramework:
  dataPlane:
    samplingRate: 0.5 # half
    piiRedaction: {redactSubjectIds: true, hashKey: 'k'}
    retry:
      initialDelayMs: 10ms
    backplane:
      type: composite
      backplanes:
        - type: courier
          name: first
          batchSize: ${FUZZ_SIZE:-5}
          options: {addresses: ["a:1", 'b:2'], routes: {south: x}}
        - &second
          type: plain
          events: [exposure, outcome]
"""
IN_JSON = (
    json.dumps(
        {"dataPlane": {"retry": {"maxAttempts": 3}, "backplane": {"type": "plain"}}}, indent="\t"
    ).replace("3", "3, // a comment")
    + "/* the end */"
)
EXPERIMENTS = (Path(__file__).parents[3] / "docs" / "examples" / "experiments.yaml").read_text()
TOKENS = st.one_of(
    st.sampled_from(
        [
            *"\n\t :-[]{},#&*!|>'\"%@`$?\\=.<\0\x07\x85\u2028\ufeff",
            *(
                "${",
                "${X}",
                "${file:/nope}",
                "${file:/}",
                "&a ",
                "*second",
                "!!str ",
                "<<: *second",
            ),
            *("---\n", "...\n", "? ", "- ", "null", "1e999", ".nan", "0x1F", "9" * 30, "\ud800"),
            *(
                "2026-01-01",
                "T00:00:00",
                "00:00:30",
                "PT",
                "control",
                "type: custom\n",
                "options: ",
            ),
            *("%YAML 1.1\n", '"\\ud83d"', "[" * 70, "- " * 70, "type: failover\n", "dataPlane: "),
        ]
    ),
    st.text(max_size=3),
)
EDITS = st.lists(
    st.tuples(st.floats(0, 1), st.integers(0, 40), TOKENS, st.sampled_from([1, 1, 1, 3, 100])),
    min_size=1,
    max_size=4,
)


BASES = [(IN_YAML, "e.yaml"), (EXPERIMENTS, "e.yaml"), (IN_JSON, "e.json")]


def edited(text: str, edits: list[tuple[float, int, str, int]]) -> str:
    """Return ``text`` with a part cut out and a token put in, for each edit."""
    for place, cut, token, times in edits:
        start = int(place * len(text))
        text = text[:start] + token * times + text[start + cut :]
    return text


@settings(
    max_examples=300, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck)
)
@given(st.sampled_from(BASES), EDITS, st.booleans())
def test_a_broken_file_is_refused_with_a_place(
    base: tuple[str, str],
    edits: list[tuple[float, int, str, int]],
    in_bytes: bool,  # noqa: FBT001
) -> None:
    """Given any damage to a good file, When it is loaded, Then at worst its problems are said."""
    text, name = base
    broken = edited(text, edits)
    source = broken.encode(errors="surrogatepass") if in_bytes else broken

    try:
        load_text(source, name=name, find_plugin=find_plugin)
    except ConfigurationError as error:
        problems = error.problems
    else:
        problems = ()

    assert all(str(problem).isprintable() for problem in problems)
    assert all(
        problem.line is not None or "byte offset" in problem.message or "large" in problem.message
        for problem in problems
    )


@settings(
    max_examples=100, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck)
)
@given(EDITS, EDITS)
def test_broken_files_are_refused_together(
    tmp_path_factory: pytest.TempPathFactory,
    first: list[tuple[float, int, str, int]],
    later: list[tuple[float, int, str, int]],
) -> None:
    """Given damage to several files, When they are merged, Then problems are all that is said."""
    folder = tmp_path_factory.getbasetemp()
    files = [folder / "fuzz.yaml", folder / "fuzz.json"]
    for file, text, edits in zip(files, (IN_YAML, IN_JSON), (first, later), strict=True):
        file.write_bytes(edited(text, edits).encode(errors="surrogatepass"))

    loaded = read_configuration(files, find_plugin)

    excerpts = [loaded.excerpts.of(problem) for problem in loaded.problems]
    assert all(0 <= each.caret <= len(each.text) for each in excerpts if each)
    assert (loaded.configuration is None) == any(
        problem.severity == "error" for problem in loaded.problems
    )


def test_damage_of_every_kind_is_answered_with_places(tmp_path: Path) -> None:
    """Given files damaged in every way, When they are loaded, Then problems are all that is said.

    This is the short form; the long one also takes the time, see CONTRIBUTING.
    """
    report = fuzz.run(300, 7, tmp_path)

    assert report.faults == []
    assert report.refused.total() + report.accepted.total() == 300
    assert all(report.refused[damage.__name__] for damage in DAMAGES)
