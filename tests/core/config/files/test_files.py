"""Which files a configuration is read from, and in which order."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from experimentframework_core.config import (
    Loaded,
    data_plane_of,
    load_files,
    read_configuration,
)
from experimentframework_core.config._files import find, read
from experimentframework_core.errors import ConfigurationError
from tests.core.config.sample_plugins import find_plugin

if TYPE_CHECKING:
    from pathlib import Path

PLAIN = "dataPlane: {backplane: {type: plain}}\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder in which the test's files are, which is the current one."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(folder: Path, **files: str) -> None:
    """Write files; in a name ``__`` is a slash and ``_`` a dot."""
    for name, text in files.items():
        path = folder / name.replace("__", "/").replace("_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def naming(*paths: str) -> str:
    return f"configurationPaths: [{', '.join(map(repr, paths))}]\n"


def loaded(*paths: str) -> Loaded:
    return read_configuration(paths or ["."], find_plugin)


def problems(found: Loaded) -> list[str]:
    return [str(problem) for problem in found.problems if problem.severity != "information"]


def test_a_folder_is_searched_for_the_usual_names(folder: Path) -> None:
    """Given the usual files among others, When a folder is loaded, Then these are read in order."""
    write(
        folder,
        experiments_json='{"dataPlane": {"batchSize": 3}}',
        experiments_yml="dataPlane: {batchSize: 2}",
        experiments_yaml=PLAIN,
        other_yaml="- no configuration",
        ExperimentDefinitions__b_json="{}",
        ExperimentDefinitions__a__z_yml="{}",
        ExperimentDefinitions__a_yaml="{}",
        ExperimentDefinitions__notes_txt="- no configuration",
        ExperimentDefinitions___hidden_yaml="- no configuration",
    )
    (folder / "ExperimentDefinitions" / ".hidden").mkdir()
    (folder / "ExperimentDefinitions" / ".hidden" / "x.yaml").write_text("- no configuration")

    found = loaded()

    assert problems(found) == []
    assert found.files == (
        "experiments.yaml",
        "experiments.yml",
        "experiments.json",
        "ExperimentDefinitions/a/z.yml",
        "ExperimentDefinitions/a.yaml",
        "ExperimentDefinitions/b.json",
    )
    assert data_plane_of(found.valid(), "").batch_size == 3


def test_a_folder_without_any_says_what_was_looked_for(folder: Path) -> None:
    found = loaded()

    assert found.configuration is None
    assert problems(found) == [
        (
            ".: no configuration in this folder; expected experiments.yaml, experiments.yml,"
            " experiments.json or files in ExperimentDefinitions/"
        )
    ]


def test_the_later_of_several_files_wins(folder: Path) -> None:
    """Given two files, When both are loaded, Then the second overrides, and that is told."""
    write(folder, base_yaml=f"{PLAIN}  \n", prod_yaml="dataPlane: {batchSize: 7}\n")
    write(folder, late_json='{"ExperimentFramework": {"dataPlane": {"batchSize": 8}}}')

    found = loaded("base.yaml", "prod.yaml", "late.json")
    configuration = load_files(["base.yaml", "prod.yaml"], find_plugin)

    assert data_plane_of(found.valid(), "").batch_size == 8
    assert data_plane_of(configuration, "").batch_size == 7
    assert [str(problem) for problem in found.problems] == [
        "late.json:1:40: information: dataPlane.batchSize: overrides prod.yaml:1:13"
    ]
    assert str(found.origins["dataPlane.backplane.type"]) == "base.yaml:1:25"


def test_what_a_file_names_comes_after_it_and_before_its_next(folder: Path) -> None:
    """Given files that name files, When they are loaded, Then each stands behind who names it."""
    write(
        folder,
        a_yaml=PLAIN + naming("sub/b.yaml", "sub/c.json"),
        sub__b_yaml=naming("deep"),
        sub__c_json="{}",
        sub__deep__x_yml="{}",
        sub__deep__w_yml="{}",
        z_yaml="{}",
    )

    found = loaded("a.yaml", "z.yaml")

    assert problems(found) == []
    assert found.files == (
        "a.yaml",
        "sub/b.yaml",
        "sub/deep/w.yml",
        "sub/deep/x.yml",
        "sub/c.json",
        "z.yaml",
    )


def test_each_file_is_read_once(folder: Path) -> None:
    """Given files that name each other in a circle, When they are loaded, Then each is once."""
    write(folder, a_yaml=PLAIN + naming("b.yaml", "a.yaml"), b_yaml=naming("a.yaml", "./b.yaml"))
    (folder / "link.yaml").symlink_to("b.yaml")

    found = loaded("a.yaml", "link.yaml", "./a.yaml")

    assert problems(found) == []
    assert found.files == ("a.yaml", "b.yaml")


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("t/*.yaml", ["t/a.yaml", "t/b.yaml"]),
        ("t/?.y*ml", ["t/a.yaml", "t/b.yaml", "t/c.yml"]),
        ("t/[ac].*", ["t/a.yaml", "t/c.yml"]),
        ("t/**/*.yaml", ["t/a.yaml", "t/b.yaml", "t/u/d.yaml", "t/u/v/e.yaml"]),
        ("**/e.yaml", ["t/u/v/e.yaml"]),
        ("t/**/**/d.*", ["t/u/d.yaml"]),
        ("t/u/**", ["t/u/d.yaml", "t/u/v/e.yaml"]),
        ("*/u/*/*.yaml", ["t/u/v/e.yaml"]),
        ("t/.*.yaml", ["t/.h.yaml"]),
        ("./t/../t/a*", ["t/../t/a.yaml"]),
        ("t/u", ["t/u/d.yaml", "t/u/v/e.yaml"]),
    ],
)
def test_a_pattern_stands_for_files(folder: Path, pattern: str, expected: list[str]) -> None:
    """Given a pattern, When the file that has it is loaded, Then what matches is read, sorted."""
    write(folder, x_yaml=PLAIN + naming(pattern), t__a_yaml="{}", t__b_yaml="{}", t__c_yml="{}")
    write(folder, t__d_txt="- no", t__u__d_yaml="{}", t__u__v__e_yaml="{}", t___h_yaml="{}")

    found = loaded("x.yaml")

    assert problems(found) == []
    assert list(found.files[1:]) == expected


def test_an_absolute_pattern_is_not_relative_to_the_file(folder: Path) -> None:
    write(folder, x_yaml=PLAIN + naming(f"{folder}/t/*.yaml"), t__a_yaml="{}")

    found = loaded("x.yaml")

    assert found.files == ("x.yaml", f"{folder}/t/a.yaml")


def test_a_name_with_brackets_is_first_a_name(folder: Path) -> None:
    write(folder, x_yaml=PLAIN + naming("a[1].yaml"))
    (folder / "a[1].yaml").write_text("{}")

    found = loaded("x.yaml")

    assert found.files == ("x.yaml", "a[1].yaml")


def test_links_to_folders_do_not_send_the_search_in_circles(folder: Path) -> None:
    write(folder, x_yaml=PLAIN + naming("t/**/*.yaml"), t__a_yaml="{}")
    (folder / "t" / "again").symlink_to(folder / "t")

    found = loaded("x.yaml")

    assert found.files == ("x.yaml", "t/a.yaml")


def test_what_matches_nothing_is_a_problem_at_its_place(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given names without files, When loaded, Then each is a problem where it is written."""
    monkeypatch.setenv("TEAM", "red")
    write(folder, x_yaml=f"{PLAIN}configurationPaths:\n- gone.yaml\n- 't/*.yaml'\n- ${{TEAM}}\n")

    found = loaded("x.yaml")

    expected = "matches no file; expected a file, a folder or a pattern as in teams/*.yaml"
    assert problems(found) == [
        f"x.yaml:3:3: configurationPaths[0]: 'gone.yaml' {expected}",
        f"x.yaml:4:3: configurationPaths[1]: 't/*.yaml' {expected}",
        f"x.yaml:5:3: configurationPaths[2]: '${{TEAM}}' {expected}",
    ]


def test_an_impossible_name_matches_nothing(folder: Path) -> None:
    write(folder, x_json='{"configurationPaths": ["a\\u0000b", "\\u0000*"], "dataPlane": 1}')

    found = [problem.message for problem in loaded("x.json").problems]

    assert found[0].startswith("'a\\x00b' matches no file")
    assert found[1].startswith("'\\x00*' matches no file")


def test_a_file_that_cannot_be_read_is_said_where_it_is_named(folder: Path) -> None:
    write(folder, x_yaml=PLAIN + naming("y.yaml"))
    (folder / "y.yaml").write_bytes(b"a: \xff")

    found = loaded("x.yaml", "missing.yaml")

    assert problems(found) == [
        "y.yaml:1:4: not UTF-8 at byte offset 3; expected UTF-8 text",
        ("missing.yaml: cannot be read: No such file or directory; expected a YAML or JSON file"),
    ]


def test_problems_stand_in_the_order_of_the_files(folder: Path) -> None:
    """Given a problem in each file, When loaded, Then all are told, the first file's first."""
    write(
        folder,
        z_yaml="dataPlane:\n\n  batchSize: 0\n  backplane: {type: plain}\n",
        a_yaml="dataPlane: {batchBytes: x}\n",
        m_json='{"dataPlane": {"smplingRate": 1}}',
    )

    found = loaded("z.yaml", "a.yaml", "m.json")

    assert [problem.file for problem in found.problems] == ["z.yaml", "a.yaml", "m.json"]
    assert found.configuration is None


def test_a_rule_across_files_names_both_places(folder: Path) -> None:
    """Given values of two files that do not fit, When loaded, Then both places are told."""
    write(
        folder,
        base_yaml="dataPlane:\n  retry:\n    maxDelayMs: 1s\n  backplane: {type: plain}\n",
        prod_yaml="dataPlane:\n  retry:\n    initialDelayMs: 5s\n",
    )

    found = loaded("base.yaml", "prod.yaml")

    assert problems(found) == [
        (
            "prod.yaml:3:5: dataPlane.retry.initialDelayMs: longer than maxDelayMs; maxDelayMs"
            " stands at base.yaml:3:5"
        )
    ]


def test_what_is_missing_is_not_said_while_a_file_cannot_be_read(folder: Path) -> None:
    """Given a broken file, When loaded with others, Then nobody asks for what it may hold."""
    write(folder, base_yaml="dataPlane: {backplane: [", prod_yaml="dataPlane: {batchSize: 2}\n")

    found = loaded("base.yaml", "prod.yaml")

    assert len(found.problems) == 1
    assert found.problems[0].file == "base.yaml"


def test_values_of_the_environment_stay_hidden_wherever_their_item_ends(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given a secret in a list that another file adds to, When loaded, Then no message shows it."""
    monkeypatch.setenv("HIDDEN", "hunter2")
    write(
        folder,
        a_yaml="dataPlane: {backplane: {type: plain}}\n",
        b_yaml="dataPlane: {backplane: {events: ['${HIDDEN}']}}\n",
    )

    (problem,) = loaded("a.yaml", "b.yaml").problems

    assert "no event type '${HIDDEN}' is registered here" in problem.message


def test_no_more_files_are_read_than_anyone_has(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(read, "MOST_FILES", 2)
    write(folder, x_yaml=PLAIN + naming("t"), t__a_yaml="{}", t__b_yaml="{}", t__c_yaml="{}")

    found = loaded("x.yaml")

    assert found.files == ("x.yaml", "t/a.yaml")
    assert problems(found) == [
        "x.yaml:2:22: configurationPaths[0]: too many files; expected at most 2"
    ]


@pytest.mark.parametrize(
    ("limit", "most", "what"),
    [
        ("MOST_NODES_OF_ALL", 12, "12 keys, values and list items"),
        ("MOST_CHARACTERS_OF_ALL", 100, "100 characters"),
    ],
)
def test_no_more_is_read_in_all_files_than_anyone_has(
    limit: str, most: int, what: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given small files, When they are too large together, Then the one too many is named."""
    monkeypatch.setattr(read, limit, most)
    write(
        folder,
        a_yaml="dataPlane: {batchSize: 0} # the first file\n",
        b_yaml="dataPlane: {batchSize: 2, concurrency: 3} # the second\n",
        c_yaml="dataPlane: {batchSize: 3, concurrency: 4} # the third\n",
        d_yaml="- no configuration",
    )

    found = loaded("a.yaml", "b.yaml", "c.yaml", "d.yaml")

    assert found.files == ("a.yaml", "b.yaml", "c.yaml")
    assert problems(found) == [
        "c.yaml: too large with the files before it; expected at most " + what
    ]


@pytest.mark.parametrize("count", [1000, 1500])
def test_many_files_are_refused_fast(count: int, folder: Path) -> None:
    """Given far too much in many files, When they are loaded, Then reading stops on the way."""
    trial = "  - {serviceType: a.B, selectionMode: {type: featureFlag, flagName: f}, control: {}}\n"
    for number in range(200):
        write(folder, **{f"ExperimentDefinitions__t{number:03}_yaml": "trials:\n" + trial * count})

    found = loaded()

    assert len(found.files) < 6
    assert "too large with the files before it" in str(found.problems[-1])


def test_no_more_of_a_disk_is_searched_than_anyone_has(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(find, "_MOST_ENTRIES", 2)
    write(folder, x_yaml=PLAIN + naming("**/*.yaml"), t__a_yaml="{}", t__b_yaml="{}")

    found = loaded("x.yaml")

    assert problems(found) == [
        (
            "x.yaml:2:22: configurationPaths[0]: '**/*.yaml': more than 2 files and folders to"
            " look through; name the files"
        )
    ]


def test_a_text_does_not_follow_what_it_names() -> None:
    """Given a text that names files, When it is loaded, Then it says that it has no folder."""
    from tests.core.config.sample_plugins import load

    with pytest.raises(ConfigurationError) as caught:
        load("configurationPaths: [a.yaml]\ndataPlane: {batchSize: 0, backplane: {type: plain}}")

    first, second = caught.value.problems
    assert (first.severity, second.severity) == ("warning", "error")
    assert str(first) == (
        "e.yaml:1:1: warning: configurationPaths: not followed, a text has no folder; load a file"
        " instead"
    )


@pytest.mark.parametrize("name", ["p.yaml", "sub/../p.yaml", "link.yaml"])
def test_what_is_no_regular_file_is_refused_at_once(name: str, folder: Path) -> None:
    """Given a pipe that nobody writes to, When it is loaded, Then it is a problem and no wait."""
    (folder / "sub").mkdir()
    os.mkfifo(folder / "p.yaml")
    (folder / "link.yaml").symlink_to("p.yaml")
    write(folder, e_yaml=PLAIN + naming(name))

    given = loaded(name)
    named = loaded("e.yaml")

    assert problems(given) == [
        f"{name}: cannot be read: not a regular file; expected a YAML or JSON file"
    ]
    assert problems(named) == [
        (
            f"e.yaml:2:22: configurationPaths[0]: the file '{name}' cannot be read: not a regular"
            " file; expected a YAML or JSON file"
        )
    ]
