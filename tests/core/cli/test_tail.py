"""`tail`, from the outside, on an embedded store."""

from __future__ import annotations

import json
import re
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from tests.core.cli.command import COMMAND, Ran, environment_with, run, run_here
from tests.docs.pages import docs

if TYPE_CHECKING:
    from pathlib import Path

EVENTS = docs / "examples/events.ndjson"


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """Return a configuration with an embedded store, which is not there yet."""
    return configuration(tmp_path, "events")


def configuration(folder: Path, name: str) -> Path:
    path = folder / f"{name}.json"
    store = {"type": "sqlite", "options": {"path": str(folder / f"{name}.db")}}
    path.write_text(json.dumps({"dataPlane": {"backplane": store}}))
    return path


def publish(config: Path, *events: dict[str, Any]) -> None:
    file = config.with_suffix(".ndjson")
    file.write_text("".join(f"{json.dumps(event)}\n" for event in events))
    ran = run_here("publish", "--config", config, file)
    assert ran.code == 0, ran.err


def exposure(subject: str, day: str = "2026-03-01", **more: object) -> dict[str, Any]:
    return {
        "type": "exposure",
        "experimentName": "checkout",
        "variantKey": "express",
        "subjectId": subject,
        "selectionReason": "test",
        "timestamp": f"{day}T00:00:00Z",
        **more,
    }


def tail(config: Path, *arguments: object) -> Ran:
    return run_here("tail", "--config", config, *arguments)


def subjects(ran: Ran) -> list[str]:
    assert ran.code == 0, ran.err
    return [json.loads(line)["payload"]["subjectId"] for line in ran.out.splitlines()]


class TestWhich:
    def test_ten_latest_by_their_own_time(self, config: Path) -> None:
        """Given 12 events, the latest stored first, When they are shown, Then the last 10 are."""
        publish(config, *(exposure(f"u-{n}", f"2026-03-{12 - n:02}") for n in range(12)))

        ran = tail(config, "--json")

        assert subjects(ran) == [f"u-{n}" for n in range(9, -1, -1)]

    def test_as_many_as_are_asked_for(self, config: Path) -> None:
        """Given events of now and of long ago, When so many are wanted, Then so many come."""
        now = [{key: each for key, each in exposure("now").items() if key != "timestamp"}]
        publish(config, exposure("old"), exposure("older", "1999-01-01"), *now)

        found = [subjects(tail(config, "--json", "-n", number)) for number in (0, 1, 2, 9)]

        assert found == [[], ["now"], ["old", "now"], ["older", "old", "now"]]

    def test_all_in_the_order_of_the_source(self, config: Path) -> None:
        """Given events out of order, When all are shown, Then they come as they were stored."""
        publish(config, exposure("b", "2026-03-02"), exposure("a"), *map(exposure, "cdefghijklm"))

        assert subjects(tail(config, "--json", "--all")) == list("bacdefghijklm")

    @pytest.mark.parametrize(
        ("options", "expected"),
        [
            (["--type", "outcome"], ["u-2"]),
            (["-t", "outcome", "-t", "exposure", "-e", "search"], ["u-3"]),
            (["--subject", "u-1", "--subject", "u-2"], ["u-1", "u-2"]),
            (["--correlation-id", "req-1"], ["u-1"]),
            (["--since", "2026-03-02"], ["u-2", "u-3"]),
            (["--until", "2026-03-02T01:00:00+01:00"], ["u-1"]),
            (["--since", "2026-03-02", "-n", "1"], ["u-3"]),
            (["--since", "1h"], []),
        ],
    )
    def test_only_what_is_selected(
        self, config: Path, options: list[str], expected: list[str]
    ) -> None:
        """Given three events, When one thing of them is asked for, Then those with it come."""
        publish(
            config,
            exposure("u-1", correlationId="req-1"),
            {
                "type": "outcome",
                "experimentName": "checkout",
                "subjectId": "u-2",
                "outcomeType": "binary",
                "name": "paid",
                "value": 1,
                "timestamp": "2026-03-02T00:00:00Z",
            },
            exposure("u-3", "2026-03-03", experimentName="search"),
        )

        assert subjects(tail(config, "--json", *options)) == expected


class TestGoingOn:
    def test_a_later_run_goes_on_where_one_ended(self, config: Path) -> None:
        """Given a run's checkpoint, When more comes and it is given back, Then only that comes."""
        publish(config, exposure("first"))
        checkpoint = tail(config, "-n", 0).err.split("--from ")[1].strip()
        publish(config, exposure("second"), exposure("third"))

        ran = tail(config, "--json", "--from", checkpoint)

        assert subjects(ran) == ["second", "third"]

    def test_a_checkpoint_of_something_else_is_wrong_usage(self, config: Path) -> None:
        """Given a text that is no checkpoint, When it is given, Then it it is refused."""
        publish(config, exposure("first"))

        ran = tail(config, "--from", '{"events":{"0":17}}')

        assert ran.code == 2
        assert ran.err.startswith("--from: cannot read on from the checkpoint")


class TestForms:
    def test_publish_takes_back_what_json_gives(self, config: Path, tmp_path: Path) -> None:
        """Given the example's events, When they go through tail and publish, Then all are equal."""
        assert run("publish", "--config", config, EVENTS).code == 0
        other = configuration(tmp_path, "other")

        first = tail(config, "--json", "--all").out
        again = run("publish", "--config", other, "-", stdin=first)
        second = tail(other, "--json", "--all").out

        assert again.code == 0
        assert len(first.splitlines()) == len(EVENTS.read_text().splitlines())
        assert second == first

    def test_a_person_gets_aligned_columns(self, config: Path) -> None:
        """Given two events, When they are shown, Then their columns stand below each other."""
        governance = {
            "type": "governance",
            "experimentName": "search-ranking",
            "action": "started",
            "actor": "ana",
            "reason": "it is time",
            "timestamp": "2026-03-02T08:00:00.5Z",
        }
        publish(config, exposure("u-1", attributes={"n": 1}, correlationId="r-1"), governance)

        assert tail(config).out.splitlines() == [
            (
                "2026-03-01 00:00:00.000  exposure    checkout        express  u-1  "
                'selectionReason=test attributes={"n":1} correlationId=r-1'
            ),
            (
                "2026-03-02 08:00:00.500  governance  search-ranking  -        -    "
                'action=started actor=ana reason="it is time"'
            ),
        ]

    def test_an_unknown_version_is_shown_undecoded(self, config: Path, tmp_path: Path) -> None:
        """Given an event of a later major version, When it is shown, Then what it holds is."""
        publish(config, exposure("u-1"))
        change(tmp_path, "UPDATE events SET body = replace(body, '\"1.0.0\"', '\"2.0.0\"')")

        ran = tail(config)

        assert ran.code == 0
        assert "exposure  checkout  express  u-1  (not decoded: version 2.0.0) " in ran.out

    def test_control_characters_do_not_reach_the_terminal(self, config: Path) -> None:
        """Given an escape sequence in an event, When it is shown, Then it is shown as text."""
        publish(config, exposure("u-\x1b[31m1"))

        assert "u-\\x1b[31m1" in tail(config).out


def change(folder: Path, sql: str) -> None:
    with closing(sqlite3.connect(folder / "events.db", isolation_level=None)) as connection:
        connection.execute(sql)


class TestTrouble:
    @pytest.mark.parametrize(
        ("name", "said"),
        [
            ("exposures", "--type: unknown event type 'exposures'; .*; did you mean 'exposure'\\?"),
            ("purchase", "--type: no event type 'purchase' is registered here; "),
        ],
    )
    def test_a_type_that_is_not_registered_is_told(
        self, config: Path, name: str, said: str
    ) -> None:
        """Given a type that is not known, When it is looked for, Then stderr says so."""
        publish(config, exposure("u-1"))

        ran = tail(config, "--type", name)

        assert (ran.code, ran.out) == (0, "")
        assert re.match(said, ran.err)
        assert "No events." in ran.err

    def test_nothing_is_said_of_a_known_type(self, config: Path) -> None:
        publish(config, exposure("u-1"))

        assert "--type" not in tail(config, "--type", "exposure").err

    def test_what_is_no_event_is_left_out_and_told(self, config: Path, tmp_path: Path) -> None:
        """Given a damaged row among others, When all are read, Then it is told once, exit 1."""
        publish(config, exposure("u-1"), exposure("u-2"), exposure("u-3"))
        change(tmp_path, "UPDATE events SET body = 'x' WHERE position = 2")

        ran = tail(config, "--json")

        assert ran.code == 1
        assert [json.loads(line)["payload"]["subjectId"] for line in ran.out.splitlines()] == [
            "u-1",
            "u-3",
        ]
        assert ran.err.count("Left out: cannot read row 2") == 1
        assert "1 event could not be read." in ran.err

    def test_what_has_no_canonical_form_is_left_out(self, config: Path, tmp_path: Path) -> None:
        """Given a stored event that nobody may publish, When JSON is wanted, Then it is told."""
        publish(config, exposure("u-1"), exposure("u-2"))
        change(tmp_path, "UPDATE events SET body = replace(body, 'u-1', hex(zeroblob(200)))")

        ran = tail(config, "--json")

        assert ran.code == 1
        assert [json.loads(line)["payload"]["subjectId"] for line in ran.out.splitlines()] == [
            "u-2"
        ]
        assert "payload.subject_id: 400 characters; it takes 1 to 256" in ran.err
        assert "1 event could not be read." in ran.err

    def test_nothing_to_show_is_said(self, config: Path) -> None:
        """Given no event that is wanted, When it is asked for, Then it says so, exit 0."""
        publish(config, exposure("u-1"))

        ran = tail(config, "--type", "outcome")

        assert (ran.code, ran.out) == (0, "")
        assert re.fullmatch(r"No events\.\nGo on from here with --from 1@[0-9a-f]{8}\n", ran.err)

    def test_a_store_that_is_not_there_is_a_failure(self, config: Path, tmp_path: Path) -> None:
        """Given no store, When it is read, Then the path is named, and nothing is made."""
        ran = tail(config, "--follow")

        assert ran.code == 1
        assert str(tmp_path / "events.db") in ran.err
        assert not (tmp_path / "events.db").exists()

    @pytest.mark.parametrize(
        ("options", "expected"),
        [
            (["--all", "-n", "3"], "Give either --all or --last."),
            (["--follow", "--until", "2026-03-01"], "--follow waits for what comes"),
            (["--since", "yesterday"], "--since: 'yesterday' is no time"),
            (["--backplane", "kafka"], "--backplane kafka: there is none"),
        ],
    )
    def test_wrong_usage(self, config: Path, options: list[str], expected: str) -> None:
        """Given options that cannot be, When they are used, Then it says why, exit 2."""
        ran = tail(config, *options)

        assert ran.code == 2
        assert expected in ran.err

    def test_a_reader_that_leaves_ends_it_quietly(self, config: Path) -> None:
        """Given many events, When who reads them has enough, Then nothing is said."""
        publish(config, *(exposure(f"u-{number}") for number in range(2_000)))
        with subprocess.Popen(
            [COMMAND, "tail", "--config", config, "--all", "--json"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment_with(),
        ) as process:
            assert process.stdout is not None
            assert process.stderr is not None

            process.stdout.readline()
            process.stdout.close()
            said = process.stderr.read()

        assert (process.returncode, said) == (1, b"")


Follow = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def follow(config: Path) -> Iterator[Follow]:
    """Return a function that starts `tail --follow --json`; what runs at the end is killed."""
    running: list[subprocess.Popen[str]] = []

    def start(*options: str) -> subprocess.Popen[str]:
        running.append(
            subprocess.Popen(
                [COMMAND, "tail", "--config", config, "--follow", "--json", *options],
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                env=environment_with(),
            )
        )
        return running[-1]

    yield start
    for process in running:
        process.kill()
        process.communicate()


def next_subject(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    subject = json.loads(process.stdout.readline())["payload"]["subjectId"]
    assert isinstance(subject, str)
    return subject


class TestFollow:
    def test_what_comes_is_shown_as_it_comes(self, config: Path, follow: Follow) -> None:
        """Given a run that follows, When events come, Then each is there without more of them."""
        publish(config, *map(exposure, "abc"))
        process = follow("--last", "2")
        first = [next_subject(process), next_subject(process)]

        publish(config, exposure("d"))
        second = next_subject(process)
        publish(config, exposure("e"))
        third = next_subject(process)

        assert [*first, second, third] == ["b", "c", "d", "e"]

    def test_it_ends_when_nobody_reads_any_more(self, config: Path, follow: Follow) -> None:
        """Given a run that waits, When its reader leaves, Then it ends without another event."""
        publish(config, exposure("a"))
        process = follow()
        next_subject(process)
        assert process.stdout is not None
        assert process.stderr is not None

        process.stdout.close()
        said = process.stderr.read()

        assert (process.wait(), said) == (1, "")

    def test_trouble_is_told_and_it_goes_on(
        self, config: Path, tmp_path: Path, follow: Follow
    ) -> None:
        """Given a store that was gone, When it is back, Then what came since is shown."""
        publish(config, exposure("a"))
        process = follow()
        first = next_subject(process)
        assert process.stderr is not None

        (tmp_path / "events.db").rename(tmp_path / "away.db")
        told = process.stderr.readline()
        (tmp_path / "away.db").rename(tmp_path / "events.db")
        publish(config, exposure("b"))
        second = next_subject(process)

        assert told.endswith("; trying again in 1 s\n")
        assert [first, second] == ["a", "b"]

    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
    def test_a_signal_ends_it_with_the_place(
        self, config: Path, follow: Follow, number: signal.Signals
    ) -> None:
        """Given a run that follows, When a signal comes, Then it says where it ended."""
        publish(config, *map(exposure, "abc"))
        process = follow()
        for _ in "abc":
            next_subject(process)

        process.send_signal(number)
        _, said = process.communicate()

        assert process.returncode == 128 + number
        assert re.fullmatch(r"Go on from here with --from 3@[0-9a-f]{8}\n", said)


@pytest.mark.skipif(sys.platform != "linux", reason="the peak is read from /proc")
def test_memory_does_not_grow_with_the_source(config: Path, tmp_path: Path) -> None:
    """Given 200 and 80,000 events, When all or the last are shown, Then it takes the same."""
    publish(config, *(exposure(f"u-{number}") for number in range(200)))
    few = [peak(config, "--all"), peak(config, "-n", "100")]
    change(
        tmp_path,
        "INSERT INTO events (event_id, type, schema_version, occurred_at, stored_at, body) "
        "SELECT a.event_id || '-' || b.position, a.type, a.schema_version, a.occurred_at, "
        "a.stored_at, a.body FROM events a, events b, events c WHERE c.position < 2",
    )
    change(
        tmp_path,
        "INSERT INTO events (event_id, type, schema_version, occurred_at, stored_at, body) "
        "SELECT event_id || '+', type, schema_version, occurred_at, stored_at, body FROM events",
    )

    many = [peak(config, "--all"), peak(config, "-n", "100")]

    assert max(many) - max(few) < 8 * 1024  # KiB


def peak(config: Path, *options: str) -> int:
    """Return the most memory that a run takes, in KiB."""
    arguments = ["tail", "--config", str(config), "--json", *options]
    program = (
        f"import sys, atexit; sys.argv[1:] = {arguments!r};"
        "atexit.register(lambda: print(open('/proc/self/status').read(), file=sys.stderr));"
        "from experimentframework_core.cli import main; main()"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    return int(done.stderr.split(b"VmHWM:")[1].split()[0])
