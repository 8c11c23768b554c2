"""What is captured runs no code of the application's, whatever its classes override, and costs the same at any size."""

from __future__ import annotations

import datetime
import os
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

import spancast
from spancast import destinations
from spancast.capture.exceptions import message_of
from spancast.capture.snapshot import plain_data, sized_data, weight_of
from spancast.langchain import SpancastCallbackHandler
from spancast.recording.failure import failure_of


def stop(*args: Any, **kwargs: Any) -> Any:
    """Stand for code of the application's: it ends the program."""
    raise SystemExit


class Lazy(dict[str, object]):
    """A mapping that loads what it has when it is asked."""

    keys = items = values = copy = get = stop
    __iter__ = __getitem__ = __len__ = __contains__ = stop  # type: ignore[assignment]


class Meta(type):
    """A class of classes that answers nothing."""

    __getattribute__ = stop


def silent() -> object:
    """Return an object whose class cannot be asked for its name. (Pytest asks what stands in a module.)"""
    return object.__new__(Meta("Silent", (), {}))


class Zone(datetime.tzinfo):
    """A time zone of the application's own."""

    utcoffset = tzname = dst = stop


class Shut(Exception):
    """Every attribute of it is code of the application's."""

    __getattribute__ = stop


class Computed(Exception):
    """What led to it is computed."""

    __cause__ = __context__ = __traceback__ = __notes__ = property(stop)  # type: ignore[assignment]


class Odd:
    """It ends the program when it is shown."""

    __repr__ = __str__ = stop


VALUES: list[tuple[Callable[[], object], object]] = [
    (lambda: Lazy(a=1), {"a": 1}),
    (silent, "<Silent>"),
    (lambda: datetime.datetime(2026, 1, 2, 3, 4, 5, tzinfo=Zone()), "2026-01-02T03:04:05"),
    (lambda: datetime.time(3, 4, tzinfo=Zone()), "03:04:00"),
    (lambda: Shut("no"), "Shut: no"),
]


@pytest.mark.parametrize(("make", "expected"), VALUES)
def test_a_value_is_captured_without_code_of_its_class(make: Callable[[], object], expected: object) -> None:
    """A mapping is not asked to load, a metaclass for no name, a time zone for no offset."""
    assert expected == plain_data(make())


@pytest.mark.parametrize(("make", "expected"), VALUES)
def test_a_run_with_such_a_value_is_recorded(make: Callable[[], object], expected: object) -> None:
    """No callback raises, and the spans of the run arrive."""
    value = make()
    memory = destinations.memory()
    with spancast.Pipeline(memory) as pipeline:
        handler = SpancastCallbackHandler(pipeline=pipeline)
        chain, tool = uuid4(), uuid4()
        handler.on_chain_start({}, {"in": value}, run_id=chain, metadata={"of": value})
        handler.on_tool_start({"name": "t"}, "", run_id=tool, parent_run_id=chain, inputs={"in": value})
        handler.on_tool_end(value, run_id=tool)
        handler.on_chain_end({"out": value}, run_id=chain)
        assert pipeline.flush()
    assert 2 == len(memory.spans)


FAILURES = [
    lambda: Shut("no"),
    lambda: Computed("no"),
    lambda: SyntaxError(Odd()),
    lambda: OSError(2, "x", Odd()),
]


@pytest.mark.parametrize("make", FAILURES)
def test_a_failure_is_written_without_code_of_the_exception(make: Callable[[], BaseException]) -> None:
    """Class and arguments are read as the interpreter has them."""
    error = make()
    error_type = type(error).__name__
    assert failure_of(error).type.endswith(error_type)


@pytest.fixture
def device(tmp_path: Path) -> str:
    """Return the path of a FIFO that nobody writes to."""
    path = tmp_path / "source.py"
    os.mkfifo(path)
    return str(path)


@pytest.mark.parametrize("path", ["/dev/zero", None])
def test_lines_of_source_are_read_from_files_only(path: str | None, device: str) -> None:
    """Code that says that it comes from a device or a FIFO neither fills the memory nor waits."""
    space: dict[str, Any] = {}
    exec(compile("def work():\n    raise ValueError('z')", path or device, "exec"), space)
    with pytest.raises(ValueError, match="z") as caught:
        space["work"]()
    assert f'File "{path or device}", line 2, in work' in failure_of(caught.value).stacktrace


def exceptions(size: int) -> list[BaseException]:
    """Return exceptions of the interpreter's that hold much."""
    text = "x" * size
    return [
        KeyError(text),
        OSError(2, "x", text),
        ImportError(text),
        SyntaxError(text, ("f", 1, 1, text)),
        UnicodeDecodeError("utf-8", text.encode(), 0, 1, text),
        ValueError(*range(size // 10)),
        ValueError(tuple(range(size // 10))),
    ]


@pytest.mark.parametrize("number", range(7))
def test_the_text_of_an_exception_costs_the_same_at_any_size(number: int) -> None:
    """`KeyError` would write fifty million characters of a key as they stand in source code."""
    few, many = exceptions(100_000)[number], exceptions(10_000_000)[number]
    assert len(message_of(few, plain_data)) == len(message_of(many, plain_data))


def allocated(function: Callable[[], object]) -> int:
    """Return how many bytes *function* has allocated at most."""
    tracemalloc.start()
    try:
        function()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_long_names_in_a_mapping_are_not_copied() -> None:
    """Names of a megabyte each cost a callback nothing, and count for the memory that is kept."""
    names = {f"{number}{'k' * 1_000_000}": 1 for number in range(20)}
    assert weight_of(names) > 20_000_000
    assert sized_data(names)[1] > 20_000_000
    assert allocated(lambda: (weight_of(names), plain_data(names))) < 100_000


def test_what_is_weighed_is_not_copied_whole() -> None:
    """Of a mapping of a million entries beside a message the first are looked at."""
    many = dict.fromkeys(range(1_000_000), 1.5)
    assert allocated(lambda: weight_of(many)) < 1_000_000
