"""The tree of errors is the one that its docstring draws, and each carries its facts."""

from __future__ import annotations

import inspect
import pickle
import re

import pytest

from experimentframework_core import errors
from experimentframework_core.errors import (
    AckTimeoutError,
    BufferFullError,
    ConfigurationError,
    ExperimentFrameworkError,
    InvalidEventError,
    PartialBatchError,
    PermanentError,
    PluginNotFoundError,
    TransientError,
    UnavailableError,
)

drawn_line = re.compile(
    r"^(?P<branch>[│├└─ ]*)(?P<name>[A-Z]\w+)(\((?P<fact>\w+)\))?", re.MULTILINE
)


def drawn() -> list[tuple[str, str | None, str | None]]:
    """Return each class of the docstring's tree with its parent and the fact in its brackets."""
    tree = inspect.cleandoc(errors.__doc__ or "").partition("::")[2]
    path: list[str] = []
    found: list[tuple[str, str | None, str | None]] = []
    for line in drawn_line.finditer(inspect.cleandoc(tree)):
        del path[len(line["branch"]) // 4 :]
        found.append((line["name"], path[-1] if path else None, line["fact"]))
        path.append(line["name"])
    return found


def defined() -> dict[str, type]:
    return {
        name: value
        for name, value in vars(errors).items()
        if isinstance(value, type) and value.__module__ == errors.__name__
    }


def test_the_drawn_tree_is_the_real_one() -> None:
    """Given the docstring, when compared with the classes, then names, parents, order agree."""
    real = [
        (name, None if cls is ExperimentFrameworkError else cls.__base__.__name__)
        for name, cls in defined().items()
        if cls.__base__ is not None
    ]

    assert [(name, parent) for name, parent, _ in drawn()] == real
    assert ExperimentFrameworkError.__base__ is Exception


def test_the_drawn_facts_are_attributes() -> None:
    """Given a fact in brackets, when the class is looked at, then its docstring tells it."""
    facts = {name: fact for name, _, fact in drawn() if fact}

    assert facts
    for name, fact in facts.items():
        assert f"        {fact}:" in (defined()[name].__doc__ or "").replace("\n    ", "\n        ")


def test_facts_are_kept_beside_the_message() -> None:
    """Given each error with a fact, when raised, then the fact is an attribute."""
    assert PluginNotFoundError("gone", plugin="kafka").plugin == "kafka"
    assert BufferFullError("full", backplane="main").backplane == "main"
    assert AckTimeoutError("late", event_id="1").event_id == "1"
    assert TransientError("later", retry_after=1.5).retry_after == 1.5
    assert UnavailableError().retry_after is None


@pytest.mark.parametrize(
    ("path", "text"), [("attributes.price", "attributes.price: no form"), ("", "no form")]
)
def test_an_invalid_event_says_where(path: str, text: str) -> None:
    """Given a path, when the error is shown, then the path stands first."""
    error = InvalidEventError("no form", path=path)

    assert str(error) == text
    assert error.path == path


def test_a_partial_failure_names_its_indexes() -> None:
    """Given failed indexes, when the error is shown, then they are kept and counted."""
    failures: dict[int, TransientError | PermanentError] = {
        1: TransientError("busy"),
        4: PermanentError("too large"),
    }

    error = PartialBatchError(failures)

    assert error.failures == failures
    assert str(error) == "2 records of the batch failed; 1 of them: busy"


def test_a_partial_failure_says_the_most_common_reason() -> None:
    """Given one reason for most records, when the error is shown, then with it and their number."""
    failures: dict[int, TransientError | PermanentError] = {
        index: TransientError("no such topic") for index in range(180)
    }

    alone = str(PartialBatchError(failures))
    one = str(PartialBatchError({3: failures[3]}))
    most = str(PartialBatchError({999: PermanentError("too large"), **failures}))

    assert alone == "180 records of the batch failed: no such topic"
    assert one == "1 record of the batch failed: no such topic"
    assert most == "181 records of the batch failed; 180 of them: no such topic"


def test_a_partial_failure_is_short_whatever_its_reason() -> None:
    error = PartialBatchError({0: TransientError("x" * 10_000)})

    assert len(str(error)) < 500


def test_a_partial_failure_passes_between_processes() -> None:
    error = pickle.loads(pickle.dumps(PartialBatchError({2: TransientError("busy")})))  # noqa: S301

    assert str(error) == "1 record of the batch failed: busy"


def test_a_configuration_error_shows_every_problem() -> None:
    """Given no problem at all, when the error is built, then its problems are a tuple."""
    error = ConfigurationError([])

    assert error.problems == ()
