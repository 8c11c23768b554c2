"""The application of `spancast privacy-audit`: small programs with a canary in every place where content can hide.

Real LangChain and LangGraph with a scripted model; no network. Each place gets a text of its own, so that what leaks says
where it came from.
"""

from __future__ import annotations

import asyncio
import base64
import logging
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from langchain_core.callbacks import dispatch_custom_event
from langchain_core.documents import Document
from langchain_core.language_models.chat_models import BaseChatModel
from langchain_core.language_models.llms import LLM
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, HumanMessage, SystemMessage, ToolMessage
from langchain_core.output_parsers import StrOutputParser
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langchain_core.prompts import ChatPromptTemplate, PromptTemplate
from langchain_core.retrievers import BaseRetriever
from langchain_core.runnables import Runnable, RunnableLambda, RunnableParallel
from langchain_core.tools import StructuredTool

from ..langchain import SpancastCallbackHandler

if TYPE_CHECKING:
    from ..runtime.pipeline import Pipeline

Canary = Callable[[str], str]  # the name of a place -> the text that is put there

KEPT = ("user", "session id", "metadata", "span name")
"""Places whose text privacy mode lets leave: what users say about a trace, and the names that they give."""

STYLES = ("invoke", "ainvoke", "stream", "astream", "batch", "abatch", "astream_events")


class CanaryModel(BaseChatModel):
    """Says what its script says; a script may hold an error."""

    script: list[Any]
    turn: int = 0

    @property
    def _llm_type(self) -> str:
        return "canary"

    def _get_ls_params(self, stop: Any = None, **kwargs: Any) -> Any:
        return {"ls_provider": "openai", "ls_model_name": "gpt-4o", "ls_model_type": "chat"}

    def bind_tools(self, tools: Any, **kwargs: Any) -> Any:
        """Tell the model of its tools, as OpenAI's API takes them."""
        from langchain_core.utils.function_calling import convert_to_openai_tool

        return self.bind(tools=[convert_to_openai_tool(tool) for tool in tools], **kwargs)

    def _next(self) -> AIMessage:
        said = self.script[self.turn % len(self.script)]
        self.turn += 1
        if isinstance(said, BaseException):
            raise said
        message: AIMessage = said.model_copy(deep=True)
        return message

    def _generate(
        self, messages: list[BaseMessage], stop: Any = None, run_manager: Any = None, **kwargs: Any
    ) -> ChatResult:
        return ChatResult(generations=[ChatGeneration(message=self._next())])

    def _pieces(self) -> Iterator[ChatGenerationChunk]:
        message = self._next()
        content = message.content if isinstance(message.content, list) else [message.content]
        for piece in content:
            held = [piece] if isinstance(piece, dict) else piece
            yield ChatGenerationChunk(message=AIMessageChunk(content=held))  # type: ignore[arg-type]
        yield ChatGenerationChunk(
            message=AIMessageChunk(
                content="",
                tool_calls=message.tool_calls,
                additional_kwargs=message.additional_kwargs,
                response_metadata=message.response_metadata,
                usage_metadata=message.usage_metadata,
            )
        )

    def _stream(self, messages: Any, stop: Any = None, run_manager: Any = None, **kwargs: Any) -> Iterator[Any]:
        for piece in self._pieces():
            if run_manager:
                run_manager.on_llm_new_token(piece.text, chunk=piece)
            yield piece

    async def _astream(
        self, messages: Any, stop: Any = None, run_manager: Any = None, **kwargs: Any
    ) -> AsyncIterator[Any]:
        for piece in self._pieces():
            if run_manager:
                await run_manager.on_llm_new_token(piece.text, chunk=piece)
            yield piece


class CanaryCompletion(LLM):
    """A completion model."""

    answer: str

    @property
    def _llm_type(self) -> str:
        return "completion"

    def _call(self, prompt: str, stop: Any = None, run_manager: Any = None, **kwargs: Any) -> str:
        return self.answer


class CanaryRetriever(BaseRetriever):
    """Finds what it was given."""

    found: list[Document]

    def _get_relevant_documents(self, query: str, *, run_manager: Any) -> list[Document]:
        return self.found


_ABOUT = {"model_name": "gpt-4o-2024", "finish_reason": "stop", "id": "chatcmpl-1"}
_USAGE = {"input_tokens": 12, "output_tokens": 3, "total_tokens": 15}


def _answer(content: Any, **held: Any) -> AIMessage:
    return AIMessage(content, usage_metadata=dict(_USAGE), response_metadata=dict(_ABOUT), **held)


# ---------------------------------------------------------------- the programs
def _conversation(canary: Canary) -> tuple[Any, Any]:
    """A prompt of template and variables, every kind of content block, stop words, a schema, parameters."""
    prompt = ChatPromptTemplate.from_messages(
        [("system", canary("system prompt") + " {style}"), ("human", canary("template") + " {question}")]
    )
    answer = _answer(
        [
            {"type": "reasoning", "reasoning": canary("reasoning")},
            {"type": "text", "text": canary("completion"), "annotations": [{"title": canary("citation")}]},
            {"type": "refusal", "refusal": canary("refusal")},
        ],
        additional_kwargs={"reasoning_content": canary("additional fields")},
    )
    model = CanaryModel(script=[answer]).bind(
        stop=[canary("stop words")],
        response_format={"type": "json_schema", "json_schema": {"description": canary("output schema")}},
        unknown_parameter=canary("unknown parameter"),
        user=canary("parameter user"),
    )
    return prompt | model | StrOutputParser(), {"style": canary("template variables"), "question": canary("prompt")}


def _pictures(canary: Canary) -> tuple[Any, Any]:
    """Images, sounds and files: by address, by value, by id; a name of an author."""
    data = base64.b64encode(canary("image bytes").encode()).decode()
    blocks: list[Any] = [
        {"type": "text", "text": canary("text block")},
        {"type": "image_url", "image_url": {"url": f"https://example.com/{canary('image address')}"}},
        {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{data}"}},
        {"type": "audio", "base64": data, "mime_type": "audio/wav"},
        {"type": "file", "file_id": canary("file id"), "filename": canary("file name")},
        {"type": "new_block", "value": canary("unknown block")},
    ]
    return CanaryModel(script=[_answer(canary("answer"))]), [
        SystemMessage(canary("system message")),
        HumanMessage(blocks, name=canary("author")),
    ]


def _tools(canary: Canary) -> tuple[Any, Any]:
    """An agent: definitions, descriptions, arguments, results, an artifact, history, a system prompt."""
    from langchain.agents import create_agent
    from pydantic import BaseModel, Field

    class Arguments(BaseModel):
        query: str = Field(description=canary("tool schema"))

    def search(query: str) -> tuple[str, dict[str, str]]:
        return canary("tool result"), {"rows": canary("tool artifact")}

    tool = StructuredTool.from_function(
        search,
        name="search",
        description=canary("tool description"),
        args_schema=Arguments,
        response_format="content_and_artifact",
    )
    call = AIMessage("", tool_calls=[{"name": "search", "args": {"query": canary("tool arguments")}, "id": "c1"}])
    agent = create_agent(
        CanaryModel(script=[call, _answer(canary("agent answer"))]),
        [tool],
        system_prompt=canary("agent prompt"),
        name="planner",
    )
    history = [HumanMessage(canary("history")), AIMessage(canary("earlier answer")), HumanMessage(canary("question"))]
    return agent, {"messages": history}


def _documents(canary: Canary) -> tuple[Any, Any]:
    """A retriever."""
    found = [Document(canary("document"), id="d1", metadata={"source": canary("document metadata"), "score": 0.5})]
    return CanaryRetriever(found=found), canary("retriever query")


def _completion(canary: Canary) -> tuple[Any, Any]:
    """A completion model behind a prompt."""
    model = CanaryCompletion(answer=canary("plain completion"))
    return PromptTemplate.from_template(canary("plain template") + " {q}") | model, {"q": canary("plain prompt")}


def _failure(canary: Canary) -> tuple[Any, Any]:
    """An exception: message, cause, note, and the lines and names that its stack trace quotes."""
    name = _word(canary("stack trace"))
    source = f"def {name}(value):\n    inner()\n"

    def inner() -> None:
        try:
            raise KeyError(canary("exception cause"))
        except KeyError as cause:
            raise ValueError(canary("exception message")) from cause

    names: dict[str, Any] = {"inner": inner}
    exec(compile(source, f"/srv/{_word(canary('stack trace file'))}.py", "exec"), names)  # noqa: S102  a file name of our own
    return RunnableLambda(names[name], name="failing step"), canary("failing input")


def _word(text: str) -> str:
    """Return what of a text can stand in a name."""
    return "".join(letter for letter in text if letter.isascii() and letter.isalnum())


def _events(canary: Canary) -> tuple[Any, Any]:
    """Custom events, the application's own attributes and exceptions on the current span, keys that are content."""
    from opentelemetry import trace

    def work(value: Any) -> Any:
        dispatch_custom_event(canary("event name"), {"done": canary("event data")})
        span = trace.get_current_span()
        span.set_attribute("app.note", canary("own attribute"))
        span.set_attribute(canary("own attribute name"), 1)
        span.add_event(canary("own event"), {"k": canary("own event data")})
        span.record_exception(ValueError(canary("own exception")))
        return {canary("output key"): canary("chain output")}

    return RunnableLambda(work, name="work"), {canary("input key"): canary("chain input")}


def _failing_model(canary: Canary) -> tuple[Any, Any]:
    """A model that fails with what it was asked."""
    return CanaryModel(script=[RuntimeError(canary("model error"))]), canary("model input")


def _refused_tool(canary: Canary) -> tuple[Any, Any]:
    """A tool that fails."""

    def fail(query: str) -> str:
        raise ConnectionError(canary("tool error"))

    return StructuredTool.from_function(fail, name="fail", description="Fails."), {"query": canary("failing arguments")}


def _interrupted(canary: Canary) -> tuple[Any, Any]:
    """A graph that asks a human: the question is content."""
    from langgraph.checkpoint.memory import InMemorySaver
    from langgraph.graph import START, MessagesState, StateGraph
    from langgraph.types import interrupt

    def ask(state: MessagesState) -> dict[str, Any]:
        interrupt({"ask": canary("interrupt")})
        return {}

    graph = StateGraph(MessagesState)
    graph.add_node("ask", ask)
    graph.add_edge(START, "ask")
    built = graph.compile(checkpointer=InMemorySaver(), name="approval")
    return built, {"messages": [ToolMessage(canary("tool message"), tool_call_id="c9"), HumanMessage(canary("state"))]}


def _invented(canary: Canary) -> tuple[Any, Any]:
    """Names that a provider and data make up: models, ids, finish reasons, the keys of a parallel step."""
    answer = AIMessage(
        canary("odd answer"),
        usage_metadata=dict(_USAGE),
        response_metadata={
            "model_name": canary("response model"),
            "finish_reason": canary("finish reason"),
            "id": canary("response id"),
            "service_tier": canary("service tier"),
        },
    )
    steps = {canary("parallel key"): CanaryModel(script=[answer]), "other": RunnableLambda(lambda value: value)}
    return RunnableParallel(steps), canary("parallel input")


def _invented_tool(canary: Canary) -> tuple[Any, Any]:
    """A call of a tool that does not exist, and what a server says of one that does."""
    from langchain.agents import create_agent

    def lookup(query: str) -> str:
        return "found"

    tool = StructuredTool.from_function(
        lookup,
        name="lookup",
        description="Looks up.",
        metadata={"mcp": {"server": canary("server of a tool")}, "_meta": {"note": canary("_meta of a tool")}},
    )
    calls = [
        {"name": canary("invented tool"), "args": {"query": canary("invented arguments")}, "id": canary("call id")},
        {"name": "lookup", "args": {"query": canary("known arguments")}, "id": canary("id of a known call")},
    ]
    agent = create_agent(
        CanaryModel(script=[AIMessage("", tool_calls=calls), _answer(canary("end"))]), [tool], name="caller"
    )
    return agent, {"messages": [HumanMessage(canary("request"))]}


def _ids(canary: Canary) -> tuple[Any, Any]:
    """Ids of documents: of their own, and out of their metadata."""
    found = [
        Document("text", id=f"https://intranet.example/{canary('document id')}"),
        Document("text", metadata={"_id": _word(canary("id in metadata"))}),
    ]
    return CanaryRetriever(found=found), canary("query for ids")


PROGRAMS: Mapping[str, Callable[[Canary], tuple[Any, Any]]] = {
    "conversation": _conversation,
    "media": _pictures,
    "agent with a tool": _tools,
    "retriever": _documents,
    "completion model": _completion,
    "exception": _failure,
    "events": _events,
    "failing model": _failing_model,
    "failing tool": _refused_tool,
    "interrupt": _interrupted,
    "invented names": _invented,
    "invented tool": _invented_tool,
    "ids of documents": _ids,
}


# ---------------------------------------------------------------- running them
def run(pipeline: Pipeline, canary: Canary) -> int:
    """Run every program in every calling style; return how many runs there were."""
    count = 0
    logger = logging.getLogger("langchain_core.callbacks.manager")
    before, logger.disabled = logger.disabled, True  # LangChain's own handlers complain of failing programs
    try:
        for program in PROGRAMS.values():
            for style in STYLES:
                application, given = program(canary)
                _run(application, given, style, _config(pipeline, canary))
                count += 1
    finally:
        logger.disabled = before
    return count


def _config(pipeline: Pipeline, canary: Canary) -> dict[str, Any]:
    return {
        "callbacks": [SpancastCallbackHandler(pipeline=pipeline)],
        "metadata": {
            "trace": {"trace_name": canary("span name"), "dataset": canary("metadata")},
            "user": canary("user"),
            "session_id": canary("session id"),
        },
        "tags": [canary("tags")],
        "configurable": {"thread_id": "thread-1"},
    }


def _run(application: Runnable[Any, Any], given: Any, style: str, config: Any) -> None:
    with suppress(Exception):  # some programs fail on purpose: how they fail is what is looked at
        if style in ("ainvoke", "astream", "abatch", "astream_events"):
            asyncio.run(_arun(application, given, style, config))
        elif style == "stream":
            for _ in application.stream(given, config):
                pass
        elif style == "batch":
            application.batch([given, given], config, return_exceptions=True)
        else:
            application.invoke(given, config)


async def _arun(application: Runnable[Any, Any], given: Any, style: str, config: Any) -> None:
    if style == "ainvoke":
        await application.ainvoke(given, config)
    elif style == "abatch":
        await application.abatch([given, given], config, return_exceptions=True)
    elif style == "astream":
        async for _ in application.astream(given, config):
            pass
    else:
        async for _ in application.astream_events(given, config, version="v2"):
            pass
