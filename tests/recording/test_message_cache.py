"""The texts of a thread's last conversation, and a message's tool calls, are measured once as long as they are the same."""

from __future__ import annotations

import gc
import threading
import weakref
from typing import Any

from spancast.recording.message_cache import KnownTexts, MeasuredCalls, MeasuredTexts

TEXTS = [f"{number} {'x' * number}" for number in range(12)]


class Asked(str):
    """A text that must not be compared."""

    __hash__ = str.__hash__

    def __eq__(self, other: object) -> bool:
        raise AssertionError("compared")


def test_a_conversation_that_grows_is_found_up_to_where_it_grew() -> None:
    """Its first texts are those of the last call; of another one, and of a shorter one, nothing is."""
    measured = MeasuredTexts()
    assert (0, 0) == measured.find([*TEXTS])
    measured.put([*TEXTS], 500)
    assert (len(TEXTS), 500) == measured.find([*TEXTS])
    assert (len(TEXTS), 500) == measured.find([*TEXTS, "more", ["no text"]])
    assert (0, 0) == measured.find(["changed", *TEXTS[1:]])
    assert (0, 0) == measured.find([*TEXTS[:-1], ["no text"]])
    assert (0, 0) == measured.find(TEXTS[:-1])


def test_a_text_of_a_class_of_its_own_is_no_fault() -> None:
    """Where comparing raises, nothing is known."""
    measured = MeasuredTexts()
    measured.put([*TEXTS], 500)
    contents: list[Any] = [*TEXTS]
    contents[3] = Asked(TEXTS[3])
    assert (0, 0) == measured.find(contents)


def test_each_thread_has_its_own() -> None:
    """Two conversations side by side do not push each other out; those of very many threads, and huge ones, are not kept."""
    measured = MeasuredTexts()
    measured.put([*TEXTS], 500)
    found: list[tuple[int, int]] = []

    def other(text: str) -> None:
        found.append(measured.find([*TEXTS]))
        measured.put([text] * 12, 12)

    thread = threading.Thread(target=other, args=("other",))
    thread.start()
    thread.join()
    assert [(0, 0)] == found
    assert (len(TEXTS), 500) == measured.find([*TEXTS])
    measured.put(["y"] * 12, 100_000_000)
    assert (len(TEXTS), 500) == measured.find([*TEXTS])


def test_what_was_not_used_is_forgotten() -> None:
    """Content must not outlive the work that it belongs to."""
    measured = MeasuredTexts()
    measured.put([*TEXTS], 500)
    measured.forget_unused()
    assert (len(TEXTS), 500) == measured.find([*TEXTS])
    measured.forget_unused()
    assert (0, 0) == measured.find([*TEXTS])


def test_tool_calls_are_measured_once_for_each_list() -> None:
    """The list that is known is not looked into again; an equal one is another; what is forgotten is measured anew."""
    measured = MeasuredCalls()
    calls = [{"name": "search", "args": {"query": "x" * 1000}, "id": "c"}]
    size = measured.size_of(calls)
    assert 1000 < size < 3000
    calls[0]["args"] = {"query": "x" * 5000}
    assert size == measured.size_of(calls)
    assert 5000 < measured.size_of([*calls])
    measured.forget_unused()
    measured.forget_unused()
    assert 5000 < measured.size_of(calls)


def test_tool_calls_that_are_kept_are_bounded() -> None:
    """However many there are, and however large: what is measured is let go."""
    measured = MeasuredCalls()
    kept = [called("x" * 3000) for _ in range(2000)]
    alive = [weakref.ref(calls[0]["args"]["mark"]) for calls in kept]
    assert all(3000 < measured.size_of(calls) for calls in kept)
    large = called("x" * 1_000_000)
    alive.append(weakref.ref(large[0]["args"]["mark"]))
    assert measured.size_of(large) > 1_000_000
    del kept, large
    gc.collect()
    assert sum(one() is not None for one in alive) <= 256
    assert alive[-1]() is None


class Mark:
    """An object that can be watched."""


def called(text: str) -> list[dict[str, Any]]:
    return [{"name": "write", "args": {"text": text, "mark": Mark()}, "id": "c"}]


def test_a_text_is_made_once_for_each_object() -> None:
    """An equal object is another; what is long, or was forgotten, is made again; only so many are kept."""
    known = KnownTexts()
    asked: list[object] = []

    def read(source: object) -> str:
        asked.append(source)
        return "x" * 30_000 if source == {"long": 1} else "text"

    one, equal, long = {"id": 1}, {"id": 1}, {"long": 1}
    for source in (one, one, equal, long, long):
        known.text_of(source, read)
    assert [one, equal, long, long] == asked
    known.forget_unused()
    known.forget_unused()
    known.text_of(one, read)
    assert 5 == len(asked)
    marks = [Mark() for _ in range(1000)]
    alive = [weakref.ref(mark) for mark in marks]
    for mark in marks:
        known.text_of(mark, read)
    del marks, mark
    asked.clear()
    assert sum(one() is not None for one in alive) <= 64
