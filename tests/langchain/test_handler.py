"""What the handler makes of LangChain's events: kinds, content, usage, errors, and nothing in the application's way."""

from __future__ import annotations

import asyncio
import copy
import logging
import pickle
from typing import Any

import orjson
import pytest
from langchain.agents import create_agent
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.documents import Document
from langchain_core.language_models.llms import LLM
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, ToolMessage
from langchain_core.retrievers import BaseRetriever
from langchain_core.runnables import RunnableLambda
from langchain_core.tools import tool

import spancast
from spancast import destinations, langchain
from spancast.destinations import MemoryDestination
from spancast.langchain import SpancastCallbackHandler
from spancast.langchain.runs import Runs
from spancast.recording import guard

from ..fakes.langchain import USAGE, ScriptedChat, call
from .trees import one, traces, tree


@pytest.fixture
def config(pipeline: spancast.Pipeline) -> dict[str, Any]:
    """Return a config with one handler."""
    return {"callbacks": [SpancastCallbackHandler()]}


class Completion(LLM):
    """A completion model."""

    @property
    def _llm_type(self) -> str:
        return "completion"

    def _call(self, prompt: str, stop: Any = None, run_manager: Any = None, **kwargs: Any) -> str:
        return "the answer"


class Finder(BaseRetriever):
    """Finds two documents."""

    def _get_relevant_documents(self, query: str, *, run_manager: Any) -> list[Document]:
        return [Document("alpha", id="d1", metadata={"score": 0.5, "page": 3}), Document("beta", metadata={"id": "m2"})]


# ---------------------------------------------------------------- generations
def test_a_chat_generation_is_complete(config: Any, memory: MemoryDestination) -> None:
    """Model, provider, parameters, messages, usage, finish reason: all of one call."""
    ScriptedChat(script=["hello"]).invoke([SystemMessage("be kind"), HumanMessage("hi", name="Ann")], config)
    held = one(memory.spans, "ScriptedChat").attributes
    expected = {
        "openinference.span.kind": "LLM",
        "llm.provider": "openai",
        "llm.system": "openai",
        "llm.model_name": "gpt-4o-2024",
        "llm.request.model_name": "gpt-4o",
        "llm.response.model_name": "gpt-4o-2024",
        "llm.finish_reason": "stop",
        "llm.input_messages.0.message.role": "system",
        "llm.input_messages.0.message.content": "be kind",
        "llm.input_messages.1.message.role": "user",
        "llm.input_messages.1.message.name": "Ann",
        "llm.output_messages.0.message.role": "assistant",
        "llm.output_messages.0.message.content": "hello",
        "output.value": "hello",
        "output.mime_type": "text/plain",
        "llm.token_count.prompt": 120,
        "llm.token_count.completion": 30,
        "llm.token_count.total": 150,
    }
    assert expected == {key: held.get(key) for key in expected}
    assert {"model_name": "gpt-4o", "temperature": 0.2} == orjson.loads(held["llm.invocation_parameters"])


def test_a_streamed_generation_has_usage_and_time_to_first_token(config: Any, memory: MemoryDestination) -> None:
    """Sync and async streams: the usage comes with the last piece, the first piece is timed."""
    for _ in ScriptedChat(script=["a b c"]).stream("q", config):
        pass

    async def go() -> None:
        async for _ in ScriptedChat(script=["a b c"]).astream("q", config):
            pass

    asyncio.run(go())
    assert 2 == len(memory.spans)
    for span in memory.spans:
        first = span.attributes["gen_ai.response.time_to_first_chunk"]
        assert 0 < first * 1e9 <= span.end_ns - span.start_ns
        assert 150 == span.attributes["llm.token_count.total"]
        assert "a b c" == span.attributes["output.value"]


def test_a_completion_model_has_prompts_and_choices(config: Any, memory: MemoryDestination) -> None:
    """Models of the older kind are generations as well."""
    Completion().invoke("the question", config)
    held = one(memory.spans, "Completion").attributes
    assert ("LLM", "the question", "the answer") == tuple(
        held[key] for key in ("openinference.span.kind", "llm.prompts.0.prompt.text", "llm.choices.0.completion.text")
    )


def test_tool_calls_are_arguments_not_text(config: Any, memory: MemoryDestination) -> None:
    """What a model asks for stands as name, id and JSON arguments; the tool's answer under the same id."""
    history = [HumanMessage("hi"), call("search", {"q": "x"}, "c1"), ToolMessage("found", tool_call_id="c1")]
    ScriptedChat(script=[call("other", {"n": 1}, "c2")]).invoke(history, config)
    held = memory.spans[0].attributes
    prefix = "llm.input_messages.1.message.tool_calls.0.tool_call."
    assert ("c1", "search", '{"q":"x"}') == tuple(
        held[prefix + key] for key in ("id", "function.name", "function.arguments")
    )
    assert ("tool", "c1", "found") == tuple(
        held[f"llm.input_messages.2.message.{key}"] for key in ("role", "tool_call_id", "content")
    )
    assert "other" == held["llm.output_messages.0.message.tool_calls.0.tool_call.function.name"]
    assert "tool_calls" == held["llm.finish_reason"]


def test_content_blocks_keep_their_kind(config: Any, memory: MemoryDestination) -> None:
    """Text, reasoning and images in one message are parts of it, in order."""
    blocks: list[Any] = [
        {"type": "text", "text": "look"},
        {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}},
        {"type": "image", "base64": "aGk=", "mime_type": "image/png"},
    ]
    answer = AIMessage([{"type": "reasoning", "reasoning": "hm"}, {"type": "text", "text": "a cat"}])
    ScriptedChat(script=[answer]).invoke([HumanMessage(blocks)], config)
    held = memory.spans[0].attributes
    prefix = "llm.input_messages.0.message.contents."
    assert ["text", "image", "image"] == [held[f"{prefix}{index}.message_content.type"] for index in range(3)]
    assert "https://example.com/a.png" == held[prefix + "1.message_content.image.image.url"]
    assert "data:image/png;base64,aGk=" == held[prefix + "2.message_content.image.image.url"]
    prefix = "llm.output_messages.0.message.contents."
    assert ["reasoning", "text"] == [held[f"{prefix}{index}.message_content.type"] for index in range(2)]


def test_openrouters_cost_is_taken(config: Any, memory: MemoryDestination) -> None:
    """What the gateway billed is the cost, with its parts."""
    details = {"upstream_inference_prompt_cost": 0.001, "upstream_inference_completions_cost": 0.002}
    answer = AIMessage("x", response_metadata={"cost": 0.0031, "cost_details": details}, usage_metadata=dict(USAGE))
    ScriptedChat(script=[answer]).invoke("q", config)
    held = memory.spans[0].attributes
    assert (0.0031, 0.001, 0.002) == tuple(held[f"llm.cost.{key}"] for key in ("total", "prompt", "completion"))


def test_a_failed_model_call_keeps_type_message_and_stack(config: Any, memory: MemoryDestination) -> None:
    """Errors arrive as status and exception event, on what failed and what it brought down."""
    chain = RunnableLambda(lambda text: text, name="ok") | ScriptedChat(script=[ValueError("boom")])
    with pytest.raises(ValueError, match="boom"):
        chain.invoke("q", config)
    assert ["CHAIN RunnableSequence ERROR", "  CHAIN ok", "  LLM ScriptedChat ERROR"] == tree(memory.spans, status=True)
    span = one(memory.spans, "ScriptedChat")
    (event,) = span.events
    assert ("exception", "ValueError", "boom") == (
        event.name,
        event.attributes["exception.type"],
        event.attributes["exception.message"],
    )
    assert "models.py" in event.attributes["exception.stacktrace"]
    assert ("ValueError", "boom") == (span.attributes["error.type"], span.status.message)


# ---------------------------------------------------------------- tools, retrievers, agents
def test_a_tools_input_is_its_plain_arguments(config: Any, memory: MemoryDestination) -> None:
    """No wrapper around the arguments, no message around the result; the call's id beside them."""

    @tool
    def add(a: int, b: int) -> int:
        """Add two numbers."""
        return a + b

    add.invoke({"name": "add", "args": {"a": 1, "b": 2}, "id": "c1", "type": "tool_call"}, config)
    held = one(memory.spans, "add").attributes
    assert ('{"a":1,"b":2}', "3", "add", "Add two numbers.", "c1") == tuple(
        held[key] for key in ("input.value", "output.value", "tool.name", "tool.description", "tool.id")
    )
    assert held["input.value"] == held["tool.parameters"]


def test_a_tool_that_answers_with_an_error_failed(config: Any, memory: MemoryDestination) -> None:
    """An error that the tool turned into a message is an error of the tool, and of nothing above it."""
    from langchain_core.tools import ToolException

    @tool
    def refund(order: int) -> str:
        """Refund."""
        raise ToolException("not allowed")

    refund.handle_tool_error = True
    model = ScriptedChat(script=[call("refund", {"order": 1}), "sorry"])
    create_agent(model, [refund], name="agent").invoke({"messages": [("user", "hi")]}, config)
    assert ["refund"] == [span.name for span in memory.spans if span.status == "ERROR"]
    assert "not allowed" == one(memory.spans, "refund").status.message


def test_a_retrievers_documents_keep_id_score_content_and_metadata(config: Any, memory: MemoryDestination) -> None:
    """Nothing of a document is lost."""
    Finder().invoke("where", config)
    held = one(memory.spans, "Finder").attributes
    prefix = "retrieval.documents."
    assert ("where", "d1", 0.5, "alpha", '{"score":0.5,"page":3}', "m2", "beta") == (
        held["input.value"],
        *(held[f"{prefix}0.document.{key}"] for key in ("id", "score", "content", "metadata")),
        *(held[f"{prefix}1.document.{key}"] for key in ("id", "content")),
    )


def test_only_agents_are_agents(config: Any, memory: MemoryDestination) -> None:
    """`create_agent` makes an AGENT; a chain with "agent" in its name does not."""
    RunnableLambda(lambda text: text, name="my agent chain").invoke("x", config)
    create_agent(ScriptedChat(script=["x"]), []).invoke({"messages": [("user", "hi")]}, config)
    assert ["CHAIN my agent chain"] == tree([span for span in memory.spans if span.name == "my agent chain"])
    assert 1 == sum(span.kind == "AGENT" for span in memory.spans)


def test_an_agent_inside_a_tool_is_an_agent_of_its_own(config: Any, memory: MemoryDestination) -> None:
    """A supervisor's sub-agent keeps its name although LangChain hands the outer one's down."""
    inner = create_agent(ScriptedChat(script=["inner"]), [], name="researcher")

    @tool
    def research(topic: str) -> str:
        """Research."""
        return str(inner.invoke({"messages": [("user", topic)]})["messages"][-1].content)

    outer = create_agent(ScriptedChat(script=[call("research", {"topic": "x"}), "done"]), [research], name="supervisor")
    outer.invoke({"messages": [("user", "hi")]}, config)
    assert ["researcher", "supervisor"] == sorted(
        span.attributes["agent.name"] for span in memory.spans if span.kind == "AGENT"
    )


def test_hidden_runs_are_folded_unless_all_is_wanted(pipeline: spancast.Pipeline, memory: MemoryDestination) -> None:
    """A run tagged as hidden gives no span; what it holds moves up. `detail="full"` shows it."""
    chain = RunnableLambda(lambda t: t, name="a") | RunnableLambda(lambda t: t, name="hidden").with_config(
        tags=["langsmith:hidden"]
    )
    chain.invoke("x", {"callbacks": [SpancastCallbackHandler()]})
    assert ["CHAIN RunnableSequence", "  CHAIN a"] == tree(memory.spans)
    memory.clear()
    chain.invoke("x", {"callbacks": [SpancastCallbackHandler(detail="full")]})
    assert ["CHAIN RunnableSequence", "  CHAIN a", "  CHAIN hidden"] == tree(memory.spans)
    assert 0 == pipeline.recorder.open_operations


def test_what_is_no_pipeline_is_refused() -> None:
    """One sentence where the handler is made, instead of a fault with each callback."""
    with pytest.raises(spancast.SettingsError, match="pipeline is a MemoryDestination: give a"):
        SpancastCallbackHandler(pipeline=spancast.destinations.memory())  # type: ignore[arg-type]


def test_an_interrupt_is_no_error(config: Any, memory: MemoryDestination) -> None:
    """A graph that waits for a person has not failed, and says that it waits."""
    from langgraph.checkpoint.memory import InMemorySaver
    from langgraph.graph import END, START, MessagesState, StateGraph
    from langgraph.types import interrupt

    def ask(state: MessagesState) -> dict[str, Any]:
        return {"messages": [AIMessage(interrupt("sure?"))]}

    graph = StateGraph(MessagesState)
    graph.add_node("ask", ask)
    graph.add_edge(START, "ask")
    graph.add_edge("ask", END)
    compiled = graph.compile(checkpointer=InMemorySaver())
    compiled.invoke({"messages": []}, {**config, "configurable": {"thread_id": "t"}})
    assert [] == [span.name for span in memory.spans if span.status == "ERROR"]
    assert "interrupted" == one(memory.spans, "ask").attributes["spancast.ending"]


def test_a_custom_event_becomes_an_event_of_its_run(config: Any, memory: MemoryDestination) -> None:
    """What the application dispatches stands on the span around it."""
    from langchain_core.callbacks import dispatch_custom_event

    def work(text: str) -> str:
        dispatch_custom_event("progress", {"done": 3})
        return text

    RunnableLambda(work, name="work").invoke("x", config)
    (event,) = one(memory.spans, "work").events
    assert ("progress", '{"done":3}') == (event.name, event.attributes["data"])


# ---------------------------------------------------------------- never in the way
class Hostile:
    """Raises whatever is asked of it, even by isinstance."""

    def __repr__(self) -> str:
        raise RuntimeError("repr")

    __str__ = __repr__

    def __getattribute__(self, name: str) -> Any:
        raise RuntimeError(f"getattribute {name}")

    def __eq__(self, other: object) -> bool:
        raise RuntimeError("eq")

    __hash__ = object.__hash__


def test_hostile_objects_change_nothing_and_show_as_their_class(config: Any, memory: MemoryDestination) -> None:
    """Input, output, metadata and tags of any kind are survived and shown as `<ClassName>`."""
    thing = Hostile()
    metadata = {"thing": thing, "user": thing, "nested": {"list": [thing]}, "lock": __import__("threading").Lock()}
    result = RunnableLambda(lambda _: {"out": thing}, name="run").invoke(
        {"in": thing, "keys": {1: "a", None: "b", (1, 2): "c"}}, {**config, "metadata": metadata}
    )
    assert result["out"] is thing
    held = one(memory.spans, "run").attributes
    assert '{"in":"<Hostile>","keys":{"1":"a","None":"b","1.2":"c"}}' == held["input.value"]
    assert '{"out":"<Hostile>"}' == held["output.value"]
    assert ("<Hostile>", '{"list":["<Hostile>"]}', "<lock>") == tuple(
        held[f"metadata.{key}"] for key in ("thing", "nested", "lock")
    )


def test_an_error_with_a_hostile_text_is_survived(config: Any, memory: MemoryDestination) -> None:
    """An exception whose own `__str__` raises is shown by its class."""

    class Broken(Exception):
        def __str__(self) -> str:
            raise RuntimeError

    def fail(_: str) -> str:
        raise Broken

    with pytest.raises(Broken):
        RunnableLambda(fail, name="run").invoke("x", config)
    assert "<Broken>" == one(memory.spans, "run").status.message


def test_what_changes_after_the_callback_is_not_seen(config: Any, memory: MemoryDestination) -> None:
    """The snapshot is taken in the callback: messages renamed later and lists appended to later stay as they were."""
    message, data = HumanMessage("before"), {"items": [1]}

    def work(value: Any) -> Any:
        message.content = "after"
        data["items"].append(2)
        data["more"] = True
        return value

    RunnableLambda(work, name="run").invoke({"message": message, "data": data}, config)
    expected = '{"message":{"role":"user","content":"before"},"data":{"items":[1]}}'
    assert expected == one(memory.spans, "run").attributes["input.value"]


def test_our_own_faults_are_counted_and_never_raised(
    config: Any, memory: MemoryDestination, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A bug of ours costs a span, not the application; it is logged once, not with every event."""
    monkeypatch.setattr(guard, "strict", False)
    monkeypatch.setattr(guard, "_faults", {})
    monkeypatch.setattr(Runs, "open", lambda *args, **kwargs: 1 / 0)
    with caplog.at_level(logging.WARNING):
        assert ["x"] * 3 == [RunnableLambda(lambda text: text).invoke("x", config) for _ in range(3)]
    assert 1 == len(caplog.messages)
    assert {"on_chain_start": 3} == guard.faults()


def test_a_translation_that_fails_leaves_a_span_without_content(
    config: Any, memory: MemoryDestination, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bug in the lane's thread keeps ids, times and names, and says what happened."""
    monkeypatch.setattr(guard, "strict", False)
    monkeypatch.setattr("spancast.langchain.translate.chain", lambda _: 1 / 0)
    RunnableLambda(lambda text: text, name="run").invoke("x", config)
    assert "translate: ZeroDivisionError" == one(memory.spans, "run").attributes["spancast.fault"]


def test_the_handler_can_be_copied_and_pickled(pipeline: spancast.Pipeline, memory: MemoryDestination) -> None:
    """State lives in the pipeline: a copy is the same handler, a pickled one keeps its fields."""
    handler = SpancastCallbackHandler(user="u1", team="search")
    assert handler is copy.copy(handler) is copy.deepcopy(handler)
    again = pickle.loads(pickle.dumps(handler))
    RunnableLambda(lambda text: text, name="run").invoke("x", {"callbacks": [again]})
    held = one(memory.spans, "run").attributes
    assert ("u1", "search") == (held["user.id"], held["metadata.team"])


def test_two_handlers_record_a_run_once(pipeline: spancast.Pipeline, memory: MemoryDestination) -> None:
    """The same run through two handlers of one pipeline is one span."""
    handlers: list[BaseCallbackHandler] = [SpancastCallbackHandler(), SpancastCallbackHandler()]
    (RunnableLambda(lambda t: t, name="a") | RunnableLambda(lambda t: t, name="b")).invoke("x", {"callbacks": handlers})
    assert ["CHAIN RunnableSequence", "  CHAIN a", "  CHAIN b"] == tree(memory.spans)


def test_a_pipeline_of_its_own(pipeline: spancast.Pipeline, memory: MemoryDestination) -> None:
    """A handler with a pipeline records there and nowhere else: tenants need no globals."""
    other = destinations.memory()
    with spancast.Pipeline(other) as tenant:
        pass
    tenant = spancast.Pipeline(other)
    RunnableLambda(lambda text: text, name="run").invoke("x", {"callbacks": [SpancastCallbackHandler(pipeline=tenant)]})
    assert (["run"], []) == ([span.name for span in other.spans], memory.spans)
    tenant.shutdown()


def test_instrument_traces_every_run_and_can_be_undone(pipeline: spancast.Pipeline, memory: MemoryDestination) -> None:
    """No `callbacks` argument is needed, a passed handler doubles nothing, and `uninstrument` ends it."""
    chain = RunnableLambda(lambda t: t, name="a") | RunnableLambda(lambda t: t, name="b")
    expected = ["CHAIN RunnableSequence", "  CHAIN a", "  CHAIN b"]
    langchain.instrument(user="u1")
    try:
        chain.invoke("x")
        assert expected == tree(memory.spans)
        assert {"u1"} == {span.attributes["user.id"] for span in memory.spans}
        memory.clear()
        chain.invoke("x", {"callbacks": [SpancastCallbackHandler()]})
        assert expected == tree(memory.spans)
        memory.clear()
    finally:
        langchain.uninstrument()
    chain.invoke("x")
    assert [] == memory.spans


def test_nothing_of_the_content_is_held_when_no_destination_may_see_it() -> None:
    """With privacy mode everywhere no snapshot is taken at all; tokens and model stay."""
    private = destinations.memory(privacy_mode=True)
    with spancast.Pipeline(private) as pipeline:
        operations: list[Any] = []
        offer = pipeline.recorder._offer
        pipeline.recorder._offer = lambda captured: (operations.append(dict(captured.snapshots)), offer(captured))  # type: ignore[assignment, func-returns-value]
        model = ScriptedChat(script=[call("search", {"q": "CANARY"}), "CANARY"])

        @tool
        def search(q: str) -> str:
            """CANARY"""
            return "CANARY"

        create_agent(model, [search], name="planner").invoke(
            {"messages": [("user", "CANARY")]}, {"callbacks": [SpancastCallbackHandler()], "metadata": {"plan": "pro"}}
        )
        assert operations
        assert "CANARY" not in repr(_everything(operations))
        assert "CANARY" not in repr(private.spans)
        generation = one(private.spans[:1], "ScriptedChat").attributes
    assert (150, "gpt-4o-2024", "pro") == tuple(
        generation[key] for key in ("llm.token_count.total", "llm.model_name", "metadata.plan")
    )


def _everything(value: Any) -> Any:
    """Return all that can be reached from held snapshots."""
    if isinstance(value, dict):
        return {key: _everything(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_everything(item) for item in value]
    slots = getattr(type(value), "__slots__", ())
    return [_everything(getattr(value, name)) for name in slots] if slots else value


def test_nothing_stays_open_after_many_kinds_of_runs(config: Any, pipeline: spancast.Pipeline) -> None:
    """Successes, failures and batches leave the table of open operations empty."""
    chain = RunnableLambda(lambda text: 1 / int(text), name="divide")  # type: ignore[var-annotated]
    chain.batch(["1", "0", "2"], config, return_exceptions=True)
    asyncio.run(chain.abatch(["1", "0"], config, return_exceptions=True))
    assert 0 == pipeline.recorder.open_operations
    assert 5 == traces(pipeline.destinations[0].spans)  # type: ignore[attr-defined]


def test_runs_during_a_disabled_sdk_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """`OTEL_SDK_DISABLED` switches recording off without a change of code."""
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
    held = destinations.memory()
    with spancast.Pipeline(held):
        RunnableLambda(lambda text: text).invoke("x", {"callbacks": [SpancastCallbackHandler()]})
        assert spancast.current_trace() is None
    assert [] == held.spans
