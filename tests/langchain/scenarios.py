"""Small applications, one for each thing that LangChain and LangGraph can do; scripted models, no network.

Each scenario builds its application anew, so that every calling style starts from the same state.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Annotated, Any, TypedDict

from langchain.agents import create_agent
from langchain_core.callbacks import dispatch_custom_event
from langchain_core.documents import Document
from langchain_core.language_models.llms import LLM
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate, PromptTemplate
from langchain_core.retrievers import BaseRetriever
from langchain_core.runnables import (
    RunnableBranch,
    RunnableGenerator,
    RunnableLambda,
    RunnableParallel,
    RunnablePassthrough,
)
from langchain_core.tools import ToolException, tool
from langgraph.graph import END, START, MessagesState, StateGraph
from langgraph.types import Command, Send

from ..fakes.langchain import ABOUT, USAGE, ScriptedChat, call


@dataclass(frozen=True)
class Scenario:
    """An application, its input, and what is said about its trace. *fails*: the run raises."""

    build: Callable[[], Any]
    input: Any
    metadata: dict[str, Any] | None = None
    fails: bool = False
    # streaming asks some runnables for their pieces and skips others that only pass them on
    styles: tuple[str, ...] = ("invoke", "ainvoke", "stream", "astream", "batch", "abatch")


def step(name: str, work: Callable[[Any], Any] = lambda value: value) -> RunnableLambda:  # type: ignore[type-arg]
    """Return a named function as a runnable."""
    return RunnableLambda(work, name=name)


class Completion(LLM):
    """A completion model."""

    @property
    def _llm_type(self) -> str:
        return "completion"

    def _call(self, prompt: str, stop: Any = None, run_manager: Any = None, **kwargs: Any) -> str:
        return f"the answer to {prompt}"


class Finder(BaseRetriever):
    """Finds two documents."""

    def _get_relevant_documents(self, query: str, *, run_manager: Any) -> list[Document]:
        return [Document("alpha", id="d1", metadata={"page": 3}), Document("beta", id="d2", metadata={"page": 4})]


class Reranker(BaseRetriever):
    """Asks another retriever and orders what it found, as LangChain's compression retrievers do."""

    inner: BaseRetriever

    def _get_relevant_documents(self, query: str, *, run_manager: Any) -> list[Document]:
        found = self.inner.invoke(query, config={"callbacks": run_manager.get_child()})
        return [Document(d.page_content, id=d.id, metadata={**d.metadata, "relevance_score": 0.9 - i * 0.5})
                  for i, d in enumerate(reversed(found))]  # fmt: skip


PROMPT = ChatPromptTemplate.from_messages([("system", "Answer in {language}."), ("human", "{question}")])
QUESTION = {"language": "English", "question": "What is the capital of France?"}
HELLO: dict[str, Any] = {"messages": [("user", "hi")]}


def chain() -> Any:
    return PROMPT | ScriptedChat(script=["Paris"]) | StrOutputParser()


def parallel() -> Any:
    return RunnableParallel(short=step("short"), long=step("left") | step("right"))


def assigned() -> Any:
    return RunnablePassthrough.assign(length=step("length", len)) | step("after")


def branched() -> Any:
    return RunnableBranch((lambda value: value > 1, step("large")), step("small"))


def mapped() -> Any:
    return step("each").map()


def retried() -> Any:
    calls: list[int] = []

    def flaky(value: Any) -> Any:
        calls.append(1)
        if len(calls) == 1:
            raise ConnectionError("try again")
        return value

    return step("flaky", flaky).with_retry(stop_after_attempt=3, wait_exponential_jitter=False)


def fallback() -> Any:
    def fail(_: Any) -> Any:
        raise ValueError("first choice is down")

    return step("first choice", fail).with_fallbacks([step("second choice")])


@tool
def search(query: str) -> str:
    """Search the web."""
    return f"sunny in {query}"


@tool
def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


@tool
def broken(query: str) -> str:
    """Search a service that is down."""
    raise ConnectionError("the service is down")


@tool
def refusing(query: str) -> str:
    """Say no politely."""
    raise ToolException("not allowed")


refusing.handle_tool_error = True


@tool(response_format="content_and_artifact")
def lookup(query: str) -> tuple[str, dict[str, Any]]:
    """Look up with an artifact."""
    return "found", {"rows": [1, 2]}


def rag() -> Any:
    prompt = ChatPromptTemplate.from_messages([("human", "{context}\n{question}")])
    join = step("join", lambda documents: "\n".join(document.page_content for document in documents))
    gather = RunnableParallel(context=Finder() | join, question=RunnablePassthrough())
    return gather | prompt | ScriptedChat(script=["alpha and beta"]) | StrOutputParser()


def agent(*tools: Any, script: list[Any], **options: Any) -> Any:
    return create_agent(ScriptedChat(script=script), list(tools), name="planner", system_prompt="Be brief.", **options)


def two_tools_at_once() -> Any:
    both = AIMessage(
        "",
        tool_calls=[
            {"name": "add", "args": {"a": 1, "b": 2}, "id": "c1"},
            {"name": "add", "args": {"a": 3, "b": 4}, "id": "c2"},
        ],
        usage_metadata=dict(USAGE),
        response_metadata=dict(ABOUT, finish_reason="tool_calls"),
    )
    return agent(add, script=[both, "3 and 7"])


def supervisor() -> Any:
    researcher = create_agent(ScriptedChat(script=["it is sunny"]), [], name="researcher")

    @tool
    def research(topic: str) -> str:
        """Research a topic."""
        return str(researcher.invoke({"messages": [("user", topic)]})["messages"][-1].content)

    return create_agent(
        ScriptedChat(script=[call("research", {"topic": "weather"}), "done"]), [research], name="supervisor"
    )


class State(TypedDict):
    items: list[int]
    done: Annotated[list[Any], operator.add]


def graph(*nodes: tuple[str, Any], edges: list[tuple[str, str]], state: Any = State, **options: Any) -> Any:
    built = StateGraph(state)
    for name, node in nodes:
        built.add_node(name, node)
    for start, end in edges:
        built.add_edge(start, end)
    return built.compile(**options)


def linear() -> Any:
    return graph(
        ("one", lambda state: {"done": ["one"]}),
        ("two", lambda state: {"done": ["two"]}),
        edges=[(START, "one"), ("one", "two"), ("two", END)],
        name="linear",
    )


def fan_out() -> Any:
    built = StateGraph(State)
    built.add_node("plan", lambda state: {})
    built.add_node("work", lambda state: {"done": state["items"]})
    built.add_edge(START, "plan")
    built.add_conditional_edges(
        "plan", lambda state: [Send("work", {"items": [item], "done": []}) for item in state["items"]], ["work"]
    )
    built.add_edge("work", END)
    return built.compile(name="fan out")


def nested() -> Any:
    inner = graph(("inner", lambda state: {"done": [1]}), edges=[(START, "inner"), ("inner", END)], name="subgraph")
    return graph(("outer", inner), edges=[(START, "outer"), ("outer", END)], name="with subgraph")


def goto() -> Any:
    return graph(
        ("router", lambda state: Command(goto="chosen", update={"done": ["routed"]})),
        ("chosen", lambda state: {"done": ["chosen"]}),
        edges=[(START, "router"), ("chosen", END)],
        name="goto",
    )


def handoff() -> Any:
    inner = graph(
        ("leave", lambda state: Command(goto="other", graph=Command.PARENT, update={"done": ["left"]})),
        edges=[(START, "leave")],
        name="first agent",
    )
    return graph(
        ("agent", inner),
        ("other", lambda state: {"done": ["taken over"]}),
        edges=[(START, "agent"), ("other", END)],
        name="handoff",
    )


def failing_node() -> Any:
    def fail(state: State) -> dict[str, Any]:
        raise ValueError("this node is broken")

    return graph(("fail", fail), edges=[(START, "fail"), ("fail", END)], name="failing")


def model_in_node() -> Any:
    def answer(state: MessagesState) -> dict[str, Any]:
        return {"messages": [ScriptedChat(script=["hello"]).invoke(state["messages"])]}

    return graph(("answer", answer), edges=[(START, "answer"), ("answer", END)], state=MessagesState, name="chat")


def events() -> Any:
    def work(value: Any) -> Any:
        dispatch_custom_event("progress", {"done": 1})
        dispatch_custom_event("progress", {"done": 2})
        return value

    return step("work", work)


def rich_messages() -> list[Any]:
    return [
        SystemMessage("Describe pictures."),
        HumanMessage(
            [
                {"type": "text", "text": "What is this?"},
                {"type": "image_url", "image_url": {"url": "https://example.com/cat.png"}},
                {"type": "audio", "base64": "UklGRg==", "mime_type": "audio/wav"},
                {"type": "file", "url": "https://example.com/a.pdf", "mime_type": "application/pdf"},
            ]
        ),
    ]


def thinking() -> Any:
    answer = AIMessage(
        [
            {"type": "reasoning", "reasoning": "It has whiskers."},
            {"type": "text", "text": "A cat."},
        ],
        usage_metadata={
            "input_tokens": 100,
            "output_tokens": 40,
            "total_tokens": 140,
            "input_token_details": {"cache_read": 60, "cache_creation": 20, "audio": 5},
            "output_token_details": {"reasoning": 25, "audio": 3},
        },
        response_metadata={"model_name": "gpt-4o", "finish_reason": "stop", "cost": 0.002},
    )
    return ScriptedChat(script=[answer])


def structured() -> Any:
    from pydantic import BaseModel

    class Weather(BaseModel):
        """Weather of a place."""

        place: str
        degrees: int

    answer = call("Weather", {"place": "Paris", "degrees": 21})
    return ScriptedChat(script=[answer]).with_structured_output(Weather)


def pieces() -> Any:
    def letters(values: Iterator[str]) -> Iterator[str]:
        for value in values:
            yield from value

    return step("first") | RunnableGenerator(letters, name="letters")


def inner_call() -> Any:
    return step("outer", lambda value: step("inner").invoke(value))


def failing_model() -> Any:
    return PROMPT | ScriptedChat(script=[RuntimeError("the model is overloaded")]) | StrOutputParser()


ALL_FIELDS = {
    "trace": {
        "trace_id": "0af7651916cd43dd8448eb211c80319c",
        "parent_span_id": "b7ad6b7169203331",
        "trace_name": "Text Classification",
        "span_name": "Classify",
        "generation_name": "Classify Sentiment",
        "dataset": "customer_feedback",
        "nested": {"a": [1, 2]},
    },
    "user": "user_12345",
    "session_id": "session_abc",
    "experiment": 7,
}
_NO_STREAM = ("invoke", "ainvoke", "batch", "abatch")

SCENARIOS: dict[str, Scenario] = {
    "chain": Scenario(chain, QUESTION),
    "chain_with_fields": Scenario(chain, QUESTION, ALL_FIELDS, styles=("invoke", "ainvoke", "stream", "astream")),
    "chat_model": Scenario(lambda: ScriptedChat(script=["hello"]), "hi"),
    "completion_model": Scenario(lambda: PromptTemplate.from_template("Q: {q}") | Completion(), {"q": "why"}),
    "parallel": Scenario(parallel, "x"),
    "assign": Scenario(assigned, {"a": 1}),
    "branch": Scenario(branched, 2),
    "map": Scenario(mapped, ["a", "b"], styles=_NO_STREAM),
    "retry": Scenario(retried, "x", styles=("invoke", "ainvoke")),
    "fallback": Scenario(fallback, "x"),
    "tool": Scenario(lambda: search, {"query": "Paris"}),
    "tool_error": Scenario(lambda: broken, {"query": "Paris"}, fails=True),
    "tool_artifact": Scenario(
        lambda: lookup, {"name": "lookup", "args": {"query": "x"}, "id": "c1", "type": "tool_call"}, styles=("invoke",)
    ),
    "retriever": Scenario(Finder, "where"),
    "reranker": Scenario(lambda: Reranker(inner=Finder()), "where", styles=("invoke", "batch")),
    "rag": Scenario(rag, "where"),
    "agent_without_tools": Scenario(lambda: agent(script=["hello"]), HELLO),
    "agent": Scenario(lambda: agent(search, script=[call("search", {"query": "Paris"}), "sunny"]), HELLO),
    "agent_two_tools": Scenario(two_tools_at_once, HELLO),
    "agent_refused_tool": Scenario(lambda: agent(refusing, script=[call("refusing", {"query": "x"}), "sorry"]), HELLO),
    "agent_broken_tool": Scenario(
        lambda: agent(broken, script=[call("broken", {"query": "x"}), "sorry"]), HELLO, fails=True
    ),
    "supervisor": Scenario(supervisor, HELLO, styles=("invoke", "stream", "batch")),
    "graph": Scenario(linear, {"items": [], "done": []}),
    "graph_fan_out": Scenario(fan_out, {"items": [1, 2], "done": []}),
    "graph_subgraph": Scenario(nested, {"items": [], "done": []}),
    "graph_goto": Scenario(goto, {"items": [], "done": []}),
    "graph_handoff": Scenario(handoff, {"items": [], "done": []}),
    "graph_failing": Scenario(failing_node, {"items": [], "done": []}, fails=True),
    "graph_model": Scenario(model_in_node, HELLO),
    "custom_events": Scenario(events, "x", styles=("invoke", "stream", "batch")),
    "multimodal": Scenario(lambda: ScriptedChat(script=["a cat"]), rich_messages()),
    "reasoning_and_usage": Scenario(thinking, "what is it", styles=_NO_STREAM),
    "structured_output": Scenario(structured, "weather", styles=("invoke", "ainvoke")),
    "generator": Scenario(pieces, "abc", styles=("invoke", "stream", "batch")),
    "inner_call": Scenario(inner_call, "x", styles=("invoke", "stream", "batch")),
    "failing_model": Scenario(failing_model, QUESTION, fails=True),
}
