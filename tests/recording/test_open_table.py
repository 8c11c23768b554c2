"""The table of open operations: bounded in number and age, at the same small cost for each callback, and re-entrant."""

from __future__ import annotations

import contextvars
import gc
import sys
import tracemalloc
from collections.abc import Callable
from typing import Any

import pytest

from spancast.record.operation import Kind
from spancast.recording import recorder as module
from spancast.recording.captured import CapturedOperation
from spancast.recording.recorder import Recorder
from spancast.recording.sampling import SamplingRule


def recorder_of(offer: Callable[[CapturedOperation], Any]) -> Recorder:
    """Return a recorder for one destination."""
    return Recorder(offer, [SamplingRule(1.0, "one")])


def open_alone(recorder: Recorder, key: object) -> None:
    """Open an operation in a context of its own, as a request of a server does."""
    contextvars.Context().run(recorder.open, key, Kind.CHAIN, "open")


def steps(call: Callable[[], object]) -> int:
    """Return how many lines of ours and how many calls, those of C functions included, *call* takes."""
    count = 0

    def note(frame: Any, event: str, argument: Any) -> None:
        nonlocal count
        count += 1

    sys.setprofile(note)
    try:
        call()
    finally:
        sys.setprofile(None)
    return count


def test_a_callback_takes_as_many_steps_with_100_000_open_operations() -> None:
    """At the bound each further operation ends one, the oldest, and copies nothing: neither steps nor memory grow."""
    ended: list[CapturedOperation] = []
    recorder = recorder_of(ended.append)
    for key in range(2):
        open_alone(recorder, key)
    few = max(steps(lambda key=key: open_alone(recorder, key)) for key in range(2, 70))  # type: ignore[misc]
    for key in range(70, module.MAX_OPEN):
        open_alone(recorder, key)
    many = max(steps(lambda key=key: open_alone(recorder, key)) for key in range(200_000, 200_070))  # type: ignore[misc]
    assert [0, 1, 2] == [recorder.find(key) is None and key for key in range(3)]
    assert (70, {"incomplete"}) == (len(ended), {captured.ending for captured in ended})
    assert module.MAX_OPEN == recorder.open_operations
    assert many < few + 100  # one operation more is closed; a copy of the table would be one step, but:
    tracemalloc.start()
    try:
        open_alone(recorder, "last")
        assert 20_000 > tracemalloc.get_traced_memory()[1]  # a copy of the table takes 800,000 bytes
    finally:
        tracemalloc.stop()


def test_what_is_too_old_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """A bounded number at a time, the oldest first; what is open beneath goes on, for it is younger."""
    ended: list[str] = []
    recorder = recorder_of(lambda captured: ended.append(captured.name))
    old = recorder.open("old", Kind.CHAIN, "old", current=False)
    old.start_ns -= module.MAX_AGE_NS + 1
    child = recorder.open("child", Kind.CHAIN, "child", parent=old, current=False)
    for key in range(64):
        open_alone(recorder, key)
    assert ["old"] == ended
    assert child is recorder.find("child")


def test_a_finalizer_may_open_and_close_operations() -> None:
    """The garbage collector runs while the same thread is inside the recorder: what it ends arrives, and nothing waits."""
    ended: list[object] = []
    recorder: Recorder

    class Abandoned:
        def __init__(self, key: object) -> None:
            self.key = key
            self.itself = self

        def __del__(self) -> None:
            operation = recorder.find(self.key)
            if operation is not None:
                recorder.close(operation, ending="abandoned")
            late = recorder.open(("late", self.key), Kind.TOOL, "late", current=False)
            recorder.close(late)

    recorder = recorder_of(lambda captured: ended.append((captured.name, captured.ending)))
    before = gc.get_threshold()
    gc.set_threshold(5, 5, 5)
    try:
        for number in range(300):
            recorder.open(number, Kind.CHAIN, "stream", current=False)
            Abandoned(number)
            recorder.close(recorder.open("other", Kind.CHAIN, "other"))
    finally:
        gc.set_threshold(*before)
    gc.collect()
    assert 0 == recorder.open_operations
    counts = {name: ended.count(name) for name in set(ended)}
    assert {("stream", "abandoned"): 300, ("late", None): 300, ("other", None): 300} == counts


def test_a_wide_batch_does_not_walk_past_its_siblings() -> None:
    """Siblings that are open in one context are skipped in one step, however many there are."""
    recorder = recorder_of(lambda captured: None)

    def is_foreign(operation: Any) -> bool:
        return operation.origin != "batch"

    def sibling(number: int) -> Any:
        return recorder.open(number, Kind.CHAIN, "sibling", origin="batch", passes=is_foreign)

    around = recorder.open("around", Kind.CHAIN, "around", origin="block")
    few = [steps(lambda number=number: sibling(number)) for number in range(40)]  # type: ignore[misc]
    for number in range(40, 2000):
        sibling(number)
    many = [steps(lambda number=number: sibling(number)) for number in range(2000, 2040)]  # type: ignore[misc]
    assert max(many) <= max(few)
    parents = {recorder.find(number).parent_span_id for number in range(2040)}  # type: ignore[union-attr]
    assert {around.span_id} == parents
    for number in range(2040):
        operation = recorder.find(number)
        assert operation is not None
        recorder.close(operation)
    recorder.close(recorder.open("next", Kind.CHAIN, "next"))  # the way past the ended ones is walked once
    assert max(few) >= steps(lambda: recorder.open("after", Kind.CHAIN, "after", passes=is_foreign))
    recorder.close(around)
    recorder.close_all()
