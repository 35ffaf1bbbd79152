"""A missing peer skips its tests, or fails them where it is required."""

from __future__ import annotations

import pytest

from tests.peers.require import require, required, variable


def test_a_peer_that_is_there_lets_the_test_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """Given a required peer, When nothing is missing, Then the test goes on."""
    monkeypatch.setenv(variable, "kafka")

    require("kafka", missing=None)


def test_a_missing_peer_skips_with_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    """Given nothing is required, When a peer is missing, Then the test skips and says why."""
    monkeypatch.delenv(variable, raising=False)

    with pytest.raises(pytest.skip.Exception, match="kafka: no broker answers"):
        require("kafka", missing="no broker answers")


def test_a_missing_peer_that_is_not_the_required_one_skips(monkeypatch: pytest.MonkeyPatch) -> None:
    """Given another peer is required, When this one is missing, Then the test skips."""
    monkeypatch.setenv(variable, "odbc")

    with pytest.raises(pytest.skip.Exception):
        require("kafka", missing="no broker answers")


def test_a_missing_required_peer_fails_with_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    """Given a peer is required, When it is missing, Then the test fails and says why."""
    monkeypatch.setenv(variable, "proton, kafka")

    with pytest.raises(pytest.fail.Exception, match="asks for kafka: no broker answers"):
        require("kafka", missing="no broker answers")


def test_an_unknown_name_in_the_variable_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Given a misspelt peer is required, When the variable is read, Then the run is refused."""
    monkeypatch.setenv(variable, "kafak")

    with pytest.raises(pytest.UsageError, match="names kafak; known are kafka, odbc"):
        required()


def test_a_test_may_ask_only_for_a_known_peer() -> None:
    """Given a misspelt peer, When a test asks for it, Then that is an error, not a skip."""
    with pytest.raises(ValueError, match="'kafak' is no peer"):
        require("kafak", missing="no broker answers")
