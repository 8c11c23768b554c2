"""The applications whose traces are sent to real receivers: the demo, one in both frameworks, and one with everything."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from langchain_core.runnables import RunnableLambda
from llama_index.core import Settings
from llama_index.core.query_engine import RetrieverQueryEngine
from opentelemetry import trace as otel

import spancast
from spancast import llama_index
from spancast.demo import support_agent
from spancast.langchain import SpancastCallbackHandler

from ..fakes.langchain import ScriptedChat
from ..fakes.llama_index import PlainRetriever, ScriptedLLM

# What LlamaIndex calls its models by decides the provider.
_OpenAI = type("OpenAI", (ScriptedLLM,), {"__module__": "llama_index.llms.openai.base"})
FIELDS = {"trace": {"trace_name": "Ask both", "dataset": "demo"}, "user": "user_12345", "session_id": "session_abc"}


def the_demo(pipeline: spancast.Pipeline) -> None:
    """Run the support agent of `spancast demo`: 24 spans of seven kinds, two of them failed."""
    asyncio.run(support_agent.run(pipeline, lambda piece: None))


def both_frameworks(pipeline: spancast.Pipeline) -> None:
    """Run a LangChain chain whose first part is a query of LlamaIndex: one tree."""
    tokenizer = Settings._tokenizer
    Settings.tokenizer = str.split
    llama_index.instrument()
    try:
        engine = RetrieverQueryEngine.from_args(PlainRetriever(), llm=_OpenAI("It is alpha"))
        look_up = RunnableLambda(lambda question: str(engine.query(question))).with_config(run_name="look up")  # type: ignore[var-annotated]
        chain = look_up | ScriptedChat(script=["Alpha, in short"])
        chain.invoke("What is it?", {"callbacks": [SpancastCallbackHandler(pipeline=pipeline)], "metadata": FIELDS})
    finally:
        llama_index.uninstrument()
        Settings._tokenizer = tokenizer


def everything(_: spancast.Pipeline) -> None:
    """Make spans with an event, a link, an exception, and values that are easily lost: large, deep, empty, not ASCII."""
    with spancast.trace(trace_name="before") as before:
        pass
    with spancast.trace(
        trace_name="Everything", session_id="session_abc", user="user_12345", ticket=2**53 + 1, city="Zürich 🦜"
    ) as handle:
        for name, value in _VALUES.items():
            handle.set_attribute(name, value)
        handle.add_event("cache miss", {"key": "shelf 7", "age": 12, "warm": False})
        context = otel.SpanContext(int(before.trace_id, 16), int(before.span_id, 16), is_remote=False)
        otel.get_current_span().add_link(context, {"reason": "retry"})
        try:
            with spancast.trace(kind="TOOL", trace_name="fails"):
                raise ValueError("broken")
        except ValueError:
            pass


_VALUES: dict[str, Any] = {
    "value.large": 2**53 + 1,
    "value.negative": -(2**63),
    "value.double": 0.1,
    "value.tiny": 5e-324,
    "value.true": True,
    "value.empty": "",
    "value.text": "two\nlines, a tab\tand 🦜",
    "value.texts": ["a", "b"],
    "value.numbers": [1, 2, 2**53 + 1],
    "value.long": "x" * 10_000,
}
APPLICATIONS: dict[str, Callable[[spancast.Pipeline], None]] = {
    "the demo": the_demo,
    "both frameworks": both_frameworks,
    "everything": everything,
}


def many(traces: int, spans: int) -> list[str]:
    """Make *traces* traces of *spans* spans each, and return their ids."""
    ids = []
    for number in range(traces):
        with spancast.trace(trace_name=f"trace {number}", session_id=f"session {number % 10}") as handle:
            ids.append(handle.trace_id)
            for child in range(spans - 1):
                with spancast.trace(kind="TOOL", trace_name=f"span {child}"):
                    pass
    return ids
