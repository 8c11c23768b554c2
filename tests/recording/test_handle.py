"""The handle of a trace: there in every case, with valid ids, and the way to say what a block did."""

from __future__ import annotations

import copy
import pickle
import threading
from typing import Any

import pytest
from langchain_core.runnables import RunnableLambda
from llama_index.core.llms import ChatMessage
from opentelemetry.context import attach, detach
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, set_span_in_context

import spancast
from spancast import destinations, llama_index
from spancast.destinations import MemoryDestination
from spancast.langchain import SpancastCallbackHandler

from ..langchain.trees import one
from ..llama_index.models import ScriptedLLM


def is_valid(handle: spancast.TraceHandle) -> bool:
    """Return whether the ids are what OpenTelemetry takes, and agree with each other."""
    trace_id, span_id = int(handle.trace_id, 16), int(handle.span_id, 16)
    flags = "01" if handle.recorded else "00"
    whole = f"00-{handle.trace_id}-{handle.span_id}-{flags}"
    return bool(trace_id and span_id and len(handle.trace_id) == 32) and handle.traceparent == whole


def use(handle: spancast.TraceHandle) -> None:
    """Say everything that can be said through a handle."""
    handle.set_output({"answer": 42})
    handle.set_attribute("shelf", 7)
    handle.add_event("cache miss", {"key": "a"})
    handle.add_event("nothing more")


def test_a_handle_where_the_trace_is_sampled_out() -> None:
    """Its ids are those of the trace that would have been; what is said through it goes nowhere."""
    memory = destinations.memory(sampling_rate=0.0001)  # which session "s1" is not among
    with spancast.Pipeline(memory), spancast.trace(trace_name="Ask", session_id="s1") as trace:
        assert is_valid(trace)
        assert not trace.recorded
        use(trace)
        assert trace == spancast.current_trace()
    assert [] == memory.spans


def test_a_handle_where_tracing_is_switched_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """`OTEL_SDK_DISABLED` turns recording off, not the application's lines."""
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
    with spancast.Pipeline(), spancast.trace(trace_name="Ask") as trace, spancast.trace(user="u1") as inner:
        assert is_valid(trace)
        assert is_valid(inner)
        assert (False, False) == (trace.recorded, inner.recorded)
        assert trace.trace_id == inner.trace_id
        use(trace)


def test_a_handle_where_the_settings_are_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing can be recorded, and that was said once: blocks go on."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "not a url")
    seen: list[Any] = []

    def work() -> None:
        with spancast.trace(trace_name="Ask") as trace, spancast.trace() as inner:
            seen.extend([is_valid(trace), is_valid(inner), trace.recorded or inner.recorded])

    from spancast.runtime import default

    monkeypatch.setattr(default, "_default", None)
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert [True, True, False] == seen


def test_a_handle_in_a_trace_that_another_service_does_not_sample(
    pipeline: spancast.Pipeline, memory: MemoryDestination
) -> None:
    """The decision of whoever began the trace holds, and so does its id."""
    token = attach(set_span_in_context(NonRecordingSpan(SpanContext(7, 8, True, TraceFlags(0)))))
    try:
        with spancast.trace(trace_name="Ask") as trace:
            assert (f"{7:032x}", False) == (trace.trace_id, trace.recorded)
    finally:
        detach(token)
    assert [] == memory.spans


def test_a_block_without_a_name_gives_the_ids_of_the_run_to_come(
    pipeline: spancast.Pipeline, memory: MemoryDestination
) -> None:
    """The first run inside takes them; before, nothing is recorded under them. A second run is a trace of its own."""
    with spancast.trace(session_id="s1") as trace:
        assert is_valid(trace)
        assert not trace.recorded
        use(trace)
        config: Any = {"callbacks": [SpancastCallbackHandler()]}
        RunnableLambda(lambda text: text, name="first").invoke("x", config)
        assert trace.recorded
        RunnableLambda(lambda text: text, name="second").invoke("x", config)
    first, second = one(memory.spans, "first"), one(memory.spans, "second")
    assert (first.trace_id, first.span_id) == (trace.trace_id, trace.span_id)
    assert second.trace_id != first.trace_id
    with spancast.trace(trace_id="report-7") as named, spancast.trace(user="u") as inner:
        assert named == inner
        RunnableLambda(lambda text: text, name="third").invoke("x", config)
    assert (named.trace_id, named.span_id) == (one(memory.spans, "third").trace_id, one(memory.spans, "third").span_id)


def test_a_block_without_a_name_inside_a_span_gives_that_span(
    pipeline: spancast.Pipeline, memory: MemoryDestination
) -> None:
    """Inside a block of ours, and inside a span of the application's own beneath it."""
    tracer = TracerProvider().get_tracer("application")
    with spancast.trace(trace_name="Ask") as outer:
        with spancast.trace(user="u1") as inner:
            assert (outer, True) == (inner, inner.recorded)
        with tracer.start_as_current_span("http") as span, spancast.trace(user="u1") as beneath:
            assert f"{span.get_span_context().span_id:016x}" == beneath.span_id
            assert beneath.recorded
            beneath.set_attribute("order", 17)
            beneath.add_event("asked")
            assert {"order": 17} == dict(span.attributes)  # type: ignore[attr-defined]
            assert ["asked"] == [event.name for event in span.events]  # type: ignore[attr-defined]
    assert None is spancast.current_trace()


def test_a_block_says_what_it_did(pipeline: spancast.Pipeline, memory: MemoryDestination) -> None:
    """Kind, input, output, attributes and events are on its span; after its end nothing changes any more."""
    with spancast.trace(trace_name="Ask", kind="agent", input={"question": "Where?"}, environment="test") as trace:
        trace.set_output("first")
        use(trace)
        assert trace.recorded
    trace.set_output("late")
    trace.set_attribute("late", 1)
    trace.add_event("late")
    (span,) = memory.spans
    assert ("AGENT", '{"question":"Where?"}', '{"answer":42}') == (
        span.kind,
        span.attributes["input.value"],
        span.attributes["output.value"],
    )
    assert (7, "Ask", "test") == tuple(span.attributes[key] for key in ("shelf", "agent.name", "metadata.environment"))
    assert ["cache miss", "nothing more"] == [event.name for event in span.events]
    assert "late" not in span.attributes


def test_kinds_are_rendered_with_what_belongs_to_them() -> None:
    """A model's block has messages, a retriever's documents, a tool's its name, in both conventions."""
    openinference, gen_ai = destinations.memory(name="a"), destinations.memory(name="b", convention="gen_ai")
    with spancast.Pipeline(openinference, gen_ai):
        with spancast.trace(kind="LLM", input="Where?") as trace:
            trace.set_output("On its way.")
        with spancast.trace(span_name="search", kind="RETRIEVER", input="shoes") as trace:
            trace.set_output(["red", {"page_content": "blue", "score": 1, "id": "7", "metadata": {"shelf": 2}}, 5])
        with spancast.trace(span_name="look_up", kind=spancast.record.operation.Kind.TOOL, input={"order": 17}):
            pass
    model, search, tool = openinference.spans
    assert ("llm", "LLM") == (model.name, model.kind)
    assert "On its way." == model.attributes["llm.output_messages.0.message.content"]
    documents = [search.attributes[f"retrieval.documents.{index}.document.content"] for index in range(3)]
    assert (["red", "blue", "5"], 1.0) == (documents, search.attributes["retrieval.documents.1.document.score"])
    assert "look_up" == tool.attributes["tool.name"]
    assert "On its way." in gen_ai.spans[0].attributes["gen_ai.output.messages"]
    assert '{"order":17}' == gen_ai.spans[2].attributes["gen_ai.tool.call.arguments"]


def test_an_unknown_kind_is_a_chain_and_one_warning(
    pipeline: spancast.Pipeline, memory: MemoryDestination, caplog: pytest.LogCaptureFixture
) -> None:
    """Nothing raises."""
    for _ in range(2):
        with spancast.trace(trace_name="Ask", kind="TOOOL"):
            pass
    assert ["CHAIN", "CHAIN"] == [span.kind for span in memory.spans]
    assert 1 == len([record for record in caplog.records if "TOOOL" in record.getMessage()])


def test_what_a_block_says_is_content() -> None:
    """In privacy mode neither input nor output, attributes, nor events' values leave, and none is captured."""
    memory = destinations.memory(privacy_mode=True)
    with spancast.Pipeline(memory), spancast.trace(trace_name="Ask", kind="TOOL", input="canary-in") as trace:
        trace.set_output("canary-out")
        trace.set_attribute("secret", "canary-attribute")
        trace.add_event("event", {"text": "canary-event"})
    (span,) = memory.spans
    assert trace.recorded
    assert "canary" not in repr((span.attributes, span.events))


def test_a_fault_of_ours_does_not_stop_the_block(monkeypatch: pytest.MonkeyPatch) -> None:
    """The application's lines run, and its handle is there."""
    from spancast.recording import guard
    from spancast.recording import trace as module

    monkeypatch.setattr(guard, "strict", False)
    monkeypatch.setattr(module, "_in_use", lambda: 1 / 0)
    with spancast.trace(trace_name="Ask") as trace:
        assert is_valid(trace)
        use(trace)
    assert not trace.recorded
    assert 1 <= guard.faults().pop("trace")


def test_a_block_shows_the_question_and_answer_of_the_runs_inside(
    pipeline: spancast.Pipeline, memory: MemoryDestination
) -> None:
    """The first run's input and the last one's output, where the block itself said nothing."""
    config: Any = {"callbacks": [SpancastCallbackHandler()]}
    with spancast.trace(trace_name="Ask", session_id="s1"), spancast.trace(span_name="inner"):
        RunnableLambda(lambda text: "found", name="search").invoke("Where?", config)
        RunnableLambda(lambda text: "On its way.", name="answer").invoke("found", config)
    for name in ("Ask", "inner"):
        block = one(memory.spans, name)
        assert ("Where?", "On its way.") == (block.attributes["input.value"], block.attributes["output.value"])
    memory.clear()
    with spancast.trace(trace_name="Ask", input="said") as trace:
        RunnableLambda(lambda text: "On its way.").invoke("Where?", config)
        trace.set_output("shown")
    block = one(memory.spans, "Ask")
    assert ("said", "shown") == (block.attributes["input.value"], block.attributes["output.value"])


def test_a_block_shows_the_question_and_answer_of_llama_index(
    pipeline: spancast.Pipeline, memory: MemoryDestination
) -> None:
    """The same for LlamaIndex's calls inside the block, also one whose answer is read after it."""
    llama_index.set_global_handler()
    try:
        model, asked = ScriptedLLM("On its way."), [ChatMessage(role="user", content="Where?")]
        with spancast.trace(trace_name="Ask"):
            model.chat(asked)
        with spancast.trace(trace_name="Ask later"):
            stream = model.stream_chat(asked)
        assert "On its way." == "".join(str(piece.delta) for piece in stream).strip()
    finally:
        llama_index.uninstrument()
    block, later = one(memory.spans, "Ask"), one(memory.spans, "Ask later")
    assert "Where?" in block.attributes["input.value"]
    assert "On its way." in block.attributes["output.value"]
    assert "Where?" in later.attributes["input.value"]


def test_a_block_shows_the_question_of_a_stream_that_is_read_after_it(
    pipeline: spancast.Pipeline, memory: MemoryDestination
) -> None:
    """The stream goes on, whole, in the block's trace; the block's own span ends when the block does."""
    config: Any = {"callbacks": [SpancastCallbackHandler()]}

    def pieces(text: Any) -> Any:
        yield from ("On ", "its ", "way.")

    chain = RunnableLambda(lambda text: text, name="first") | RunnableLambda(pieces, name="last")
    with spancast.trace(trace_name="Ask", session_id="s1"):
        stream = chain.stream("Where?", config)
        first = next(stream)
    assert "On its way." == first + "".join(stream)
    assert spancast.current_trace() is None
    block, run = one(memory.spans, "Ask"), one(memory.spans, "RunnableSequence")
    assert (block.trace_id, block.span_id, "s1") == (run.trace_id, run.parent_span_id, run.attributes["session.id"])
    assert ("On its way.", None) == (run.attributes["output.value"], run.attributes.get("spancast.ending"))
    assert run.end_ns > block.end_ns
    assert {"s1"} == {span.attributes["session.id"] for span in memory.spans}


def test_a_handle_can_be_copied_and_sent(pipeline: spancast.Pipeline, memory: MemoryDestination) -> None:
    """A state that holds a handle is copied with it, and means the same span; in another process the ids are left."""
    with spancast.trace(trace_name="T") as handle:
        copy.deepcopy({"trace": handle})["trace"].set_output("answer")
        sent = pickle.loads(pickle.dumps(handle))
    assert (handle, True) == (sent, sent.recorded)
    sent.set_output("not here")
    assert "answer" == one(memory.spans, "T").attributes["output.value"]
