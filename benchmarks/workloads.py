"""The applications that are measured: LangChain and LlamaIndex programs with scripted models; no network, no sleep.

Each builder returns `run(callbacks)`, which runs the application once; *callbacks* is a list of handlers, or None.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

Run = Callable[[list[Any] | None], object]
USAGE = {"input_tokens": 120, "output_tokens": 30, "total_tokens": 150}
TOKENS = {"prompt_tokens": 120, "completion_tokens": 30, "total_tokens": 150}
ABOUT = {"model_name": "gpt-4o-mini", "finish_reason": "stop", "id": "chatcmpl-1", "system_fingerprint": "fp_1"}
TEXT = ('Lorem ipsum dolor sit amet, "consectetur" adipiscing elit.\n' * 40)[:2000]
_NEW_CALLS = 80  # more than one measurement makes
_loops: list[asyncio.AbstractEventLoop] = []


class Workload(NamedTuple):
    """One application: what tables call it, its framework, how it is built, and how often it runs in one measurement."""

    title: str
    framework: str
    build: Callable[[], Run]
    runs: int


def _wait_for(work: Any) -> Any:
    """Run a coroutine in one event loop that is kept: a new loop a run would be measured too."""
    if not _loops:
        _loops.append(asyncio.new_event_loop())
        asyncio.set_event_loop(_loops[0])
    return _loops[0].run_until_complete(work)


def _config(callbacks: list[Any] | None) -> Any:
    return {"callbacks": callbacks} if callbacks else None


# ---------------------------------------------------------------- LangChain
def scripted_chat(steps: int = 1, chunks: int = 0) -> Any:
    """Return a chat model that asks for tools in all but the last of *steps* turns; with *chunks* one that streams them."""
    from langchain_core.language_models.chat_models import BaseChatModel
    from langchain_core.messages import AIMessage, AIMessageChunk
    from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult

    class ScriptedChat(BaseChatModel):
        model_name: str = "gpt-4o-mini"
        temperature: float = 0.2

        @property
        def _llm_type(self) -> str:
            return "scripted-openai-chat"

        @property
        def _identifying_params(self) -> dict[str, Any]:
            return {"model_name": self.model_name, "temperature": self.temperature}

        def _answer(self, messages: list[Any]) -> ChatResult:
            done = sum(1 for message in messages if message.type == "ai")
            if done < steps - 1:
                name = ("search", "calculator")[done % 2]
                arguments = {"query": f"weather in paris {done}"} if name == "search" else {"a": done, "b": 2}
                call = {"name": name, "args": arguments, "id": f"call_{done}", "type": "tool_call"}
                about = {**ABOUT, "finish_reason": "tool_calls"}
                said = AIMessage(content="", tool_calls=[call], usage_metadata={**USAGE}, response_metadata=about)
            else:
                words = "The capital of France is Paris and it is sunny there today." * 2
                said = AIMessage(content=words, usage_metadata={**USAGE}, response_metadata={**ABOUT})
            return ChatResult(
                generations=[ChatGeneration(message=said, generation_info={"finish_reason": "stop"})],
                llm_output={"token_usage": {**TOKENS}, "model_name": self.model_name},
            )

        def _generate(self, messages: list[Any], stop: Any = None, run_manager: Any = None, **kwargs: Any) -> Any:
            return self._answer(messages)

        async def _agenerate(self, messages: list[Any], stop: Any = None, run_manager: Any = None, **kw: Any) -> Any:
            return self._answer(messages)

        def bind_tools(self, tools: Any, **kwargs: Any) -> Any:
            from langchain_core.utils.function_calling import convert_to_openai_tool

            return self.bind(tools=[convert_to_openai_tool(tool) for tool in tools], **kwargs)

    class StreamingChat(ScriptedChat):
        def _stream(
            self, messages: list[Any], stop: Any = None, run_manager: Any = None, **kwargs: Any
        ) -> Iterator[ChatGenerationChunk]:
            for index in range(chunks):
                chunk = ChatGenerationChunk(message=AIMessageChunk(content=f"tok{index} "))
                if index == chunks - 1:
                    chunk.message.usage_metadata = {**USAGE}
                if run_manager:
                    run_manager.on_llm_new_token(chunk.message.content, chunk=chunk)
                yield chunk

    return StreamingChat() if chunks else ScriptedChat()


def _chain() -> Any:
    from langchain_core.output_parsers import StrOutputParser
    from langchain_core.prompts import ChatPromptTemplate

    asked = [("system", "You are a helpful assistant that answers in {lang}."), ("human", "{q}")]
    return ChatPromptTemplate.from_messages(asked) | scripted_chat() | StrOutputParser()


def _questions(count: int) -> list[dict[str, str]]:
    return [{"lang": "English", "q": f"What is the capital of country {index}?"} for index in range(count)]


def lcel() -> Run:
    """A prompt, a model and a parser: 4 spans."""
    chain = _chain()
    question = {"lang": "English", "q": "What is the capital of France?"}
    return lambda callbacks: chain.invoke(question, _config(callbacks))


def batch(count: int = 200) -> Run:
    """*count* chains in LangChain's pool of threads."""
    chain, questions = _chain(), _questions(count)
    return lambda callbacks: chain.batch(questions, _config(callbacks))


def gather(count: int = 200) -> Run:
    """*count* chains at once in one event loop."""
    chain, questions = _chain(), _questions(count)

    async def all_of_them(callbacks: list[Any] | None) -> None:
        await asyncio.gather(*(chain.ainvoke(question, _config(callbacks)) for question in questions))

    return lambda callbacks: _wait_for(all_of_them(callbacks))


def agent() -> Run:
    """A LangGraph agent of five turns with two tools."""
    from langchain.agents import create_agent
    from langchain_core.tools import tool

    @tool
    def search(query: str) -> str:
        """Search the web for a query."""
        return f"Result for {query}: it is sunny, 21 degrees, light wind from the west."

    @tool
    def calculator(a: int, b: int) -> int:
        """Add two numbers."""
        return a + b

    graph = create_agent(scripted_chat(steps=5), [search, calculator], system_prompt="You are a helpful agent.")
    asked = {"messages": [{"role": "user", "content": "What is the weather in Paris, plus 3?"}]}
    return lambda callbacks: graph.invoke(asked, _config(callbacks))


def stream(chunks: int = 1000) -> Run:
    """One answer in *chunks* chunks."""
    model = scripted_chat(chunks=chunks)

    def run(callbacks: list[Any] | None) -> None:
        for _ in model.stream("Tell me a story", _config(callbacks)):
            pass

    return run


def conversation(messages: int, size: int = 2000) -> list[Any]:
    """Return *messages* messages in turn, of *size* characters each."""
    from langchain_core.messages import AIMessage, HumanMessage

    kinds = (HumanMessage, AIMessage)
    return [kinds[index % 2](content=f"{index} {TEXT}"[:size]) for index in range(messages)]


def history(messages: int = 50) -> Run:
    """One call of a model with a long conversation."""
    model, said = scripted_chat(), conversation(messages - 1)
    said.append(type(conversation(1)[0])(content=TEXT))
    return lambda callbacks: model.invoke(said, _config(callbacks))


def history_new(messages: int = 50) -> Run:
    """The same with messages that no call has seen before: nothing can be kept from one call to the next."""
    model = scripted_chat()
    kinds = [type(message) for message in conversation(messages)]
    said = [
        [kind(content=f"{call} {index} {TEXT}"[:2000]) for index, kind in enumerate(kinds)]
        for call in range(_NEW_CALLS)
    ]
    calls = itertools.cycle(said)
    return lambda callbacks: model.invoke(next(calls), _config(callbacks))


def _scripted_answers() -> Any:
    """Return a chat model whose answers have the shape that langchain-openai gives them for a reasoning model with tools."""
    from langchain_core.language_models.chat_models import BaseChatModel
    from langchain_core.messages import AIMessage
    from langchain_core.outputs import ChatGeneration, ChatResult

    class Answers(BaseChatModel):
        model_name: str = "gpt-5-mini"

        @property
        def _llm_type(self) -> str:
            return "openai-chat"

        @property
        def _identifying_params(self) -> dict[str, Any]:
            return {"model_name": self.model_name, "reasoning": {"effort": "medium", "summary": "auto"}}

        def _generate(self, messages: list[Any], stop: Any = None, run_manager: Any = None, **kwargs: Any) -> Any:
            reasoning = {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": TEXT[:400]}]}
            call = {"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": "search", "status": "completed"}
            said = AIMessage(
                content=[
                    reasoning,
                    {"type": "text", "text": "I look that up.", "annotations": [], "id": "msg_1"},
                    {**call, "arguments": '{"query": "weather in paris"}'},
                ],
                tool_calls=[
                    {"name": "search", "args": {"query": "weather in paris"}, "id": "call_1", "type": "tool_call"}
                ],
                usage_metadata={
                    "input_tokens": 1_204,
                    "output_tokens": 431,
                    "total_tokens": 1_635,
                    "input_token_details": {"cache_read": 1_024, "audio": 0},
                    "output_token_details": {"reasoning": 384, "audio": 0},
                },
                response_metadata={
                    "id": "resp_0c1f",
                    "created_at": 1_764_300_000.0,
                    "model_name": "gpt-5-mini-2025-08-07",
                    "model_provider": "openai",
                    "object": "response",
                    "service_tier": "default",
                    "status": "completed",
                    "metadata": {},
                },
                id="resp_0c1f",
            )
            return ChatResult(generations=[ChatGeneration(message=said)])

    return Answers()


def answers() -> Run:
    """One call whose answer has reasoning, a text and a tool call, with details of its usage; two tools are offered."""
    from langchain_core.messages import HumanMessage, SystemMessage

    offered = [
        {
            "type": "function",
            "function": {
                "name": name,
                "description": about,
                "parameters": {"type": "object", "properties": {"query": {"type": "string"}}, "required": ["query"]},
            },
        }
        for name, about in (("search", "Search the web for a query."), ("calculator", "Add two numbers."))
    ]
    model = _scripted_answers().bind(tools=offered, temperature=0.2)
    asked = [SystemMessage("You are a helpful agent."), HumanMessage("What is the weather in Paris, plus 3?")]
    return lambda callbacks: model.invoke(asked, _config(callbacks))


def numbers(count: int = 100_000) -> Run:
    """A graph of three nodes with a state of *count* numbers, as vectors of embeddings are."""
    from typing import TypedDict

    from langgraph.graph import END, START, StateGraph

    class State(TypedDict):
        question: str
        vectors: list[list[float]]

    vectors = [[index + place / 7 for place in range(1_000)] for index in range(count // 1_000)]
    graph = StateGraph(State)
    for name in ("embed", "rank", "answer"):
        graph.add_node(name, lambda state: {"question": state["question"], "vectors": state["vectors"]})
    for before, after in ((START, "embed"), ("embed", "rank"), ("rank", "answer"), ("answer", END)):
        graph.add_edge(before, after)
    compiled = graph.compile()
    asked = {"question": "What is the capital of France?", "vectors": vectors}
    return lambda callbacks: compiled.invoke(asked, _config(callbacks))


# ---------------------------------------------------------------- LlamaIndex
def li_rag() -> Run:
    """A query over twenty documents, four of them retrieved."""
    from llama_index.core import Document, MockEmbedding, Settings, VectorStoreIndex
    from llama_index.core.llms import MockLLM

    Settings.llm = MockLLM(max_tokens=32)
    Settings.embed_model = MockEmbedding(embed_dim=64)
    text = "Paris is the capital of France. " * 30
    documents = [Document(text=f"Document {index}. {text}", metadata={"src": f"f{index}"}) for index in range(20)]
    engine = VectorStoreIndex.from_documents(documents).as_query_engine(similarity_top_k=4)
    return lambda callbacks: engine.query("What is the capital of France?")


def _scripted_function_calling() -> Any:
    from llama_index.core.base.llms.types import ChatMessage, ChatResponse, CompletionResponse, LLMMetadata, MessageRole
    from llama_index.core.llms.callbacks import llm_chat_callback, llm_completion_callback
    from llama_index.core.llms.function_calling import FunctionCallingLLM
    from llama_index.core.llms.llm import ToolSelection

    class ScriptedFunctionCalling(FunctionCallingLLM):
        steps: int = 5

        @property
        def metadata(self) -> LLMMetadata:
            return LLMMetadata(is_function_calling_model=True, model_name="gpt-4o-mini", context_window=100_000)

        def _answer(self, messages: Any) -> ChatResponse:
            done = sum(1 for message in messages if message.role == MessageRole.ASSISTANT)
            raw = {"usage": {**TOKENS}}
            if done < self.steps - 1:
                name = ("search", "calculator")[done % 2]
                arguments = {"query": f"weather {done}"} if name == "search" else {"a": done, "b": 2}
                calls = {"tool_calls": [{"id": f"c{done}", "name": name, "kw": arguments}]}
                said = ChatMessage(role=MessageRole.ASSISTANT, content="", additional_kwargs=calls)
            else:
                said = ChatMessage(role=MessageRole.ASSISTANT, content="It is sunny in Paris.")
            return ChatResponse(message=said, raw=raw)

        @llm_chat_callback()
        def chat(self, messages: Any, **kwargs: Any) -> ChatResponse:
            return self._answer(messages)

        @llm_chat_callback()
        async def achat(self, messages: Any, **kwargs: Any) -> ChatResponse:
            return self._answer(messages)

        @llm_chat_callback()
        def stream_chat(self, messages: Any, **kwargs: Any) -> Any:
            def chunks() -> Any:
                answer = self._answer(messages)
                answer.delta = answer.message.content
                yield answer

            return chunks()

        @llm_chat_callback()
        async def astream_chat(self, messages: Any, **kwargs: Any) -> Any:
            async def chunks() -> Any:
                answer = self._answer(messages)
                answer.delta = answer.message.content
                yield answer

            return chunks()

        @llm_completion_callback()
        def complete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> CompletionResponse:
            return CompletionResponse(text="ok")

        async def acomplete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> CompletionResponse:
            return CompletionResponse(text="ok")

        def stream_complete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> Any:
            raise NotImplementedError

        async def astream_complete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> Any:
            raise NotImplementedError

        def _prepare_chat_with_tools(
            self, tools: Any, user_msg: Any = None, chat_history: Any = None, **kwargs: Any
        ) -> dict[str, Any]:
            messages = list(chat_history or [])
            if user_msg:
                said = user_msg if isinstance(user_msg, ChatMessage) else ChatMessage(role="user", content=user_msg)
                messages.append(said)
            return {"messages": messages, "tools": [tool.metadata.to_openai_tool() for tool in tools]}

        def get_tool_calls_from_response(
            self, response: Any, error_on_no_tool_call: bool = True, **kwargs: Any
        ) -> list[ToolSelection]:
            calls = response.message.additional_kwargs.get("tool_calls", [])
            return [ToolSelection(tool_id=call["id"], tool_name=call["name"], tool_kwargs=call["kw"]) for call in calls]

    return ScriptedFunctionCalling()


def li_agent() -> Run:
    """An agent of five turns with two tools."""
    from llama_index.core.agent.workflow import FunctionAgent

    def search(query: str) -> str:
        """Search the web."""
        return f"Result for {query}: sunny, 21 degrees."

    def calculator(a: int, b: int) -> int:
        """Add two numbers."""
        return a + b

    worker = FunctionAgent(
        tools=[search, calculator], llm=_scripted_function_calling(), system_prompt="You are helpful."
    )

    async def ask() -> None:
        await worker.run("What is the weather in Paris, plus 3?")

    return lambda callbacks: _wait_for(ask())


WORKLOADS: dict[str, Workload] = {
    "lcel": Workload("one chain (LCEL)", "langchain", lcel, 250),
    "batch": Workload("batch of 200", "langchain", batch, 2),
    "gather": Workload("gather of 200", "langchain", gather, 2),
    "agent": Workload("agent of 5 turns", "langchain", agent, 20),
    "stream": Workload("stream of 1,000 chunks", "langchain", stream, 8),
    "history": Workload("50 messages of 2 kB", "langchain", history, 60),
    "history_new": Workload("50 messages of 2 kB, new in each call", "langchain", history_new, 60),
    "answers": Workload("one answer with reasoning, tools and usage details", "langchain", answers, 250),
    "numbers": Workload("graph with a state of 100,000 numbers", "langchain", numbers, 12),
    "li_rag": Workload("RAG query", "llama_index", li_rag, 60),
    "li_agent": Workload("agent of 5 turns (LlamaIndex)", "llama_index", li_agent, 8),
}
