"""`spancast.trace(...)`: fields for a block, a span when it has a name, the same for functions of every form."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from langchain_core.runnables import RunnableLambda

import spancast
from spancast.destinations import MemoryDestination
from spancast.langchain import SpancastCallbackHandler

from ..fakes.langchain import ScriptedChat
from ..langchain.trees import one, traces, tree


@pytest.fixture
def config(pipeline: spancast.Pipeline) -> dict[str, Any]:
    """Return a config with one handler."""
    return {"callbacks": [SpancastCallbackHandler()]}


def test_a_name_opens_a_span(pipeline: spancast.Pipeline, memory: MemoryDestination) -> None:
    """`trace_name` outside of everything is a root of that name, with the fields on it."""
    with spancast.trace(trace_name="Nightly report", session_id="s1", user="u1", environment="staging") as handle:
        assert handle is not None
        assert handle == spancast.current_trace()
    (span,) = memory.spans
    assert ("Nightly report", handle.trace_id, handle.span_id) == (span.name, span.trace_id, span.span_id)
    assert f"00-{handle.trace_id}-{handle.span_id}-01" == handle.traceparent
    assert ("s1", "u1", "staging") == tuple(
        span.attributes[key] for key in ("session.id", "user.id", "metadata.environment")
    )
    assert spancast.current_trace() is None


def test_the_name_may_come_first(pipeline: spancast.Pipeline, memory: MemoryDestination) -> None:
    """`trace("...")` is `trace(trace_name="...")`; a number is used as text."""
    with spancast.trace("first", session_id="s1"), spancast.trace(7):  # type: ignore[misc]
        pass
    pipeline.flush()
    assert {"first", "7"} == {span.name for span in memory.spans}


def test_without_a_name_only_fields_are_set(config: Any, memory: MemoryDestination) -> None:
    """Two runs in a nameless block with a trace id are two roots of one trace, each with the block's fields."""
    with spancast.trace(trace_id="report-7", user="u1") as handle:
        assert (32, False) == (len(handle.trace_id), handle.recorded)
        RunnableLambda(lambda text: text, name="first").invoke("x", config)
        RunnableLambda(lambda text: text, name="second").invoke("x", config)
    assert ["CHAIN first", "CHAIN second"] == tree(memory.spans)
    assert 1 == traces(memory.spans)
    assert {("u1", "report-7")} == {
        (span.attributes["user.id"], span.attributes["metadata.trace_id"]) for span in memory.spans
    }


def test_both_names_give_a_root_and_a_chain(config: Any, memory: MemoryDestination) -> None:
    """`trace_name` and `span_name` together are two spans, and the runs lie under the inner one."""
    with spancast.trace(trace_name="T", span_name="S", generation_name="G"):
        ScriptedChat(script=["x"]).invoke("q", config)
    assert ["CHAIN T", "  CHAIN S", "    LLM G"] == tree(memory.spans)


def test_blocks_nest(config: Any, memory: MemoryDestination) -> None:
    """Under a parent `trace_name` is a chain; nearer fields win; the outer block holds again afterwards."""
    with spancast.trace(trace_name="outer", user="u1", session_id="s1"):
        with spancast.trace(trace_name="inner", user="u2"):
            RunnableLambda(lambda text: text, name="run").invoke("x", config)
        RunnableLambda(lambda text: text, name="after").invoke("x", config)
    assert ["CHAIN outer", "  CHAIN inner", "    CHAIN run", "  CHAIN after"] == tree(memory.spans)
    assert ("u2", "s1") == _who(one(memory.spans, "run"))
    assert ("u1", "s1") == _who(one(memory.spans, "after"))


def test_a_block_inside_a_node_is_nearer_than_the_config(config: Any, memory: MemoryDestination) -> None:
    """What is said inside a run wins over what its metadata said, for the runs inside the block."""

    def node(text: str) -> str:
        with spancast.trace(session_id="inner", step=3):
            return str(RunnableLambda(lambda text: text, name="leaf").invoke(text))

    RunnableLambda(node, name="node").invoke("x", {**config, "metadata": {"session_id": "outer", "user": "u"}})
    assert ("u", "inner") == _who(one(memory.spans, "leaf"))
    assert ("u", "outer") == _who(one(memory.spans, "node"))
    assert 3 == one(memory.spans, "leaf").attributes["metadata.step"]
    assert "metadata.step" not in one(memory.spans, "node").attributes


def test_another_trace_id_inside_a_trace_starts_a_root_with_a_link(config: Any, memory: MemoryDestination) -> None:
    """A block for another trace leaves the surrounding one, and a span link leads back."""
    with spancast.trace(trace_name="outer") as outer, spancast.trace(trace_name="other", trace_id="elsewhere"):
        RunnableLambda(lambda text: text, name="run").invoke("x", config)
    assert outer is not None
    other = one(memory.spans, "other")
    assert None is other.parent_span_id
    assert [(outer.trace_id, outer.span_id)] == [(link.trace_id, link.span_id) for link in other.links]
    assert one(memory.spans, "run").trace_id == other.trace_id != outer.trace_id


def test_a_remote_parent(config: Any, memory: MemoryDestination) -> None:
    """`trace_id` with `parent_span_id` puts the root under a span of another process; used once, not for children."""
    with spancast.trace(trace_id="0af7651916cd43dd8448eb211c80319c", parent_span_id="b7ad6b7169203331"):
        (RunnableLambda(lambda t: t, name="a") | RunnableLambda(lambda t: t, name="b")).invoke("x", config)
    root = one(memory.spans, "RunnableSequence")
    assert ("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331") == (root.trace_id, root.parent_span_id)
    assert {root.span_id} == {one(memory.spans, "a").parent_span_id, one(memory.spans, "b").parent_span_id}


def test_a_failing_block_is_an_error_and_raises_on(pipeline: spancast.Pipeline, memory: MemoryDestination) -> None:
    """The span takes the exception, and so does the caller."""
    with pytest.raises(KeyError), spancast.trace(trace_name="T"):
        raise KeyError("missing")
    (span,) = memory.spans
    assert ("ERROR", "KeyError") == (span.status, span.attributes["error.type"])
    assert spancast.current_trace() is None


def test_a_cancelled_block_is_no_error(pipeline: spancast.Pipeline, memory: MemoryDestination) -> None:
    """Cancellation ends the span, says so, and is not coloured red."""

    async def work() -> None:
        async with spancast.trace(trace_name="T"):
            await asyncio.sleep(30)

    async def go() -> None:
        task = asyncio.ensure_future(work())
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(go())
    assert [("UNSET", "cancelled")] == [(span.status, span.attributes["spancast.ending"]) for span in memory.spans]


def test_it_decorates_functions_of_every_form(pipeline: spancast.Pipeline, memory: MemoryDestination) -> None:
    """Each call, and each whole iteration, is a span of its own; names, results and docstrings stay."""

    @spancast.trace(trace_name="plain")
    def plain(value: int) -> int:
        """Say it."""
        return value

    @spancast.trace(trace_name="coroutine")
    async def coroutine(value: int) -> int:
        return value

    @spancast.trace(trace_name="generator")
    def generator() -> Iterator[int]:
        yield from (1, 2)

    @spancast.trace(trace_name="async generator")
    async def async_generator() -> AsyncIterator[int]:
        yield 1
        yield 2

    async def collect() -> list[int]:
        return [value async for value in async_generator()]

    assert (1, 1) == (plain(1), plain(1))
    assert ("plain", "Say it.") == (plain.__name__, plain.__doc__)
    assert 2 == asyncio.run(coroutine(2))
    assert [1, 2] == list(generator())
    assert [1, 2] == asyncio.run(collect())
    assert ["plain", "plain", "coroutine", "generator", "async generator"] == [span.name for span in memory.spans]
    assert 5 == traces(memory.spans)


def test_concurrent_blocks_do_not_mix(config: Any, memory: MemoryDestination) -> None:
    """A hundred concurrent requests keep their own sessions."""

    async def request(index: int) -> None:
        async with spancast.trace(trace_name=f"request {index}", session_id=f"s{index}"):
            await asyncio.sleep(0)
            await RunnableLambda(lambda text: text, name=f"run {index}").ainvoke("x", config)

    async def go() -> None:
        await asyncio.gather(*map(request, range(100)))

    asyncio.run(go())
    for index in range(100):
        run, block = one(memory.spans, f"run {index}"), one(memory.spans, f"request {index}")
        assert (block.trace_id, block.span_id) == (run.trace_id, run.parent_span_id)
        assert f"s{index}" == run.attributes["session.id"]
    assert 100 == traces(memory.spans)


def test_the_current_span_takes_what_the_application_says(
    pipeline: spancast.Pipeline, memory: MemoryDestination
) -> None:
    """OpenTelemetry's own API on the current span reaches our operation, and after its end reaches nothing."""
    from opentelemetry import trace as otel

    with spancast.trace(trace_name="T"):
        span = otel.get_current_span()
        assert span.is_recording()
        span.set_attribute("order.id", 17)
        span.set_attributes({"list": ["a", "b"], "object": object()})  # type: ignore[dict-item]
        span.add_event("checked", {"ok": True})
        span.record_exception(ValueError("seen"))
        span.update_name("Renamed")
    span.set_attribute("late", 1)
    assert not span.is_recording()
    (held,) = memory.spans
    assert "Renamed" == held.name
    assert (17, ["a", "b"], "<object>") == tuple(held.attributes[key] for key in ("order.id", "list", "object"))
    assert "late" not in held.attributes
    assert ["checked", "exception"] == [event.name for event in held.events]


def test_malformed_fields_never_raise(pipeline: spancast.Pipeline, memory: MemoryDestination) -> None:
    """Any value for any field is survived: the block runs."""
    with spancast.trace(trace_name=object(), trace_id=[], user=b"x", session_id="", parent_span_id={}):
        pass
    with spancast.trace(trace_name="T", parent_span_id="not hex"):
        pass
    assert ["T"] == [span.name for span in memory.spans]


def _who(span: Any) -> tuple[str, str]:
    return span.attributes["user.id"], span.attributes["session.id"]


def test_values_that_refuse_to_be_looked_at_raise_nothing(
    pipeline: spancast.Pipeline, memory: MemoryDestination
) -> None:
    """Fields and kinds of any class: what cannot be used is ignored, by the name of its class."""

    class Refusing(type):
        def __getattribute__(cls, name: str) -> object:
            raise RuntimeError(name)

    class Value(metaclass=Refusing):
        pass

    class Upper(str):
        def upper(self) -> str:
            raise RuntimeError

    value: Any = object.__new__(Value)
    with spancast.trace(trace_name="T", user=value, session_id=value, kind=value, shelf=value):
        pass
    with spancast.trace(trace_name="U", kind=Upper("tool")):
        pass
    assert ["CHAIN T", "TOOL U"] == tree(memory.spans)


def test_a_block_that_was_never_entered_is_left_in_peace(pipeline: spancast.Pipeline) -> None:
    """`__exit__` once too often, as a stack of contexts may do after a fault, raises nothing."""
    block = spancast.trace(trace_name="T")
    block.__exit__(None, None, None)
    with block:
        pass
    block.__exit__(None, None, None)
    assert spancast.current_trace() is None
