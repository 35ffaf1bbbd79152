"""The judge of the fault tests finds what it is there to find."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from experimentframework_core.codec import encode_record
from experimentframework_core.testing import make_envelope
from tests.faults._events import Name, make
from tests.faults._events import read as read_body
from tests.faults._notes import Note, Report
from tests.faults._verify import Arrival, Batch, Log, Verdict, judge, read_log

if TYPE_CHECKING:
    from pathlib import Path


def log_of(*batches: tuple[int, list[int]], cut: set[int] | None = None) -> Log:
    """Return a log of batches, each a connection and the numbers that came over it."""
    arrivals = [
        Arrival(batch, connection, f"id{number}", Name("p", "k", number))
        for batch, (connection, numbers) in enumerate(batches, 1)
        for number in numbers
    ]
    times = {
        batch: Batch(connection, float(batch), len(numbers))
        for batch, (connection, numbers) in enumerate(batches, 1)
    }
    return Log(arrivals, times, cut or set(), [])


def judged(log: Log, *durable: int, kills: int = 1, books: dict[str, Any] | None = None) -> Verdict:
    """Return the verdict where those numbers were acknowledged as durable."""
    notes = [Note(what="closed", at=0.0, facts={"statistics": {"backplanes": {"b": books}}})]
    ids = {f"id{number}" for number in durable}
    return judge(log, [Report(set(), ids, notes if books else [])], kills=kills, batch_size=2)


def test_a_good_run_has_no_faults() -> None:
    """Given all durable events in order, when judged, then nothing is wrong."""
    log = log_of((1, [1, 2]), (1, [3]))

    verdict = judged(log, 1, 2, 3)

    assert (verdict.durable, verdict.lost, verdict.duplicated, verdict.faults) == (3, 0, 0, [])


def test_a_lost_event_is_found() -> None:
    """Given a durable event that never came, when judged, then it is lost."""
    log = log_of((1, [1, 3]))

    verdict = judged(log, 1, 2, 3)

    assert verdict.lost == 1
    assert verdict.faults == ["1 durable events lost, as id2"]


def test_what_was_in_flight_at_a_kill_may_come_twice() -> None:
    """Given a connection's last batch again, when judged, then it is counted, and no fault."""
    log = log_of((1, [1, 2]), (1, [3, 4]), (2, [3, 4]))

    verdict = judged(log)

    assert (verdict.duplicated, verdict.faults) == (2, [])


def test_what_was_confirmed_before_may_not_come_twice() -> None:
    """Given an earlier batch again, when judged, then that is a fault."""
    log = log_of((1, [1, 2]), (1, [3, 4]), (2, [1, 2]))

    verdict = judged(log)

    assert verdict.faults == ["2 events came again that had been confirmed long before"]


def test_more_duplicates_than_a_batch_for_each_kill_are_found() -> None:
    """Given no kill, when a batch comes twice, then that is a fault."""
    log = log_of((1, [1, 2]), (2, [1, 2]))

    verdict = judged(log, kills=0)

    assert verdict.faults == ["2 duplicates, more than 0"]


def test_a_connection_that_the_destination_cut_excuses_its_duplicates() -> None:
    """Given a cut connection, when its last batch comes again, then the process is not blamed."""
    log = log_of((1, [1, 2]), (2, [1, 2]), cut={1})

    verdict = judged(log, kills=0)

    assert (verdict.cut_duplicated, verdict.duplicated, verdict.faults) == (2, 0, [])


def test_disorder_within_a_key_is_found() -> None:
    """Given first arrivals out of order, when judged, then that is a fault."""
    log = log_of((1, [2, 1]))

    verdict = judged(log)

    assert verdict.faults == ["p/k/1 came after 2"]


def test_books_that_do_not_add_up_are_found() -> None:
    """Given one event more than fates, when judged, then that is a fault."""
    fates = {"delivered": 1, "dead_lettered": 0, "expired": 0, "handed_over": 0, "buffered": 0}
    books: dict[str, Any] = fates | {"enqueued": 2, "recovered": 0, "dropped": {}}

    verdict = judged(log_of((1, [1])), books=books)

    assert len(verdict.faults) == 1
    assert verdict.faults[0].startswith("the books of b do not add up")


def test_a_log_is_read_as_it_was_written(tmp_path: Path) -> None:
    """Given a destination's lines, when they are read, then they mean what they say."""
    path = tmp_path / "log"
    path.write_text("E 1 7 id1 p/k/1\nB 1 7 2.5 1\nX a strange body\nC 7 cut\nC 8 ended\n")

    log = read_log(path)

    assert log.arrivals == [Arrival(1, 7, "id1", Name("p", "k", 1))]
    assert (log.batches, log.cut) == ({1: Batch(7, 2.5, 1)}, {7})
    assert log.strange == ["a strange body"]


def test_an_event_says_who_made_it() -> None:
    """Given an encoded event, when it is read, then its id and its name are there."""
    name = Name("p0", "key01", 17)
    record = encode_record(make_envelope(make(name)))

    event_id, subject, _ = read_body(record.body)

    assert (event_id, Name.parse(subject)) == (record.event_id, name)
