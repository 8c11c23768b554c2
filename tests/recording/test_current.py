"""The current span: what the application reads and writes through OpenTelemetry's own API, and what a kept span does."""

from __future__ import annotations

import asyncio
import contextvars
from typing import Any

import pytest
from opentelemetry import trace as otel
from opentelemetry.trace import SpanContext, TraceFlags

from spancast.record.operation import Kind
from spancast.recording.captured import CapturedOperation
from spancast.recording.current import add_event
from spancast.recording.recorder import Recorder
from spancast.recording.sampling import SamplingRule


@pytest.fixture
def ended() -> list[CapturedOperation]:
    """Return the operations that were handed on."""
    return []


@pytest.fixture
def recorder(ended: list[CapturedOperation]) -> Recorder:
    """Return a recorder for one destination."""
    return Recorder(ended.append, [SamplingRule(1.0, "one")])


def test_a_kept_span_keeps_its_ids_and_writes_nowhere(recorder: Recorder, ended: list[CapturedOperation]) -> None:
    """Who keeps a reference beyond the run keeps a span that has ended; its parent gets nothing of what is written to it."""
    parent = recorder.open("p", Kind.CHAIN, "parent")
    child = recorder.open("c", Kind.CHAIN, "child", parent=parent)
    kept = otel.get_current_span()
    recorder.close(child)
    kept.add_event("late")
    kept.set_attribute("late", 1)
    kept.update_name("late")
    kept.set_status(otel.StatusCode.ERROR)
    kept.record_exception(ValueError("late"))
    kept.add_link(SpanContext(1, 2, False, TraceFlags(1)))
    assert (child.trace_id, child.span_id) == (kept.get_span_context().trace_id, kept.get_span_context().span_id)
    assert not kept.is_recording()
    assert parent.span_id == otel.get_current_span().get_span_context().span_id
    recorder.close(parent)
    assert [("child", None), ("parent", None)] == [(captured.name, captured.failure) for captured in ended]
    assert [((), {}), ((), {})] == [(captured.events, dict(captured.attributes)) for captured in ended]


def test_a_context_that_was_left_behind_means_the_span_around_it(recorder: Recorder) -> None:
    """An end that comes in a copied context cannot put the start's context back: what is current there is the parent."""
    parent = recorder.open("p", Kind.CHAIN, "parent")
    child = recorder.open("c", Kind.CHAIN, "child", parent=parent)
    contextvars.copy_context().run(recorder.close, child)
    current = otel.get_current_span()
    current.set_attribute("order", 17)
    assert parent.span_id == current.get_span_context().span_id
    assert {"order": 17} == parent.attributes
    recorder.close(parent)


def test_a_task_that_outlives_a_block_stays_beneath_it(recorder: Recorder, ended: list[CapturedOperation]) -> None:
    """What a task begins after the block has ended lies in the block's trace; beside the task nothing is current."""

    async def main() -> None:
        block = recorder.open("b", Kind.CHAIN, "block")
        gate = asyncio.Event()

        async def later() -> None:
            await gate.wait()
            recorder.close(recorder.open("t", Kind.CHAIN, "in the task"))

        task = asyncio.create_task(later())
        recorder.close(block, keep_children=True, keep_place=True)
        gate.set()
        await task
        recorder.close(recorder.open("n", Kind.CHAIN, "next"))

    asyncio.run(main())
    block, inside, following = ended
    assert (block.trace_id, block.span_id) == (inside.trace_id, inside.parent_span_id)
    assert None is following.parent_span_id
    assert following.trace_id != block.trace_id


def test_what_is_put_onto_a_span_is_counted_and_bounded(recorder: Recorder) -> None:
    """Attributes, events and links are part of an operation's size; a key that is set again counts once."""
    operation = recorder.open("o", Kind.CHAIN, "operation")
    span = otel.get_current_span()
    for _ in range(3):
        span.set_attribute("text", "x" * 1000)
    assert 1000 <= operation.size < 1100
    for number in range(1000):
        span.add_event("event", {"text": "y" * 100})
        span.add_link(SpanContext(1, number + 1, False, TraceFlags(1)), {"text": "z" * 100})
        span.set_attribute(f"key {number}", "v" * 100)
    assert operation.events is not None
    assert operation.attributes is not None
    assert (128, 128, 128) == (len(operation.events), len(operation.links), len(operation.attributes))
    assert 3 * 128 * 100 < operation.size < 3 * 128 * 400
    span.update_name("n" * 100_000)
    assert operation.given_name is not None
    assert 1000 == len(operation.given_name)
    recorder.close(operation)
    before = operation.size
    add_event(operation, "late")
    assert before == operation.size


def test_values_of_the_application_s_classes_raise_nothing(recorder: Recorder, ended: list[CapturedOperation]) -> None:
    """OpenTelemetry's own calls take anything: names by their class, no time that is none, and no code of the value's."""

    class Hostile(dict[str, object]):
        def refuse(self, *_: object) -> None:
            raise RuntimeError

        __str__ = __repr__ = __bool__ = items = refuse  # type: ignore[assignment]

    operation = recorder.open("p", Kind.CHAIN, "parent")
    span: Any = otel.get_current_span()
    span.set_attribute(Hostile(), Hostile())
    span.add_event(Hostile(), {"a": Hostile()}, timestamp="now")
    span.update_name(Hostile())
    span.set_status(otel.StatusCode.ERROR, Hostile())
    recorder.close(operation)
    (captured,) = ended
    assert ("<Hostile>", ["<Hostile>"]) == (captured.given_name, list(captured.attributes))
    assert [("<Hostile>", True)] == [(event.name, event.time_ns >= captured.start_ns) for event in captured.events]
    assert captured.failure is not None
    assert "<Hostile>" == captured.failure.message
