"""What several files say together."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from experimentframework_core.config._files.merge import merged
from experimentframework_core.config._problems.report import Report
from experimentframework_core.config._text.source import read
from experimentframework_core.config._tree import Entry, Items, Mapping, Node, Scalar
from experimentframework_core.config._walk.scalars import meaning

NAMES = st.sampled_from(["a", "b", "c", "retry", "buffer"])
LEAVES = st.integers(0, 3).map(str).map(lambda text: Scalar(text, plain=True))
MAPPINGS = st.recursive(
    st.dictionaries(NAMES, LEAVES, max_size=3),
    lambda inner: st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=6,
)


def sections(text: str, file: str) -> Mapping:
    report = Report(file)
    node = read(text, report)
    assert isinstance(node, Mapping)
    assert not report.problems
    return node


def merge(*texts: str) -> tuple[Any, list[str]]:
    """Return what the files a.yaml, b.yaml and so on say together, and what is said of that."""
    report = Report()
    files = [sections(text, f"{name}.yaml") for name, text in zip("abc", texts, strict=False)]
    whole = merged(files, report)
    return plain(whole), [str(problem) for problem in report.problems]


def plain(node: Node) -> Any:
    if isinstance(node, Mapping):
        return {entry.key: plain(entry.value) for entry in node.entries}
    return [plain(item) for item in node.items] if isinstance(node, Items) else meaning(node)


@pytest.mark.parametrize(
    ("first", "later", "expected"),
    [
        (
            "settings: {a: 1, b: 1}",
            "settings: {b: 1, c: 3}",
            {"settings": {"a": 1, "b": 1, "c": 3}},
        ),
        (
            "dataPlane: {retry: {maxAttempts: 1}}",
            "dataPlane: {retry: {multiplier: 3}, batchSize: 5}",
            {"dataPlane": {"retry": {"maxAttempts": 1, "multiplier": 3}, "batchSize": 5}},
        ),
        (
            "governance: {initialState: draft, persistence: {type: sql}}",
            "governance: {enableAutoVersioning: true, persistence: {table: x}}",
            {
                "governance": {
                    "initialState": "draft",
                    "persistence": {"type": "sql", "table": "x"},
                    "enableAutoVersioning": True,
                }
            },
        ),
        ("decorators: [1]", "decorators: [2, 1]", {"decorators": [1, 2, 1]}),
        ("trials: [1]", "trials: [2]", {"trials": [1, 2]}),
        ("configurationPaths: [a]", "configurationPaths: [a]", {"configurationPaths": ["a", "a"]}),
        (
            "governance: {policies: [1], approvalGates: [1]}",
            "governance: {policies: [2], approvalGates: [2]}",
            {"governance": {"policies": [1, 2], "approvalGates": [1, 2]}},
        ),
        (
            "experiments: [{name: a}]",
            "experiments: [{name: b}]",
            {"experiments": [{"name": "a"}, {"name": "b"}]},
        ),
        (
            "experiments: [{x: 1}, 5]",
            "experiments: [{x: 1}]",
            {"experiments": [{"x": 1}, 5, {"x": 1}]},
        ),
        (
            "dataPlane: {backplane: {type: sqlite, options: {path: a}}}",
            "dataPlane: {backplane: {options: {retentionDays: 1}}}",
            {
                "dataPlane": {
                    "backplane": {"type": "sqlite", "options": {"path": "a", "retentionDays": 1}}
                }
            },
        ),
        (
            "dataPlane: {backplane: {options: {path: a}}}",
            "dataPlane: {backplane: {type: sqlite}}",
            {"dataPlane": {"backplane": {"options": {"path": "a"}, "type": "sqlite"}}},
        ),
    ],
)
def test_what_does_not_contradict_is_joined(first: str, later: str, expected: object) -> None:
    """Given two files that complete each other, When they are merged, Then nothing is said."""
    whole, said = merge(first, later)

    assert whole == expected
    assert said == []


def test_data_plane_and_governance_of_both_files_are_kept() -> None:
    """Given sections that the original's loader drops, When merged, Then none is lost."""
    whole, _ = merge(
        "dataPlane: {samplingRate: 0.5}\ngovernance: {policies: [{type: errorRate}]}",
        "dataPlane: {batchSize: 3}\ngovernance: {policies: [{type: timeWindow}]}",
    )

    assert whole["dataPlane"] == {"samplingRate": 0.5, "batchSize": 3}
    assert whole["governance"] == {"policies": [{"type": "errorRate"}, {"type": "timeWindow"}]}


@pytest.mark.parametrize(
    ("first", "later", "path", "value"),
    [
        ("dataPlane: {batchSize: 1}", "dataPlane: {batchSize: 2}", "batchSize", 2),
        ("dataPlane: {batchSize: 1}", "dataPlane: {batchSize: '1'}", "batchSize", "1"),
        ("dataPlane: {batchSize: 1}", "dataPlane: {batchSize: ~}", "batchSize", None),
        ("dataPlane: {batchSize: [1, 2]}", "dataPlane: {batchSize: [1]}", "batchSize", [1]),
        ("dataPlane: {batchSize: [1]}", "dataPlane: {batchSize: 1}", "batchSize", 1),
        ("dataPlane: {batchSize: {a: 1}}", "dataPlane: {batchSize: ~}", "batchSize", None),
        ("dataPlane: {batchSize: ~}", "dataPlane: {batchSize: {a: 1}}", "batchSize", {"a": 1}),
    ],
)
def test_a_value_that_is_overridden_is_information(
    first: str, later: str, path: str, value: object
) -> None:
    """Given two values of one key, When merged, Then the later wins, and both places are told."""
    whole, said = merge(first, later)

    assert whole == {"dataPlane": {path: value}}
    assert said == [f"b.yaml:1:13: information: dataPlane.{path}: overrides a.yaml:1:13"]


@pytest.mark.parametrize(
    ("first", "later"),
    [
        ("dataPlane: {batchSize: 0x10}", "dataPlane: {batchSize: 16}"),
        ("dataPlane: {a: [1, {b: 2}]}", "dataPlane: {a: [1, {b: 2}]}"),
        ("dataPlane: {a: x}", "dataPlane: {a: 'x'}"),
    ],
)
def test_the_same_value_twice_is_nothing_to_tell(first: str, later: str) -> None:
    _, said = merge(first, later)

    assert said == []


@pytest.mark.parametrize("key", ["backplane", "deadLetter"])
def test_another_type_replaces_all_that_belongs_to_the_first(key: str) -> None:
    """Given a destination of another type, When merged, Then no option of the first is left."""
    whole, said = merge(
        f"dataPlane:\n  {key}: {{type: sqlite, options: {{path: a}}}}",
        f"dataPlane:\n  {key}: {{type: courier, options: {{speed: fast}}}}",
    )

    assert whole == {"dataPlane": {key: {"type": "courier", "options": {"speed": "fast"}}}}
    assert said == [
        (
            f"b.yaml:2:3: information: dataPlane.{key}: overrides a.yaml:2:3; its type is another,"
            " so nothing of it is kept"
        )
    ]


def test_the_type_of_a_buffer_replaces_nothing_else() -> None:
    whole, _ = merge("dataPlane: {buffer: {maxEvents: 5}}", "dataPlane: {buffer: {type: disk}}")

    assert whole == {"dataPlane": {"buffer": {"maxEvents": 5, "type": "disk"}}}


def test_an_experiment_is_replaced_in_its_place_with_a_warning() -> None:
    """Given an experiment of the same name in other letters, When merged, Then the later wins."""
    whole, said = merge(
        "experiments:\n- {name: one, x: 1}\n- {name: two}\n",
        "experiments:\n- {name: three}\n- {name: ONE, y: 1}\n",
    )

    names = [each["name"] for each in whole["experiments"]]
    assert names == ["ONE", "two", "three"]
    assert whole["experiments"][0] == {"name": "ONE", "y": 1}
    assert said == [
        (
            "b.yaml:3:3: warning: experiments[0]: replaces the experiment of the same name at"
            " a.yaml:2:3"
        )
    ]


def test_a_name_twice_in_one_file_is_left_for_the_check() -> None:
    """Given duplicates inside each file, When merged, Then one each is left to be found."""
    whole, said = merge("experiments: [{name: a}, {name: A}]", "experiments: [{name: a, x: 1}]")
    again, _ = merge("experiments: [{name: a}]", "experiments: [{name: a}, {name: A}]")

    assert whole["experiments"] == [{"name": "a", "x": 1}, {"name": "A"}]
    assert again["experiments"] == [{"name": "a"}, {"name": "A"}]
    assert len(said) == 1


@pytest.mark.parametrize(
    ("first", "later", "expected"),
    [
        ("a: 1", "a: {b: 1}", "a: a mapping here, a number at a.yaml:1:1"),
        ("a: {b: 1}", "a: x", "a: a text here, a mapping at a.yaml:1:1"),
        ("a: {b: 1}", "a: [1]", "a: a list here, a mapping at a.yaml:1:1"),
        ("trials: [1]", "trials: x", "trials: a text here, a list at a.yaml:1:1"),
        ("trials: {}", "trials: [1]", "trials: a list here, a mapping at a.yaml:1:1"),
        (
            "experiments: x",
            "experiments: [1]",
            "experiments: a list here, a text at a.yaml:1:1",
        ),
    ],
)
def test_a_contradiction_is_an_error_that_names_both_places(
    first: str, later: str, expected: str
) -> None:
    """Given a mapping here and no mapping there, When merged, Then both places are named."""
    _, said = merge(first, later)

    assert said == [f"b.yaml:1:1: {expected}; expected the same in both"]


def test_a_secret_is_not_shown_when_it_is_overridden() -> None:
    _, said = merge("a: {hashKey: hunter2}", "a: {hashKey: hunter3}")
    _, contradiction = merge("a: hunter2", "a: {b: hunter3}")

    assert "hunter" not in "".join([*said, *contradiction])


def test_every_node_keeps_its_place() -> None:
    """Given keys of two files, When merged, Then each still stands where it was written."""
    report = Report()
    files = [sections("s:\n  a: 1\n", "a.yaml"), sections("s:\n\n  a: 2\n  b: 3\n", "b.yaml")]

    (entry,) = merged(files, report).entries

    assert isinstance(entry.value, Mapping)
    places = {each.key: (str(each.place), str(each.value.place)) for each in entry.value.entries}
    assert str(entry.place) == "a.yaml:1:1"
    assert places == {"a": ("b.yaml:3:3", "b.yaml:3:6"), "b": ("b.yaml:4:3", "b.yaml:4:6")}


def tree(value: Any) -> Any:
    if isinstance(value, dict):
        return Mapping(tuple(Entry(key, tree(each)) for key, each in value.items()))
    return value


def keys(value: Any, path: str = "") -> set[str]:
    if not isinstance(value, dict):
        return set()
    return {path, *(p for key, each in value.items() for p in keys(each, f"{path}.{key}"))} | {
        f"{path}.{key}" for key in value
    }


@given(MAPPINGS)
def test_one_file_is_itself(one: Any) -> None:
    """Given one file, When merged, Then it is what it was, and nothing is said."""
    report = Report()

    whole = merged([tree(one)], report)

    assert whole == tree(one)
    assert report.problems == []


@given(MAPPINGS)
def test_a_file_with_itself_is_itself(one: Any) -> None:
    report = Report()

    whole = merged([tree(one), tree(one)], report)

    assert whole == tree(one)
    assert report.problems == []


@given(MAPPINGS, MAPPINGS, MAPPINGS)
def test_it_does_not_matter_which_two_are_merged_first(one: Any, two: Any, three: Any) -> None:
    """Given files without a contradiction, When grouped either way, Then the result is one."""
    report = Report()
    left = merged([merged([tree(one), tree(two)], report), tree(three)], report)
    right = merged([tree(one), merged([tree(two), tree(three)], report)], report)

    if not report.errors:
        assert plain(left) == plain(right)


@given(MAPPINGS, MAPPINGS)
def test_no_key_is_lost(one: Any, two: Any) -> None:
    """Given two files without a contradiction, When merged, Then all keys of both are there."""
    report = Report()

    whole = plain(merged([tree(one), tree(two)], report))

    if not report.errors:
        assert keys(whole) == keys(plain(tree(one))) | keys(plain(tree(two)))


@given(st.lists(st.lists(LEAVES, max_size=3), min_size=1, max_size=4))
def test_lists_that_are_joined_keep_every_item_in_order(lists: list[list[Scalar]]) -> None:
    """Given any files with trials, When merged, Then all their trials stand one after another."""
    files = [Mapping((Entry("trials", Items(tuple(each))),)) for each in lists]

    whole = merged(files, Report())

    assert whole.get("trials") == Items(tuple(item for each in lists for item in each))
