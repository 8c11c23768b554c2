"""Values that are nested 100,000 levels deep: the application goes on, its span arrives, and says that something is cut."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import pytest
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from langchain_core.outputs import ChatGeneration, LLMResult
from langchain_core.runnables import RunnableLambda
from pydantic import BaseModel

import spancast
from spancast.destinations import MemoryDestination
from spancast.langchain import SpancastCallbackHandler

LEVELS = 100_000
# Bytes of a thread's stack. 256 kB are what some servers and musl's libc give; Python 3.13 and newer need several times as
# much to free values that are nested so deep, and crash with less: also in a program without spancast.
SMALL = (256 if sys.version_info < (3, 13) else 2048) * 1024


def nested(wrap: Callable[[Any], Any], levels: int = LEVELS) -> Any:
    """Return what *wrap* makes of its own result, *levels* times."""
    value: Any = "bottom"
    for _ in range(levels):
        value = wrap(value)
    return value


class Node(BaseModel):
    """A model that holds another one."""

    inner: Any = None


def mapping() -> Any:
    return nested(lambda inner: {"a": inner})


def listed() -> Any:
    return nested(lambda inner: [inner])


def models() -> Any:
    return nested(lambda inner: Node.model_construct(inner=inner))


def documents() -> Any:
    """Anthropic's documents, whose content may be blocks again."""
    return nested(lambda inner: {"type": "document", "source": {"type": "content", "content": [inner]}})


def schema() -> Any:
    return nested(lambda inner: {"type": "object", "properties": {"a": inner}})


def causes() -> BaseException:
    error: BaseException = ValueError("first")
    for _ in range(LEVELS):
        later = ValueError("later")
        later.__context__ = error
        error = later
    return error


def groups() -> BaseException:
    return nested(lambda inner: ExceptionGroup("g", [inner if isinstance(inner, Exception) else ValueError(inner)]))


def arguments() -> BaseException:
    return nested(lambda inner: ValueError(inner))


@pytest.fixture
def stack() -> Iterator[None]:
    """Give the threads that are started a small stack: spancast's own among them."""
    before = threading.stack_size(SMALL)
    yield
    threading.stack_size(before)


def recorded(work: Callable[[SpancastCallbackHandler], object]) -> list[Any]:
    """Return the spans of *work*, which runs in a thread of its own, as does the pipeline."""
    memory: MemoryDestination = spancast.destinations.memory(convention="openinference")
    faults: list[BaseException] = []

    def run() -> None:
        try:
            with spancast.Pipeline(memory) as pipeline:
                work(SpancastCallbackHandler(pipeline=pipeline))
                assert pipeline.flush(30.0)
        except BaseException as error:
            faults.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert [] == faults
    return list(memory.spans)


def texts_of(span: Any) -> str:
    attributes = dict(span.attributes)
    assert "spancast.fault" not in attributes
    return "\n".join(str(value) for value in [*attributes.values(), *(dict(event.attributes) for event in span.events)])


def assert_cut(spans: list[Any]) -> None:
    """Hold that each span is bounded, and that one says what is cut."""
    texts = [texts_of(span) for span in spans]
    assert all(len(text) < 100_000 for text in texts)
    assert any(
        mark in text
        for text in texts
        for mark in ("[truncated", "<dict>", "<list>", "<Node>", "ValueError", "sub-exception", "...")
    )


def model_call(handler: SpancastCallbackHandler, messages: list[Any], answer: Any, **options: Any) -> None:
    run_id = uuid4()
    handler.on_chat_model_start({"name": "Model"}, [messages], run_id=run_id, **options)
    result = LLMResult(generations=[[ChatGeneration(message=answer)]])
    handler.on_llm_end(result, run_id=run_id)


@pytest.mark.usefixtures("stack")
@pytest.mark.parametrize("value", [mapping, listed, models, arguments, groups], ids=lambda make: make.__name__)
def test_a_chains_values(value: Callable[[], Any]) -> None:
    """As input, as output, as metadata and as a trace field."""

    def work(handler: SpancastCallbackHandler) -> None:
        chain = RunnableLambda(lambda given: given)
        deep = value()
        given = {"deep": deep}
        assert given is chain.invoke(
            given, {"callbacks": [handler], "metadata": {"deep": deep, "trace": {"more": deep}}}
        )

    spans = recorded(work)
    assert 1 == len(spans)
    assert_cut(spans)


MESSAGES: dict[str, Callable[[], Any]] = {
    "blocks": lambda: HumanMessage.model_construct(content=[documents()], type="human"),
    "a block's field": lambda: HumanMessage.model_construct(
        content=[{"type": "text", "text": mapping()}], type="human"
    ),
    "an unknown block": lambda: HumanMessage.model_construct(content=[{"type": "new", "new": mapping()}], type="human"),
    "lists as content": lambda: HumanMessage.model_construct(content=listed(), type="human"),
    "arguments of a call": lambda: AIMessage.model_construct(
        content="", type="ai", tool_calls=[{"name": "f", "args": {"a": mapping()}, "id": "1", "type": "tool_call"}]
    ),
    "a call that is wrong": lambda: AIMessage.model_construct(
        content="", type="ai", invalid_tool_calls=[{"name": "f", "args": mapping(), "id": "1", "error": mapping()}]
    ),
    "beside the content": lambda: AIMessage.model_construct(
        content="x", type="ai", additional_kwargs={"reasoning_content": mapping(), "audio": mapping(), "more": listed()}
    ),
    "a thought's details": lambda: AIMessage.model_construct(
        content="x",
        type="ai",
        additional_kwargs={"reasoning_details": listed(), "function_call": {"arguments": mapping()}},
    ),
    "what the provider says": lambda: AIMessage.model_construct(
        content="x",
        type="ai",
        response_metadata={"token_usage": mapping(), "model_name": mapping()},
        usage_metadata=mapping(),
    ),
    "an artifact": lambda: ToolMessage.model_construct(
        content=[{"type": "json", "json": mapping()}], type="tool", tool_call_id="1", artifact=mapping()
    ),
}


@pytest.mark.usefixtures("stack")
@pytest.mark.parametrize("name", MESSAGES)
def test_a_models_messages(name: str) -> None:
    """Asked and answered."""
    message = MESSAGES[name]()
    answer = message if isinstance(message, AIMessage) else AIMessage("fine")
    spans = recorded(lambda handler: model_call(handler, [message], answer))
    assert 1 == len(spans)
    assert len(texts_of(spans[0])) < 100_000


@pytest.mark.usefixtures("stack")
def test_a_models_tools_and_schema() -> None:
    """A tool's schema, the schema of an answer, and other parameters."""
    tools = [{"type": "function", "function": {"name": "f", "parameters": schema()}}]

    def work(handler: SpancastCallbackHandler) -> None:
        model_call(
            handler,
            [HumanMessage("x")],
            AIMessage("y"),
            invocation_params={"model": "m", "tools": tools, "extra_body": mapping()},
            options={"ls_structured_output_format": {"schema": schema()}},
        )

    spans = recorded(work)
    assert_cut(spans)
    assert '"name":"f"' in texts_of(spans[0])


@pytest.mark.usefixtures("stack")
@pytest.mark.parametrize("error", [causes, groups, arguments], ids=lambda make: make.__name__)
def test_an_exception(error: Callable[[], BaseException]) -> None:
    """With a chain of what led to it, with groups in groups, with exceptions in its arguments."""
    raised = error()

    def fail(_: object) -> None:
        raise raised

    def work(handler: SpancastCallbackHandler) -> None:
        with pytest.raises(type(raised)):
            RunnableLambda(fail).invoke("x", {"callbacks": [handler]})

    spans = recorded(work)
    assert 1 == len(spans)
    assert_cut(spans)


def test_chains_in_chains() -> None:
    """Runs that are open beneath one another, as of tasks, deeper than Python calls: all end with the outermost."""
    depth = 5_000

    def work(handler: SpancastCallbackHandler) -> None:
        ids = [uuid4() for _ in range(depth)]
        for parent, run_id in zip([None, *ids], ids):
            handler.on_chain_start(None, {}, run_id=run_id, parent_run_id=parent, name="deeper")
        handler.on_chain_end({}, run_id=ids[0])

    assert depth == len(recorded(work))
