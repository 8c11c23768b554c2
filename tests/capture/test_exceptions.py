"""Exceptions that are values: class and message are shown, bounded, and no code of the application's is run."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from spancast.capture.snapshot import ShapeTable, Snapshot, plain_data


class Joke(BaseModel):
    """An answer's form."""

    setup: str


class Own(Exception):
    """An exception of the application's, whose text may take any time."""

    def __str__(self) -> str:
        raise AssertionError("the application's own code was run")


def invalid() -> Exception:
    with pytest.raises(ValidationError) as caught:
        Joke.model_validate({})
    return caught.value


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (ValueError("bad order 17"), "ValueError: bad order 17"),
        (KeyError("id"), "KeyError: 'id'"),
        (TimeoutError(), "TimeoutError"),
        (Own("one", 2), "Own: (one, 2)"),
        (Own(), "Own"),
        (RuntimeError(ValueError("inner")), "RuntimeError: inner"),
    ],
)
def test_class_and_message(error: Exception, text: str) -> None:
    """As LangChain hands them on: alone, in a state, in a list of results."""
    assert text == plain_data(error)
    assert {"error": text, "results": [1, text]} == plain_data({"error": error, "results": [1, error]})


def test_an_answer_that_could_not_be_parsed() -> None:
    """The `parsing_error` of `with_structured_output(include_raw=True)` says which field is missing."""
    shown: Any = plain_data({"parsing_error": invalid(), "parsed": None})
    assert shown["parsing_error"].startswith("ValidationError: 1 validation error for Joke\nsetup\n")


def test_a_long_message_is_cut_and_counted() -> None:
    """Many of them use the budget up; what is left out is marked."""
    snapshot = Snapshot(ShapeTable())
    assert len("ValueError: ") + 2_000 == len(str(snapshot.capture(ValueError("x" * 1_000_000))))
    captured: Any = snapshot.capture([ValueError("x" * 1_000_000)] * 1_000)
    assert snapshot.left_out
    assert len(captured) < 200
    assert snapshot.size < 500_000


def test_an_exception_that_holds_itself_ends() -> None:
    """Arguments are followed a few levels only."""
    error = Own()
    error.args = ([error],)
    assert str(plain_data(error)).startswith("Own: ")
