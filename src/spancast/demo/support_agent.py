"""The application that `spancast demo` traces: a support agent with two tools, a retriever and a nested chain.

Real LangChain and LangGraph; the model follows a script, so it needs no key and no network. With `OPENROUTER_API_KEY`
set it is a real model through `langchain-openrouter`.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Iterator
from typing import TYPE_CHECKING, Any

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.documents import Document
from langchain_core.language_models.chat_models import BaseChatModel
from langchain_core.messages import AIMessageChunk, BaseMessage, ToolMessage
from langchain_core.messages.ai import UsageMetadata
from langchain_core.outputs import ChatGenerationChunk, ChatResult
from langchain_core.retrievers import BaseRetriever

from ..langchain import SpancastCallbackHandler

if TYPE_CHECKING:
    from ..runtime.pipeline import Pipeline

QUESTION = "Where is my order 17, and can I still send it back?"
REAL_MODEL = "openai/gpt-4o"
FIELDS = {
    "trace": {
        "trace_name": "Support request",
        "span_name": "Answer the customer",
        "generation_name": "Think",
        "dataset": "demo",
        "environment": "local",
    },
    "user": "user_12345",
    "session_id": "session_abc",
}
_ANSWER = (
    "Order 17 is on its way and arrives on Friday. You can send it back within 30 days of delivery, free of charge."
)
_POLICY = "Orders can be sent back within 30 days of delivery; we pay the postage."
_PAUSE = 0.012  # seconds between two pieces: long enough to see that time to first token differs from duration
_PRICES = (2.5e-6, 10e-6)  # dollars a token in and out, so that the demo has a cost to show


class ScriptedModel(BaseChatModel):
    """A chat model that streams the next turn of a support conversation, with usage and cost as OpenRouter reports them."""

    model_name: str = REAL_MODEL
    temperature: float = 0.2

    @property
    def _llm_type(self) -> str:
        return "scripted"

    @property
    def _identifying_params(self) -> dict[str, Any]:
        return {"model_name": self.model_name, "temperature": self.temperature}

    def _get_ls_params(self, stop: list[str] | None = None, **kwargs: Any) -> Any:
        return {"ls_provider": "openrouter", "ls_model_name": self.model_name, "ls_model_type": "chat"}

    def bind_tools(self, tools: Any, **kwargs: Any) -> Any:
        """Tell the model of its tools, as OpenAI's API takes them."""
        from langchain_core.utils.function_calling import convert_to_openai_tool

        return self.bind(tools=[convert_to_openai_tool(tool) for tool in tools], **kwargs)

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        from langchain_core.language_models.chat_models import generate_from_stream

        return generate_from_stream(self._stream(messages, stop, run_manager, **kwargs))

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        for chunk in _turn(messages, self.model_name):
            if run_manager:
                run_manager.on_llm_new_token(chunk.text, chunk=chunk)
            yield chunk

    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[ChatGenerationChunk]:
        await asyncio.sleep(_PAUSE * 4)
        for chunk in _turn(messages, self.model_name):
            if run_manager:
                await run_manager.on_llm_new_token(chunk.text, chunk=chunk)
            yield chunk
            await asyncio.sleep(_PAUSE)


def _turn(messages: list[BaseMessage], model: str) -> Iterator[ChatGenerationChunk]:
    """Yield the pieces of the next answer, chosen by how many tools have answered."""
    answered = sum(isinstance(message, ToolMessage) for message in messages)
    call: tuple[str, dict[str, Any]] | None = None
    words: list[str] = []
    if messages[0].type == "human" and "policy" in str(messages[0].content):
        words = _POLICY.split()
    elif answered < 2:
        call = ("lookup_order", {"order_id": 17})
    elif answered == 2:
        call = ("search_policy", {"question": "sending back"})
    else:
        words = _ANSWER.split()
    for index, word in enumerate(words):
        yield ChatGenerationChunk(message=AIMessageChunk(content=word if index == 0 else " " + word))
    prompt = sum(len(str(message.content)) for message in messages) // 4 + 150
    yield ChatGenerationChunk(message=_last_piece(call, model, prompt, len(words) or 18, answered))


def _last_piece(
    call: tuple[str, dict[str, Any]] | None, model: str, prompt: int, answered_tokens: int, index: int
) -> AIMessageChunk:
    paid = (prompt * _PRICES[0], answered_tokens * _PRICES[1])
    return AIMessageChunk(
        content="",
        tool_calls=[{"name": call[0], "args": call[1], "id": f"call_{index}", "type": "tool_call"}] if call else [],
        usage_metadata=UsageMetadata(
            input_tokens=prompt, output_tokens=answered_tokens, total_tokens=prompt + answered_tokens
        ),
        response_metadata={
            "id": f"gen-demo-{index}",
            "model_name": model,
            "finish_reason": "tool_calls" if call else "stop",
            "cost": sum(paid),
            "cost_details": {
                "upstream_inference_prompt_cost": paid[0],
                "upstream_inference_completions_cost": paid[1],
            },
        },
    )


class PolicyRetriever(BaseRetriever):
    """Finds the shop's rules in a list of two."""

    def _get_relevant_documents(self, query: str, *, run_manager: Any) -> list[Document]:
        return [
            Document(_POLICY, id="policy-4", metadata={"source": "returns.md", "score": 0.93}),
            Document(
                "Gift cards cannot be sent back.", id="policy-9", metadata={"source": "returns.md", "score": 0.41}
            ),
        ]


def chat_model() -> BaseChatModel:
    """Return the scripted model, or a real one when `OPENROUTER_API_KEY` is set."""
    if not os.environ.get("OPENROUTER_API_KEY"):
        return ScriptedModel()
    from langchain_openrouter import ChatOpenRouter

    model: BaseChatModel = ChatOpenRouter(model=os.environ.get("SPANCAST_DEMO_MODEL", REAL_MODEL), temperature=0.2)
    return model


def build_agent(model: BaseChatModel) -> Any:
    """Return the agent: two tools, of which one fails at its first call, and a chain with a retriever in the other."""
    from langchain.agents import create_agent
    from langchain.agents.middleware import wrap_tool_call
    from langchain_core.output_parsers import StrOutputParser
    from langchain_core.prompts import ChatPromptTemplate
    from langchain_core.tools import tool

    calls = 0
    prompt = ChatPromptTemplate.from_messages([("user", "Say what the policy is.\n{rules}\nQuestion: {question}")])
    retriever = PolicyRetriever()
    summary = prompt | model | StrOutputParser()

    @tool
    def lookup_order(order_id: int) -> str:
        """Look up the state of an order."""
        nonlocal calls
        calls += 1
        if calls == 1:
            raise TimeoutError("the order service did not answer in 2 s")
        return f"order {order_id}: shipped, arrives on Friday"

    @tool
    async def search_policy(question: str) -> str:
        """Search the shop's rules."""
        rules = "\n".join(document.page_content for document in await retriever.ainvoke(question))
        answer: str = await summary.ainvoke({"rules": rules, "question": question}, {"run_name": "summarise"})
        return answer

    @wrap_tool_call
    async def report_errors(request: Any, handler: Any) -> Any:
        try:
            return await handler(request)
        except Exception as error:  # the model is told, and tries again
            return ToolMessage(f"error: {error}", tool_call_id=request.tool_call["id"], status="error")

    return create_agent(
        model,
        [lookup_order, search_policy],
        system_prompt="You help customers of a shop. When a tool fails, try it once more.",
        middleware=[report_errors],
        name="support-agent",
    )


async def run(pipeline: Pipeline, say: Callable[[str], None], model: BaseChatModel | None = None) -> None:
    """Ask the agent, streamed, and give each piece of its answer to *say*."""
    agent = build_agent(model or chat_model())
    handler = SpancastCallbackHandler(pipeline=pipeline)
    state = {"messages": [("user", QUESTION)]}
    config = {"callbacks": [handler], "metadata": FIELDS}
    async for piece, about in agent.astream(state, config, stream_mode="messages"):
        if about.get("langgraph_node") == "model" and isinstance(piece.content, str):
            say(piece.content)
