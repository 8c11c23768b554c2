"""An exception as a Failure: names its causes, and costs the same whatever led to it."""

from __future__ import annotations

import traceback
from functools import partial
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from spancast.recording.failure import MAX_MESSAGE, MAX_STACKTRACE, failure_of

from ..calls import python_calls


def raised(error: BaseException, cause: BaseException | None = None) -> BaseException:
    """Return *error* with a traceback."""
    try:
        raise error from cause
    except BaseException as caught:
        return caught


def chain(length: int) -> BaseException:
    """Return an exception that *length* others led to."""
    error = raised(ValueError("0"))
    for number in range(1, length + 1):
        error = raised(ValueError(str(number)), error)
    return error


def test_a_failure_is_written_as_python_writes_it() -> None:
    """Type, message, frames, cause and context read as in a terminal."""

    def work() -> None:
        try:
            {}["missing"]  # type: ignore[index]
        except KeyError:
            raise ConnectionError("no route") from OSError("cable")

    try:
        work()
    except ConnectionError as error:
        failure = failure_of(error)
        expected = "".join(traceback.format_exception(error))
    assert ("ConnectionError", "no route", expected) == (failure.type, failure.message, failure.stacktrace)


def test_what_happened_while_another_was_handled_is_written() -> None:
    """An implicit context is written, a suppressed one is not."""
    try:
        try:
            raise KeyError("first")
        except KeyError:
            raise ValueError("second")  # noqa: B904
    except ValueError as caught:
        error = caught
    assert "".join(traceback.format_exception(error)) == failure_of(error).stacktrace
    error.__suppress_context__ = True
    assert "first" not in failure_of(error).stacktrace


def test_a_group_names_its_members() -> None:
    """The message alone tells what went wrong, also in groups of groups."""
    inner = ExceptionGroup("tools", [TimeoutError("search took 30 s"), KeyError("id")])
    failure = failure_of(raised(ExceptionGroup("parallel", [inner, raised(ValueError("bad"))])))  # type: ignore[type-var]
    assert (
        "parallel (2 sub-exceptions): TimeoutError: search took 30 s; KeyError: 'id'; ValueError: bad"
        == failure.message
    )
    assert all(text in failure.stacktrace for text in ("search took 30 s", "KeyError: 'id'", "  | ValueError: bad"))


def test_a_large_group_is_cut_and_says_so() -> None:
    """Of a thousand members the first are named."""
    failure = failure_of(ExceptionGroup("many", [ValueError(str(number)) for number in range(1000)]))
    assert failure.message.startswith("many (1000 sub-exceptions): ValueError: 0; ")
    assert failure.message.endswith("; ...")
    assert 17 == failure.message.count(";") + 1


def test_of_a_long_chain_the_nearest_causes_are_written(monkeypatch: pytest.MonkeyPatch) -> None:
    """Thousands of causes cost as much as ten: so many tracebacks are formatted, no more."""
    formatted: list[Any] = []
    plain = traceback.format_tb
    monkeypatch.setattr(traceback, "format_tb", lambda tb: formatted.append(tb) or plain(tb))  # type: ignore[func-returns-value]
    failure = failure_of(chain(3000))
    assert 9 == len(formatted)
    assert failure.stacktrace.startswith("(earlier exceptions are left out)\nTraceback")
    assert failure.stacktrace.endswith("ValueError: 3000\n")
    assert "ValueError: 2992\n" in failure.stacktrace
    assert "ValueError: 2991\n" not in failure.stacktrace


def test_a_circle_of_causes_ends() -> None:
    """Two exceptions that name each other are written once each."""
    one, other = ValueError("one"), ValueError("other")
    one.__cause__, other.__cause__ = other, one
    assert 1 == failure_of(one).stacktrace.count("ValueError: one\n")


def test_notes_are_part_of_it() -> None:
    """What `add_note` said is in the stack trace."""
    error = ValueError("bad")
    error.add_note("while reading page 3")
    assert "ValueError: bad\nwhile reading page 3\n" == failure_of(error).stacktrace


def test_long_texts_are_cut() -> None:
    """Neither a message nor a stack trace is longer than its bound."""
    failure = failure_of(raised(ValueError("x" * 1_000_000)))
    assert (MAX_MESSAGE, True) == (len(failure.message), len(failure.stacktrace) <= MAX_STACKTRACE)


def test_code_of_the_application_is_not_asked_for_the_message() -> None:
    """A `__str__` of the application's may raise or take any time: its exception is shown by its arguments, or its class."""
    asked = []

    class Slow(Exception):
        def __str__(self) -> str:
            asked.append(self)
            raise RuntimeError

    failures = [failure_of(raised(error)) for error in (Slow(), Slow("no stock"), Slow("order", 7))]
    assert ["<Slow>", "no stock", "(order, 7)"] == [failure.message for failure in failures]
    assert failures[0].stacktrace.endswith("Slow: <Slow>\n")
    assert not asked


def test_a_message_of_a_library_s_own_is_written() -> None:
    """A `__str__` of an installed package says what its makers meant, once for message and stack trace."""
    with pytest.raises(ValidationError) as caught:
        TypeAdapter(int).validate_python("x")
    assert str(caught.value) == failure_of(caught.value).message
    wrapped = failure_of(RuntimeError(caught.value))
    assert str(caught.value) == wrapped.message


def test_arguments_that_are_objects_are_not_asked() -> None:
    """`ValueError(order)` calls no code of the order's; plain data in it is written as Python does."""

    class Order:
        def __repr__(self) -> str:
            raise RuntimeError

    class Sized(ValueError):
        @property
        def __cause__(self) -> BaseException:  # type: ignore[override]
            raise RuntimeError

    messages = [
        failure_of(error).message for error in (ValueError(Order()), KeyError(Order()), ValueError({"code": 7}))
    ]
    assert ["<Order>", "<Order>", "{'code': 7}"] == messages
    assert "x" == failure_of(Sized("x")).message


def test_without_content_only_the_type_is_left() -> None:
    """In privacy mode an exception's words stay at home."""
    failure = failure_of(raised(ValueError("secret")), content=False)
    assert ("ValueError", "", "") == (failure.type, failure.message, failure.stacktrace)


def deep(frames: int) -> BaseException:
    """Return an exception that was raised *frames* calls further in."""

    def call(left: int) -> None:
        if left:
            call(left - 1)
        raise ValueError("deep")

    try:
        call(frames)
    except ValueError as error:
        return error
    raise AssertionError


def test_a_deep_stack_costs_no_more_than_what_is_written_of_it() -> None:
    """The innermost frames are written as Python writes them; nothing is worked out for those that are left out."""
    error = deep(600)
    assert "".join(traceback.format_tb(error.__traceback__, limit=-40)) in (failure_of(error).stacktrace or "")

    def calls(error: BaseException) -> int:
        return python_calls(partial(failure_of, error))

    few = deep(100)
    assert calls(few) == calls(few)
    assert calls(error) <= calls(few) + 5
