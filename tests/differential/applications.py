"""Small applications that each tracer records: real LangChain, scripted models."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

from langchain.agents import create_agent
from langchain_core.documents import Document
from langchain_core.language_models.fake import FakeListLLM
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.retrievers import BaseRetriever
from langchain_core.runnables import RunnableLambda, RunnableParallel, RunnablePassthrough
from langchain_core.tools import tool
from pydantic import BaseModel

from ..fakes.langchain import ScriptedChat, call

PROMPT = ChatPromptTemplate.from_messages([("system", "Be brief."), ("user", "{question}")])


@tool
def weather(city: str) -> str:
    """Say how the weather is."""
    return "sunny"


@tool
def stock(symbol: str) -> str:
    """Say what a share costs."""
    raise TimeoutError("the exchange did not answer")


class Library(BaseRetriever):
    """Finds the same two documents."""

    def _get_relevant_documents(self, query: str, *, run_manager: Any) -> list[Document]:
        return [
            Document("Oslo is in Norway.", id="doc-1", metadata={"source": "atlas", "score": 0.9}),
            Document("Bergen is wet.", id="doc-2", metadata={"source": "atlas", "score": 0.4}),
        ]


class Answer(BaseModel):
    """A capital."""

    city: str


def chain(config: Any) -> None:
    """A prompt, a model, a parser."""
    (PROMPT | ScriptedChat(script=["Oslo"]) | StrOutputParser()).invoke({"question": "Norway's capital?"}, config)


def agent(config: Any) -> None:
    """An agent that calls one tool."""
    model = ScriptedChat(script=[call("weather", {"city": "Oslo"}), "It is sunny."])
    create_agent(model, [weather], name="planner").invoke({"messages": [("user", "Weather in Oslo?")]}, config)


def failing_agent(config: Any) -> None:
    """An agent with two tools, whose second fails."""
    script = [call("weather", {"city": "Oslo"}), call("stock", {"symbol": "X"}, "call_2"), "unreached"]
    planner = create_agent(ScriptedChat(script=script), [weather, stock], name="planner")
    with suppress(TimeoutError):
        planner.invoke({"messages": [("user", "Weather and share price?")]}, config)


def retrieval(config: Any) -> None:
    """A retriever that feeds a prompt and a model."""
    prompt = ChatPromptTemplate.from_messages([("user", "{found}: {question}")])
    steps = {"found": Library(), "question": RunnablePassthrough()}
    (steps | prompt | ScriptedChat(script=["Oslo"])).invoke("Which city?", config)


def streaming(config: Any) -> None:
    """A chat model whose answer is streamed."""
    for _ in ScriptedChat(script=["Oslo it is"]).stream("Norway's capital?", config):
        pass


def completion(config: Any) -> None:
    """A completion model."""
    FakeListLLM(responses=["Oslo"]).invoke("Norway's capital is", config)


def structured(config: Any) -> None:
    """A model bound to a tool that gives its answer a shape."""
    model = ScriptedChat(script=[call("Answer", {"city": "Oslo"})])
    model.with_structured_output(Answer).invoke("Norway's capital?", config)


def parallel(config: Any) -> None:
    """Two branches side by side."""
    RunnableParallel(
        upper=RunnableLambda(lambda text: text.upper(), name="upper"), model=ScriptedChat(script=["Oslo"])
    ).invoke("Norway?", config)


def failing_model(config: Any) -> None:
    """A model that fails inside a chain."""
    with suppress(ValueError):
        (PROMPT | ScriptedChat(script=[ValueError("no such model")])).invoke({"question": "?"}, config)


APPLICATIONS: list[Callable[[Any], None]] = [
    chain,
    agent,
    failing_agent,
    retrieval,
    streaming,
    completion,
    structured,
    parallel,
    failing_model,
]
METADATA = {"team": "research"}
