"""Which fault is next."""

from __future__ import annotations

from tests.peers.rules import Coming
from tests.peers.tds.faults import Fault


def test_a_fault_happens_once() -> None:
    """Given a fault, When it has happened, Then it does not again."""
    faults: Coming[Fault] = Coming()
    faults.add([Fault(what="cut")])

    happened = [faults.take("statement", "SELECT 1") for _ in range(2)]

    assert happened == [Fault(what="cut"), None]


def test_a_fault_waits_for_its_statement() -> None:
    """Given a text and a number to pass, When statements come, Then the right one fails."""
    faults: Coming[Fault] = Coming()
    fault = Fault(what="hang", matching="INSERT", skip=1)
    faults.add([fault])

    happened = [
        faults.take("statement", text) is not None
        for text in ("SELECT", "INSERT one", "SELECT", "INSERT two", "INSERT three")
    ]

    assert happened == [False, False, False, True, False]


def test_a_fault_may_be_meant_for_a_parameter() -> None:
    """Given the id of a record, When it stands in a parameter only, Then that fails."""
    faults: Coming[Fault] = Coming()
    faults.add([Fault(what="error", number=2628, matching="id-7", times=-1)])

    happened = [
        faults.take("statement", "INSERT", parameter) is not None
        for parameter in ("id-6", "id-7", "id-7")
    ]

    assert happened == [False, True, True]


def test_faults_of_other_moments_wait() -> None:
    """Given faults at a login and a commit, When each comes, Then it gets its own."""
    faults: Coming[Fault] = Coming()
    faults.add([Fault(what="cut", at="commit"), Fault(what="slow", at="login", times=2)])

    first = [faults.take(moment, "") for moment in ("statement", "login", "commit")]

    assert [fault and fault.what for fault in first] == [None, "slow", "cut"]
    assert faults.left() == 1
