"""`dead-letter … --source broker`, from the outside: lists, shows, requeues, removes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
import typer

from experimentframework_core.cli import _output
from experimentframework_core.codec import decode_record
from experimentframework_core.errors import TransientError
from experimentframework_core.testing import make_exposure, make_outcome, make_record
from tests.core.cli._broker import CODE, NOON, broker, event_id, letter
from tests.core.cli.command import Ran, run_here

if TYPE_CHECKING:
    from pathlib import Path

    from tests.core.sites import Site

SEARCH = make_record(make_exposure(experiment_name="search"))
OUTCOME = make_record(make_outcome())


@pytest.fixture
def config(tmp_path: Path, site: Site) -> Path:
    """Return a configuration whose only backplane's broker keeps dead letters, now none."""
    site.install("acme-pigeon", type_name="pigeon", code=CODE)
    broker.reset()
    return configured(tmp_path, {"type": "pigeon"})


def configured(folder: Path, backplane: object) -> Path:
    path = folder / "experiments.json"
    path.write_text(json.dumps({"dataPlane": {"backplane": backplane}}))
    return path


def dead_letter(config: Path, *arguments: object) -> Ran:
    return run_here("dead-letter", *arguments, "--source", "broker", "--config", config)


def left() -> list[str]:
    return list(broker.letters)


class TestList:
    def test_a_row_says_what_a_letter_is(self, config: Path) -> None:
        """Given a letter, When it is listed, Then its row has where, what and why."""
        one = letter("a", number=7, deliveries=10, description="ten times in vain")
        broker.reset(one)

        ran = dead_letter(config, "list")

        (row,) = ran.out.splitlines()[1:]
        assert ran.code == 0
        assert row.split() == [
            event_id(one), "loft", "7", "exposure", "lost", "10", "2026-05-01", "12:00:00",
            "ten", "times", "in", "vain",
        ]  # fmt: skip

    def test_what_is_no_event_is_shown_as_that(self, config: Path) -> None:
        """Given a message of somebody else, When it is listed, Then it says that it is no event."""
        broker.reset(letter("a", body=b"hello", message_id="m-1", reason=None, enqueued_at=None))

        ran = dead_letter(config, "list")

        assert ran.out.splitlines()[1].split()[:4] == ["m-1", "loft", "-", "(no"]

    def test_json_is_a_document_a_line(self, config: Path) -> None:
        """Given an event and none, When listed as JSON, Then each has its body under its name."""
        one, two = letter("a", details={"session": "s"}), letter("b", body=b"\xff", number=3)
        broker.reset(one, two)

        ran = dead_letter(config, "list", "--json")

        first, second = (json.loads(line) for line in ran.out.splitlines())
        assert (first["eventId"], first["eventType"]) == (event_id(one), "exposure")
        assert (first["event"], first["details"]) == (json.loads(one.body), {"session": "s"})
        assert one.body.decode() in ran.out
        assert (second["eventId"], second["bodyBase64"], second["number"]) == (None, "/w==", 3)

    @pytest.mark.parametrize(
        ("options", "expected"),
        [
            (["--type", "outcome"], ["c"]),
            (["--experiment", "search", "--experiment", "nothing"], ["b"]),
            (["--reason", "expired"], ["d"]),
            (["--id", SEARCH.event_id, "--id", "m-4"], ["b", "d"]),
            (["--since", "2026-05-01T12:00:00Z"], ["a", "b", "c"]),
            (["--until", "2026-05-01T12:00:00Z"], []),
        ],
    )
    def test_a_filter_chooses(self, options: list[str], expected: list[str], config: Path) -> None:
        """Given an event of each kind and none, When filtered, Then those that fit are listed."""
        broker.reset(
            letter("a"),
            letter("b", body=SEARCH.body, message_id="m-2"),
            letter("c", body=OUTCOME.body, message_id="m-3"),
            letter("d", body=b"{}", message_id="m-4", reason="expired", enqueued_at=None),
        )

        ran = dead_letter(config, "list", "--json", *options)

        assert [json.loads(line)["key"] for line in ran.out.splitlines()] == expected

    @pytest.mark.parametrize(
        ("options", "numbers", "more"),
        [
            (["--limit", 2], ["1", "2"], True),
            (["--limit", 2, "--newest"], ["2", "3"], True),
            (["--limit", 3], ["1", "2", "3"], False),
            (["--newest"], ["1", "2", "3"], False),
        ],
    )
    def test_a_limit_takes_the_first_or_the_last(
        self, options: list[object], numbers: list[str], config: Path, *, more: bool
    ) -> None:
        """Given three, When there is a limit, Then so many are shown, and whether that is all."""
        broker.reset(*(letter(key, number=number) for number, key in enumerate("abc", 1)))

        ran = dead_letter(config, "list", *options)

        assert [row.split()[2] for row in ran.out.splitlines()[1:]] == numbers
        assert ("… and more" in ran.err) == more

    def test_none_are_no_failure(self, config: Path) -> None:
        """Given none, When they are listed, Then that is said."""
        ran = dead_letter(config, "list")

        assert (ran.code, ran.out) == (0, "No dead letters.\n")


class TestShow:
    def test_everything_is_told(self, config: Path) -> None:
        """Given two letters of an event, When it is shown, Then both are there in full."""
        one = letter("a", source="nest", details={"session id": "s"})
        same = {"body": one.body, "message_id": "other"}
        broker.reset(one, letter("b", place="coop", **same), letter("c"))

        ran = dead_letter(config, "show", event_id(one))

        assert ran.code == 0
        for line in (
            "reason       lost",
            "source       nest",
            "session id: s",
            "place        coop",
            f'  "eventId": "{event_id(one)}",',
        ):
            assert line in ran.out.splitlines()
        assert ran.out.count("reason ") == 2

    def test_a_message_is_found_by_its_id(self, config: Path) -> None:
        """Given what is no event, When its message id is asked for, Then it is one document."""
        broker.reset(letter("a", body=b"x", message_id="m-1"))

        ran = dead_letter(config, "show", "m-1", "--json")

        assert [each["key"] for each in ran.document()["letters"]] == ["a"]

    def test_an_unknown_id_is_a_failure(self, config: Path) -> None:
        """Given no such letter, When it is shown, Then that fails."""
        ran = dead_letter(config, "show", "zzz")

        assert ran.code == 1
        assert ran.err == "there is no dead letter of an event or a message 'zzz'\n"


class TestRequeue:
    def test_the_chosen_ones_go(self, config: Path) -> None:
        """Given letters of two experiments, When one's are requeued, Then the others stay."""
        broker.reset(letter("a"), letter("b", body=SEARCH.body), letter("c"))

        ran = dead_letter(config, "requeue", "--experiment", "checkout")

        assert (ran.code, ran.err) == (0, "")
        assert ran.out == "2 dead letters chosen, 2 requeued, 0 left\n"
        assert (broker.requeued, left()) == (["a", "c"], ["b"])

    def test_a_limit_takes_the_first(self, config: Path) -> None:
        """Given three, When two are asked for, Then the rest is told, and no failure."""
        broker.reset(*map(letter, "abc"))

        ran = dead_letter(config, "requeue", "--limit", 2)

        assert (ran.code, broker.requeued) == (0, ["a", "b"])
        assert ran.err == "There are more; run it again.\n"

    def test_what_stays_is_told_and_adds_up(self, config: Path) -> None:
        """Given one of each trouble, When requeued, Then each letter has one fate."""
        broker.reset(letter("a"), letter("b"), letter("c"), letter("d"))
        broker.refuses = {"b": "too large", "c": "too young"}
        broker.fails = {"d": TransientError("no answer")}

        ran = dead_letter(config, "requeue", "--json")

        document = ran.document()
        assert ran.code == 1
        assert document == {
            "ok": False,
            "backplane": "pigeon",
            "chosen": 4,
            "requeued": 1,
            "left": {"too large": 1, "too young": 1},
            "notReached": 1,
            "more": False,
            "addsUp": True,
            "interrupted": False,
            "troubles": [
                "It ended early: no answer",
                "1 letter left: too large",
                "1 letter left: too young",
                "1 letter left that were not reached.",
            ],
        }
        assert left() == ["b", "c", "d"]

    def test_none_are_no_failure(self, config: Path) -> None:
        """Given none, When requeued, Then that is well."""
        ran = dead_letter(config, "requeue")

        assert (ran.code, ran.out) == (0, "0 dead letters chosen, 0 requeued, 0 left\n")


class TestPurge:
    def test_exactly_the_counted_ones_go(self, config: Path) -> None:
        """Given another that comes after the count, When purged, Then it stays."""
        broker.reset(letter("a"), letter("b"))
        broker.comes = [letter("c")]

        ran = dead_letter(config, "purge", "--yes", "--json")

        document = ran.document()
        assert (ran.code, document["chosen"], document["removed"]) == (0, 2, 2)
        assert left() == ["c"]

    def test_a_dry_run_only_counts(self, config: Path) -> None:
        """Given letters, When it is a dry run, Then all are there."""
        broker.reset(letter("a"), letter("b"))

        ran = dead_letter(config, "purge", "--dry-run")

        assert (ran.code, ran.out) == (0, "2 dead letters chosen, 0 removed\n")
        assert left() == ["a", "b"]

    def test_without_a_terminal_it_must_be_told_yes(self, config: Path) -> None:
        """Given nobody to ask, When purged, Then nothing is removed."""
        broker.reset(letter("a"))

        ran = dead_letter(config, "purge")

        assert (ran.code, left()) == (2, ["a"])
        assert "say --yes" in ran.err

    @pytest.mark.parametrize(("answer", "code"), [(True, 0), (False, 1)])
    def test_on_a_terminal_it_asks(
        self, code: int, config: Path, monkeypatch: pytest.MonkeyPatch, *, answer: bool
    ) -> None:
        """Given somebody to ask, When the answer comes, Then it counts."""
        broker.reset(letter("a"))
        questions: list[str] = []

        def confirm(text: str, **_: object) -> bool:
            questions.append(text)
            return answer

        monkeypatch.setattr(_output, "is_terminal", lambda: True)
        monkeypatch.setattr(typer, "confirm", confirm)

        ran = dead_letter(config, "purge")

        assert (ran.code, left()) == (code, [] if answer else ["a"])
        assert questions == ["Remove 1 dead letter of pigeon for ever?"]


class TestWhichBroker:
    def test_one_of_several_is_named(self, tmp_path: Path, config: Path) -> None:
        """Given two brokers and a store, When one is named, Then it is that one's."""
        members = [{"type": "pigeon", "name": name} for name in ("north", "south")]
        both = configured(tmp_path, {"type": "composite", "backplanes": [*members, LOGGING]})
        broker.reset(letter("a"))

        unnamed = dead_letter(both, "list")
        named = dead_letter(both, "list", "--backplane", "south", "--json")

        assert (unnamed.code, named.code) == (2, 0)
        assert "say with --backplane which one to look at: north (pigeon)" in unnamed.err
        assert json.loads(named.out)["key"] == "a"

    @pytest.mark.parametrize("command", ["list", "show", "requeue", "purge"])
    def test_a_backplane_without_them_says_so(self, command: str, tmp_path: Path) -> None:
        """Given a plugin that offers none, When asked, Then it is told before anything opens."""
        config = configured(tmp_path, LOGGING)

        ran = dead_letter(config, command, *(["x"] if command == "show" else []), "--json")

        said = f"{config}: has no backplane to look at; logging keeps no dead letters itself"
        assert (ran.code, ran.err) == (2, f"{said}\n")
        assert ran.document()["error"] == said

    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            (["list", "--source", "broker"], "--source broker needs --config FILE."),
            (["list", "--source", "broker", "--store", "x"], "--store names a file"),
            (["list", "--source", "broker", "-c", "x", "-b", "a", "-b", "b"], "name one"),
            (["requeue", "--source", "broker", "-c", "x", "--to", "a"], "--to: a broker's"),
            (["requeue", "-c", "x", "--limit", "3"], "--limit goes with --source broker only"),
            (["purge", "--store", "x", "--limit", "3"], "--limit goes with --source broker only"),
        ],
    )
    def test_options_that_do_not_fit_are_refused(self, arguments: list[str], said: str) -> None:
        """Given options that contradict each other, When called, Then that is wrong usage."""
        ran = run_here("dead-letter", *arguments)

        assert ran.code == 2
        assert said in ran.err


LOGGING = {"type": "logging"}


def test_the_letters_of_these_tests_hold_events() -> None:
    """Given a letter of these tests, When its body is read, Then it is an event."""
    one = letter("a")

    assert decode_record(one.body).event_id == one.message_id
    assert one.enqueued_at == NOON
