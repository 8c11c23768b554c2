"""One application, one tree: written in LangChain and in LlamaIndex it gives the same kinds and the same generations."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterator, Sequence
from importlib.util import find_spec
from typing import Any

import pytest
from langchain.agents import create_agent
from langchain_core.documents import Document
from langchain_core.messages import AIMessage
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.retrievers import BaseRetriever
from langchain_core.runnables import RunnablePassthrough
from langchain_core.tools import tool

import spancast
from spancast import destinations
from spancast.langchain import SpancastCallbackHandler

from .fakes.langchain import ABOUT, USAGE, ScriptedChat

if find_spec("llama_index") is None:  # the extra is not installed
    pytest.skip("llama-index-core is not installed", allow_module_level=True)

from llama_index.core.agent.workflow import FunctionAgent
from llama_index.core.query_engine import RetrieverQueryEngine

from spancast import llama_index

from .fakes.llama_index import PlainRetriever, ScriptedLLM, calls

SHOWN = {"AGENT", "LLM", "TOOL", "RETRIEVER", "RERANKER"}
# What one framework knows of a generation and the other does not say: LangChain's prompts are runs of their own.
ONLY_ONE_KNOWS = {"llm.prompt_template.template", "llm.prompt_template.variables"}
ADD, MULTIPLY = ("add", {"a": 1, "b": 2}), ("multiply", {"a": 3, "b": 4})


# ---------------------------------------------------------------- in LangChain
class Finder(BaseRetriever):
    """Finds two documents."""

    def _get_relevant_documents(self, query: str, *, run_manager: Any) -> list[Document]:
        return [Document("alpha", id="n1", metadata={"score": 0.5}), Document("beta", id="n2", metadata={"score": 0.4})]


def langchain_rag() -> None:
    prompt = ChatPromptTemplate.from_messages([("system", "Answer from {context}"), ("user", "{question}")])
    model = ScriptedChat(script=["It is alpha"])
    chain = {"context": Finder(), "question": RunnablePassthrough()} | prompt | model | StrOutputParser()
    chain.invoke("What is it?", {"callbacks": [SpancastCallbackHandler()]})


def langchain_agent() -> None:
    @tool
    def add(a: int, b: int) -> int:
        """Add two numbers."""
        return a + b

    @tool
    def multiply(a: int, b: int) -> int:
        """Multiply two numbers."""
        return a * b

    asked = [
        {"name": name, "args": arguments, "id": f"call_{number}"}
        for number, (name, arguments) in enumerate((ADD, MULTIPLY), 1)
    ]
    first = AIMessage(
        "", tool_calls=asked, usage_metadata=dict(USAGE), response_metadata={**ABOUT, "finish_reason": "tool_calls"}
    )
    model = ScriptedChat(script=[first, "It is 3 and 12"])
    agent = create_agent(model, [add, multiply], system_prompt="You calculate.", name="calculator")
    agent.invoke({"messages": [("user", "What is it?")]}, {"callbacks": [SpancastCallbackHandler()]})


# ---------------------------------------------------------------- in LlamaIndex
OpenAI = type("OpenAI", (ScriptedLLM,), {"__module__": "llama_index.llms.openai.base"})


@pytest.fixture(autouse=True)
def _traced() -> Iterator[None]:
    """Trace LlamaIndex for the time of a test."""
    from llama_index.core import Settings

    held = dict(Settings.__dict__)
    Settings.tokenizer = str.split
    yield
    llama_index.uninstrument()
    Settings.__dict__.update(held)


def llama_index_rag() -> None:
    llama_index.instrument()
    RetrieverQueryEngine.from_args(PlainRetriever(), llm=OpenAI("It is alpha")).query("What is it?")


def llama_index_agent() -> None:
    async def add(a: int, b: int) -> int:
        """Add two numbers."""
        return a + b

    async def multiply(a: int, b: int) -> int:
        """Multiply two numbers."""
        return a * b

    async def go() -> None:
        llm = OpenAI(calls(ADD, MULTIPLY), "It is 3 and 12")
        agent = FunctionAgent(
            name="calculator", tools=[add, multiply], llm=llm, system_prompt="You calculate.", streaming=False
        )
        await agent.run("What is it?")

    llama_index.instrument()
    asyncio.run(go())


# ---------------------------------------------------------------- and compared
def traced(application: Callable[[], None], convention: str) -> list[Any]:
    """Return the spans of one run."""
    kept = destinations.memory(convention=convention)
    with spancast.Pipeline(kept):
        application()
    return kept.spans


def kinds(spans: Sequence[Any]) -> list[str]:
    """Return the tree of kinds, without the chains beneath the root; the order of what runs at once is its name's."""
    children: dict[str | None, list[Any]] = {}
    for span in sorted(spans, key=lambda span: span.start_ns):
        children.setdefault(span.parent_span_id, []).append(span)
    lines: list[str] = []

    def walk(parent: str | None, depth: int) -> None:
        for span in children.get(parent, []):
            shown = depth == 0 or span.kind.value in SHOWN
            if shown:
                lines.append("  " * depth + span.kind.value)
            walk(span.span_id, depth + shown)

    walk(None, 0)
    return lines


def generations(spans: Sequence[Any]) -> list[set[str]]:
    """Return the attribute names of each generation, in order; positions in lists are all one.

    LangGraph's own metadata (node, checkpoint) has no counterpart; a prompt's variables have the application's names.
    """
    found = [span for span in sorted(spans, key=lambda span: span.start_ns) if span.kind.value == "LLM"]
    return [
        {
            re.sub(r"(?<=prompt\.variable\.).*", "*", re.sub(r"\.\d+\.", ".N.", name))
            for name in span.attributes
            if "metadata" not in name
        }
        - ONLY_ONE_KNOWS
        for span in found
    ]


PAIRS = {"rag": (langchain_rag, llama_index_rag), "agent": (langchain_agent, llama_index_agent)}
EXPECTED = {"rag": ["CHAIN", "  RETRIEVER", "  LLM"], "agent": ["AGENT", "  LLM", "  TOOL", "  TOOL", "  LLM"]}


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("convention", ["openinference", "gen_ai"])
@pytest.mark.parametrize("name", PAIRS)
def test_both_frameworks_give_the_same_tree(name: str, convention: str) -> None:
    """The same kinds in the same places, under a root of the same kind; generations with the same attribute names."""
    one, other = (traced(application, convention) for application in PAIRS[name])
    assert EXPECTED[name] == kinds(one) == kinds(other)
    assert generations(one) == generations(other)


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_both_frameworks_say_the_same_of_a_tool() -> None:
    """Arguments, result, name and call id of a tool stand under the same names with the same values."""
    said = []
    for application in PAIRS["agent"]:
        tools = [span.attributes for span in traced(application, "openinference") if span.kind.value == "TOOL"]
        said.append(
            sorted(
                tuple(held[key] for key in ("tool.name", "tool.id", "tool.parameters", "output.value"))
                for held in tools
            )
        )
    assert said[0] == said[1]
    assert ("add", "call_1", '{"a":1,"b":2}', "3") == said[0][0]
