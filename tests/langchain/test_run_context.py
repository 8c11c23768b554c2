"""`context_fields`: trace fields out of the context that a graph is called with, and nothing else of it."""

from __future__ import annotations

import asyncio
import copy
import pickle
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from langgraph.graph import END, START, MessagesState, StateGraph
from langgraph.runtime import Runtime
from pydantic import BaseModel

import spancast
from spancast import langchain
from spancast.destinations import MemoryDestination
from spancast.langchain import SpancastCallbackHandler
from spancast.validation import SettingsError

NAMED = {"user": "user_id", "session_id": "case", "tenant": "account.name"}


@dataclass
class Plain:
    user_id: str = "u7"
    case: str = "s1"
    account: Any = field(default_factory=lambda: {"name": "acme", "key": "canary"})
    secret: str = "canary"


@dataclass(slots=True)
class Slotted:
    user_id: str = "u7"
    case: str = "s1"
    account: Any = field(default_factory=lambda: {"name": "acme"})


class Model(BaseModel):
    user_id: str = "u7"
    case: str = "s1"
    account: dict[str, str] = {"name": "acme"}


AS_DICT = {"user_id": "u7", "case": "s1", "account": {"name": "acme"}}
STYLES: dict[str, Callable[..., Any]] = {
    "invoke": lambda graph, config, context: graph.invoke(GIVEN, config, context=context),
    "ainvoke": lambda graph, config, context: asyncio.run(graph.ainvoke(GIVEN, config, context=context)),
    "stream": lambda graph, config, context: list(graph.stream(GIVEN, config, context=context)),
}
GIVEN: dict[str, Any] = {"messages": [("user", "hi")]}


def graph() -> Any:
    """Return a graph whose node reads its context."""

    def answer(state: MessagesState, runtime: Runtime[Any]) -> Any:
        return {"messages": [("ai", type(runtime.context).__name__)]}

    built = StateGraph(MessagesState)
    built.add_node("answer", answer)
    built.add_edge(START, "answer")
    built.add_edge("answer", END)
    return built.compile()


def fields(memory: MemoryDestination) -> set[tuple[Any, ...]]:
    """Return user, session and tenant of all spans."""
    keys = ("user.id", "session.id", "metadata.tenant")
    return {tuple(span.attributes.get(key) for key in keys) for span in memory.spans}


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("context", [Plain(), Slotted(), Model(), AS_DICT], ids=lambda each: type(each).__name__)
def test_what_is_named_is_on_every_span(
    context: Any, style: str, pipeline: spancast.Pipeline, memory: MemoryDestination
) -> None:
    """Of data classes, models and dictionaries; nothing else of the context leaves."""
    STYLES[style](graph(), {"callbacks": [SpancastCallbackHandler(context_fields=NAMED)]}, context)
    assert {("u7", "s1", "acme")} == fields(memory)
    assert "canary" not in repr(memory.spans)


def test_nothing_is_read_where_nothing_is_named(pipeline: spancast.Pipeline, memory: MemoryDestination) -> None:
    """The context is the application's own affair."""
    graph().invoke(GIVEN, {"callbacks": [SpancastCallbackHandler()]}, context=Plain())
    assert {(None, None, None)} == fields(memory)


def test_metadata_is_nearer_and_the_handlers_fields_are_farther(
    pipeline: spancast.Pipeline, memory: MemoryDestination
) -> None:
    """As everywhere: what a call says wins."""
    handler = SpancastCallbackHandler(context_fields={"user": "user_id"}, user="default", session_id="kept")
    graph().invoke(GIVEN, {"callbacks": [handler]}, context=Plain())
    graph().invoke(GIVEN, {"callbacks": [handler], "metadata": {"user": "near"}}, context=Plain())
    graph().invoke(GIVEN, {"callbacks": [handler]})
    assert {("u7", "kept", None), ("near", "kept", None), ("default", "kept", None)} == fields(memory)


def test_the_installed_handler_takes_them_too(pipeline: spancast.Pipeline, memory: MemoryDestination) -> None:
    """`instrument(context_fields=...)`."""
    langchain.instrument(context_fields={"user": "user_id"})
    try:
        graph().invoke(GIVEN, context=Plain())
    finally:
        langchain.uninstrument()
    assert {("u7", None, None)} == fields(memory)


def test_a_copy_of_the_handler_names_them_too(pipeline: spancast.Pipeline, memory: MemoryDestination) -> None:
    """Copied, and pickled."""
    handler = SpancastCallbackHandler(context_fields=NAMED)
    for each in (copy.copy(handler), pickle.loads(pickle.dumps(handler))):
        graph().invoke(GIVEN, {"callbacks": [each]}, context=Plain())
    assert {("u7", "s1", "acme")} == fields(memory)


def test_a_context_whose_own_code_would_raise_is_not_asked(
    pipeline: spancast.Pipeline, memory: MemoryDestination
) -> None:
    """Properties and `__getattr__` are not run."""

    class Hostile:
        @property
        def user_id(self) -> str:
            raise RuntimeError("asked")

        def __getattr__(self, name: str) -> Any:
            raise RuntimeError("asked")

    handler = SpancastCallbackHandler(context_fields=NAMED)
    graph().invoke(GIVEN, {"callbacks": [handler]}, context=Hostile())
    assert {(None, None, None)} == fields(memory)


@pytest.mark.parametrize("wrong", ["user_id", ["user"], {"user": 7}, {f"k{n}": "x" for n in range(99)}])
def test_a_setting_that_cannot_be_used_says_so(wrong: Any) -> None:
    """One sentence, with what would be right."""
    with pytest.raises(SettingsError, match="context_fields"):
        SpancastCallbackHandler(context_fields=wrong)
