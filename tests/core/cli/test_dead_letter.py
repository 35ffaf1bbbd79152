"""`dead-letter list`, `show` and `purge`, from the outside."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
import typer
import typer.main
from typer.core import TyperGroup

from experimentframework_core.cli import _output
from experimentframework_core.cli._app import app_with
from experimentframework_core.deadletter import DeadLetter, open_letters
from tests.core.cli.command import run, run_here
from tests.core.letters._letters import NOON, ids_in, keep, make_letter

Keep = Callable[..., Path]


@pytest.fixture(params=["sqlite", "file"])
def kept(request: pytest.FixtureRequest, tmp_path: Path) -> Keep:
    """Return a function that puts letters into a file of either kind, and gives its path."""
    return lambda *letters: keep(request.param, tmp_path / "letters", letters)


def ids(path: Path) -> list[str]:
    async def read() -> list[str]:
        async with open_letters(path) as store:
            return await ids_in(store)

    return asyncio.run(read())


def some() -> list[DeadLetter]:
    return [
        make_letter("e-1", traceback="Traceback:\n  File …\nValueError: no"),
        make_letter("e-2", event_type="outcome", experiment="search", last_at=NOON),
        make_letter("e-3", backplane="store", reason="attempts", attempts=12),
        make_letter("e-4", last_at=NOON - timedelta(days=9), first_at=NOON - timedelta(days=10)),
    ]


class TestList:
    def test_a_table_has_a_row_for_each_letter(self, kept: Keep) -> None:
        ran = run_here("dead-letter", "list", "--store", kept(*some()))

        rows = [line.split() for line in ran.out.splitlines()]
        assert ran.code == 0
        assert [row[0] for row in rows] == ["Event", "e-1", "e-2", "e-3", "e-4"]
        assert rows[3][:8] == [
            "e-3", "store", "exposure", "checkout", "attempts", "12", "2026-05-01", "12:00:00",
        ]  # fmt: skip

    def test_an_error_is_whole_in_a_pipe(self, kept: Keep) -> None:
        """Given a long error, When letters are listed to a pipe, Then it is on their line."""
        error = f"no {'x' * 400} y"

        ran = run("dead-letter", "list", "--store", kept(make_letter("e-1", error=error)))

        assert ran.out.splitlines()[1].endswith(error)

    def test_json_is_a_document_a_line_with_the_event_in_it(self, kept: Keep) -> None:
        ran = run("dead-letter", "list", "--store", kept(*some()), "--json")

        documents = [json.loads(line) for line in ran.out.splitlines()]
        assert (ran.code, ran.err) == (0, "")
        assert [each["eventId"] for each in documents] == ["e-1", "e-2", "e-3", "e-4"]
        assert documents[0]["event"] == json.loads(make_letter("e-1").body)
        assert make_letter("e-1").body.decode() in ran.out

    @pytest.mark.parametrize(
        ("options", "expected"),
        [
            (["--type", "outcome"], ["e-2"]),
            (["--experiment", "search", "--experiment", "nothing"], ["e-2"]),
            (["--backplane", "store"], ["e-3"]),
            (["--reason", "refused", "--type", "exposure"], ["e-1", "e-4"]),
            (["--until", "2026-04-30"], ["e-4"]),
            (["--since", "2026-05-01T12:00:00Z"], ["e-1", "e-2", "e-3"]),
            (["--since", "1s"], []),
            (["--id", "e-4", "--id", "e-1"], ["e-1", "e-4"]),
        ],
    )
    def test_a_filter_chooses(self, options: list[str], expected: list[str], kept: Keep) -> None:
        ran = run_here("dead-letter", "list", "--store", kept(*some()), "--json", *options)

        assert [json.loads(line)["eventId"] for line in ran.out.splitlines()] == expected

    def test_a_limit_says_how_many_more_there_are(self, kept: Keep) -> None:
        ran = run_here("dead-letter", "list", "--store", kept(*some()), "--limit", 3)

        assert len(ran.out.splitlines()) == 4
        assert "… and 1 more" in ran.err

    @pytest.mark.parametrize("more", [[], ["--json"]])
    def test_the_newest_may_be_wanted(self, more: list[str], kept: Keep) -> None:
        ran = run_here(
            "dead-letter", "list", "--store", kept(*some()), "--limit", 2, "--newest", *more
        )

        assert [f"e-{number}" in ran.out for number in (1, 2, 3, 4)] == [False, False, True, True]

    def test_no_letters_are_no_failure(self, kept: Keep) -> None:
        ran = run_here("dead-letter", "list", "--store", kept(*some()), "--id", "none")

        assert (ran.code, ran.out) == (0, "No dead letters.\n")


class TestShow:
    def test_everything_is_told(self, kept: Keep) -> None:
        ran = run_here("dead-letter", "show", "e-1", "--store", kept(*some()))

        assert ran.code == 0
        assert "error       PermanentError: message too large" in ran.out
        assert '  "eventId": "e-1",' in ran.out
        assert "ValueError: no" in ran.out

    def test_json_is_one_document(self, kept: Keep) -> None:
        path = kept(make_letter("a"), make_letter("a", backplane="store"), make_letter("b"))

        ran = run_here("dead-letter", "show", "a", "--store", path, "--json")

        letters = ran.document()["letters"]
        assert [each["backplane"] for each in letters] == ["kafka", "store"]

    def test_what_no_json_is_is_shown_all_the_same(self, kept: Keep) -> None:
        path = kept(make_letter("a", body=b"\xff\x1b[2J"))

        ran = run_here("dead-letter", "show", "a", "--store", path)

        assert r"b'\xff\x1b[2J'" in ran.out

    def test_an_unknown_id_is_a_failure(self, kept: Keep) -> None:
        ran = run_here("dead-letter", "show", "zzz", "--store", kept(*some()))

        assert (ran.code, ran.err) == (1, "there is no dead letter of an event 'zzz'\n")


class TestPurge:
    def test_exactly_the_chosen_ones_go(self, kept: Keep) -> None:
        path = kept(*some())

        ran = run_here(
            "dead-letter", "purge", "--store", path, "--reason", "refused", "--yes", "--json"
        )

        assert (ran.code, ran.document()) == (0, {"chosen": 3, "removed": 3, "dryRun": False})
        assert ids(path) == ["e-3"]

    def test_a_dry_run_only_counts(self, kept: Keep) -> None:
        path = kept(*some())

        ran = run_here("dead-letter", "purge", "--store", path, "--dry-run")

        assert (ran.code, ran.out) == (0, "4 dead letters chosen, 0 removed\n")
        assert len(ids(path)) == 4

    def test_without_a_terminal_it_must_be_told_yes(self, kept: Keep) -> None:
        path = kept(*some())

        ran = run("dead-letter", "purge", "--store", path)

        assert ran.code == 2
        assert "say --yes" in ran.err
        assert len(ids(path)) == 4

    @pytest.mark.parametrize(("answer", "code", "left"), [(True, 0, 0), (False, 1, 4)])
    def test_on_a_terminal_it_asks(
        self,
        answer: bool,  # noqa: FBT001 - a parameter of the test
        code: int,
        left: int,
        kept: Keep,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        path = kept(*some())
        questions: list[str] = []

        def confirm(text: str, **_: object) -> bool:
            questions.append(text)
            return answer

        monkeypatch.setattr(_output, "is_terminal", lambda: True)
        monkeypatch.setattr(typer, "confirm", confirm)

        ran = run_here("dead-letter", "purge", "--store", path)

        assert (ran.code, len(ids(path))) == (code, left)
        assert questions == [f"Remove 4 dead letters in {path} for ever?"]


@pytest.mark.parametrize("command", ["list", "show", "requeue", "purge"])
def test_the_reference_has_every_option(command: str) -> None:
    group = typer.main.get_command(app_with())
    assert isinstance(group, TyperGroup)
    letters = group.commands["dead-letter"]
    assert isinstance(letters, TyperGroup)
    page = Path(__file__).parents[3] / "docs" / "reference" / "cli.md"
    section = page.read_text("utf-8").split("\n## `dead-letter`\n")[1].split("\n## ")[0]

    options = {name for each in letters.commands[command].params for name in each.opts}

    assert [name for name in options if name.startswith("-") and f"`{name}" not in section] == []
