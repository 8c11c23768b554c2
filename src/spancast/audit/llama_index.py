"""The LlamaIndex application of `spancast privacy-audit`: a canary in every place where content can hide.

Real LlamaIndex with a scripted model; no network. Each place gets a text of its own, so that what leaks says where it came
from.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from llama_index.core import VectorStoreIndex
from llama_index.core.agent.workflow import FunctionAgent
from llama_index.core.base.embeddings.base import BaseEmbedding
from llama_index.core.base.llms.types import (
    ChatMessage,
    ChatResponse,
    CompletionResponse,
    ImageBlock,
    LLMMetadata,
    TextBlock,
    ToolCallBlock,
)
from llama_index.core.llms.callbacks import llm_chat_callback, llm_completion_callback
from llama_index.core.llms.function_calling import FunctionCallingLLM
from llama_index.core.llms.llm import ToolSelection
from llama_index.core.prompts import PromptTemplate
from llama_index.core.schema import TextNode
from llama_index.core.tools import FunctionTool
from pydantic import PrivateAttr
from workflows import Context, Workflow, step
from workflows.events import Event, StartEvent, StopEvent

from ..llama_index import instrument, uninstrument

if TYPE_CHECKING:
    from ..runtime.pipeline import Pipeline

Canary = Callable[[str], str]  # the name of a place -> the text that is put there

KEPT = ("user", "session id", "metadata", "span name")
"""Places whose text privacy mode lets leave: what users say about a trace, and the names that they give."""


class CanaryLLM(FunctionCallingLLM):
    """Says what its script says; a script may hold tool calls and errors."""

    model: str = "gpt-4o"
    _script: list[Any] = PrivateAttr()
    _turn: int = PrivateAttr(default=0)

    def __init__(self, *script: Any, **fields: Any) -> None:
        super().__init__(**fields)
        self._script = list(script)

    @property
    def metadata(self) -> LLMMetadata:
        """A chat model that calls functions."""
        return LLMMetadata(model_name=self.model, is_chat_model=True, is_function_calling_model=True)

    def _next(self) -> ChatMessage:
        said = self._script[self._turn % len(self._script)]
        self._turn += 1
        if isinstance(said, BaseException):
            raise said
        held = {"blocks": said} if isinstance(said, list) else {"content": said}
        return ChatMessage(role="assistant", **held)

    def _response(self) -> ChatResponse:
        raw = {"model": "gpt-4o-2024", "usage": {"prompt_tokens": 12, "completion_tokens": 3, "total_tokens": 15}}
        return ChatResponse(message=self._next(), raw=raw, delta="")

    @llm_chat_callback()
    def chat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponse:
        """Answer."""
        return self._response()

    @llm_chat_callback()
    async def achat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponse:
        """Answer."""
        return self._response()

    @llm_chat_callback()
    def stream_chat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> Iterator[ChatResponse]:
        """Answer in one piece."""

        def pieces() -> Iterator[ChatResponse]:  # LlamaIndex looks for a generator
            yield self._response()

        return pieces()

    @llm_chat_callback()
    async def astream_chat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> AsyncIterator[ChatResponse]:
        """Answer in one piece."""

        async def pieces() -> AsyncIterator[ChatResponse]:
            yield self._response()

        return pieces()

    @llm_completion_callback()
    def complete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> CompletionResponse:
        """Answer."""
        return CompletionResponse(text=str(self._next().content))

    @llm_completion_callback()
    async def acomplete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> CompletionResponse:
        """Answer."""
        return CompletionResponse(text=str(self._next().content))

    @llm_completion_callback()
    def stream_complete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> Iterator[CompletionResponse]:
        """Answer in one piece."""

        def pieces() -> Iterator[CompletionResponse]:
            yield CompletionResponse(text=str(self._next().content), delta="")

        return pieces()

    @llm_completion_callback()
    async def astream_complete(
        self, prompt: str, formatted: bool = False, **kwargs: Any
    ) -> AsyncIterator[CompletionResponse]:
        """Answer in one piece."""

        async def pieces() -> AsyncIterator[CompletionResponse]:
            yield CompletionResponse(text=str(self._next().content), delta="")

        return pieces()

    def _prepare_chat_with_tools(
        self,
        tools: Any,
        user_msg: Any = None,
        chat_history: Any = None,
        verbose: bool = False,
        allow_parallel_tool_calls: bool = False,
        tool_required: bool = False,
        **kwargs: Any,
    ) -> dict[str, Any]:
        return {"messages": list(chat_history or []), "tools": [tool.metadata.to_openai_tool() for tool in tools]}

    def get_tool_calls_from_response(
        self, response: ChatResponse, error_on_no_tool_call: bool = True, **kwargs: Any
    ) -> list[ToolSelection]:
        """Return the calls that the answer asks for."""
        calls = [block for block in response.message.blocks if isinstance(block, ToolCallBlock)]
        return [
            ToolSelection(
                tool_id=str(call.tool_call_id),
                tool_name=call.tool_name,
                tool_kwargs=call.tool_kwargs if isinstance(call.tool_kwargs, dict) else {},
            )
            for call in calls
        ]


class CanaryEmbedding(BaseEmbedding):
    """Embeds without looking."""

    def _get_query_embedding(self, query: str) -> list[float]:
        return [1.0, 0.0]

    async def _aget_query_embedding(self, query: str) -> list[float]:
        return [1.0, 0.0]

    def _get_text_embedding(self, text: str) -> list[float]:
        return [0.5, 0.5]


# ---------------------------------------------------------------- the programs
def _engine(canary: Canary, **options: Any) -> Any:
    node = TextNode(text=canary("document"), id_=canary("node id"), metadata={"source": canary("document metadata")})
    index = VectorStoreIndex([node], embed_model=CanaryEmbedding())
    return index.as_query_engine(llm=CanaryLLM(canary("answer")), **options)


async def _query(canary: Canary) -> None:
    _engine(canary).query(canary("query"))
    await _engine(canary).aquery(canary("query"))
    for _ in _engine(canary, streaming=True).query(canary("query")).response_gen:
        pass


async def _models(canary: Canary) -> None:
    said = [
        ChatMessage(role="system", content=canary("system prompt")),
        ChatMessage(
            role="user",
            blocks=[
                TextBlock(text=canary("prompt")),
                ImageBlock(url=f"https://example.com/{''.join(filter(str.isalnum, canary('image address')))}"),
            ],
        ),
    ]
    held = {"stop": [canary("stop words")], "unknown": canary("unknown parameter")}
    llm = CanaryLLM(canary("completion"))
    llm.chat(said, **held)
    await llm.achat(said, **held)
    list(llm.stream_chat(said, **held))
    async for _ in await llm.astream_chat(said, **held):
        pass
    llm.complete(canary("completion prompt"))
    llm.predict(PromptTemplate(canary("template") + " {q}"), q=canary("template variables"))


async def _agent(canary: Canary) -> None:
    def search(query: str) -> str:
        return canary("tool result")

    tool = FunctionTool.from_defaults(search, name="search", description=canary("tool description"))
    call = [ToolCallBlock(tool_call_id="c1", tool_name="search", tool_kwargs={"query": canary("tool arguments")})]
    llm = CanaryLLM(call, canary("agent answer"))
    agent = FunctionAgent(name="planner", tools=[tool], llm=llm, system_prompt=canary("agent prompt"))
    await agent.run(canary("question"), chat_history=[ChatMessage(role="user", content=canary("history"))])
    invented = ToolCallBlock(
        tool_call_id=canary("call id"),
        tool_name=canary("invented tool"),
        tool_kwargs={"x": canary("invented arguments")},
    )
    agent = FunctionAgent(name="caller", tools=[tool], llm=CanaryLLM([invented], canary("end")))
    with suppress(Exception):
        await agent.run(canary("request"))


async def _failures(canary: Canary) -> None:
    with suppress(Exception):
        CanaryLLM(RuntimeError(canary("model error"))).chat([ChatMessage(role="user", content=canary("model input"))])

    def fail(query: str) -> str:
        try:
            raise KeyError(canary("exception cause"))
        except KeyError as cause:
            raise ValueError(canary("exception message")) from cause

    with suppress(Exception):
        FunctionTool.from_defaults(fail, name="fail").call(query=canary("failing arguments"))


class Progress(Event):
    """What a workflow says on its way."""

    note: str


async def _workflow(canary: Canary) -> None:
    class Work(Workflow):
        @step
        async def begin(self, context: Context, event: StartEvent) -> Progress:
            context.write_event_to_stream(Progress(note=canary("streamed event")))
            return Progress(note=canary("workflow event"))

        @step
        async def finish(self, event: Progress) -> StopEvent:
            return StopEvent(result=canary("workflow result"))

    await Work().run(topic=canary("workflow input"))

    class Broken(Workflow):
        @step
        async def begin(self, event: StartEvent) -> StopEvent:
            raise ValueError(canary("workflow error"))

    with suppress(Exception):
        await Broken().run()


PROGRAMS: tuple[Callable[[Canary], Awaitable[None]], ...] = (_query, _models, _agent, _failures, _workflow)


def run(pipeline: Pipeline, canary: Canary) -> int:
    """Run every program; return how many there were."""
    instrument(
        pipeline=pipeline,
        trace_name=canary("span name"),
        user=canary("user"),
        session_id=canary("session id"),
        dataset=canary("metadata"),
    )

    async def all_of_them() -> None:
        for program in PROGRAMS:
            await program(canary)

    try:
        asyncio.run(all_of_them())
    finally:
        uninstrument()
    return len(PROGRAMS)
