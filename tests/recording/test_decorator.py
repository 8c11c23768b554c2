"""`@spancast.trace(...)`: arguments and results of functions of every form, and streams that are read after the call."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from typing import Any

import pytest
from langchain_core.runnables import RunnableLambda

import spancast
from spancast import destinations
from spancast.destinations import MemoryDestination
from spancast.langchain import SpancastCallbackHandler

from ..langchain.trees import one, tree


def io(memory: MemoryDestination) -> list[tuple[str, Any, Any]]:
    """Return name, input and output of each span, in the order of their ends."""
    return [(s.name, s.attributes.get("input.value"), s.attributes.get("output.value")) for s in memory.spans]


def test_arguments_that_are_named_like_secrets_are_masked(
    pipeline: spancast.Pipeline, memory: MemoryDestination
) -> None:
    """Positional, by keyword and among further keywords; counts of tokens, numbers and what is not set stay."""

    @spancast.trace(kind="TOOL")
    def fetch(order: int, token: str, auth: object = None, max_tokens: int = 0, **more: object) -> None: ...

    fetch(7, "t-123456", None, 9, password="p-123456", token_count=3, headers={"Authorization": "Bearer h-123456"})
    fetch(8, token=5)  # type: ignore[arg-type]  # a number of a vocabulary

    first, second = (str(asked) for _, asked, _ in io(memory))
    assert not any(secret in first for secret in ("t-123456", "p-123456", "h-123456"))
    assert all(shown in first for shown in ('"order":7', '"token":"[redacted]"', '"max_tokens":9', '"token_count":3'))
    assert '"token":5' in second


def test_arguments_and_results_of_every_form(pipeline: spancast.Pipeline, memory: MemoryDestination) -> None:
    """Sync, async, generator, async generator: the arguments by their names, the result, or all that was yielded."""

    @spancast.trace(kind="TOOL")
    def plain(order: int, *, exact: bool = True) -> str:
        """Look up an order."""
        return f"order {order}"

    @spancast.trace(kind="TOOL")
    async def coroutine(order: int) -> dict[str, int]:
        return {"order": order}

    @spancast.trace(kind="TOOL")
    def generator(count: int) -> Iterator[str]:
        yield from ("a", "b")

    @spancast.trace(kind="TOOL")
    async def async_generator(count: int) -> AsyncIterator[int]:
        yield 1
        yield 2

    async def collect() -> list[int]:
        return [value async for value in async_generator(2)]

    assert "order 17" == plain(17, exact=False)
    assert {"order": 18} == asyncio.run(coroutine(order=18))
    assert ["a", "b"] == list(generator(2))
    assert [1, 2] == asyncio.run(collect())
    assert [
        ("plain", '{"order":17,"exact":false}', "order 17"),
        ("coroutine", '{"order":18}', '{"order":18}'),
        ("generator", '{"count":2}', "ab"),
        ("async_generator", '{"count":2}', "[1,2]"),
    ] == io(memory)
    assert {"TOOL"} == {span.kind for span in memory.spans}
    assert ("plain", "Look up an order.") == tuple(
        memory.spans[0].attributes[key] for key in ("tool.name", "tool.description")
    )


def test_the_parentheses_may_be_left_out(pipeline: spancast.Pipeline, memory: MemoryDestination) -> None:
    """`@spancast.trace` is `@spancast.trace()`, for functions of every form."""

    @spancast.trace
    def plain(text: str) -> str:
        return text.upper()

    @spancast.trace
    async def waiting(text: str) -> str:
        return text

    @spancast.trace
    def pieces() -> Iterator[str]:
        yield "a"

    assert "A" == plain("a")  # type: ignore[arg-type, comparison-overlap, type-var]
    assert "b" == asyncio.run(waiting("b"))  # type: ignore[arg-type, type-var]
    assert ["a"] == list(pieces())  # type: ignore[call-arg, call-overload]
    pipeline.flush()
    assert ["pieces", "plain", "waiting"] == sorted(span.name for span in memory.spans)
    assert "A" == next(span.attributes["output.value"] for span in memory.spans if span.name == "plain")


def test_capturing_can_be_switched_off(pipeline: spancast.Pipeline, memory: MemoryDestination) -> None:
    """`capture_input=False`, `capture_output=False`; what the function itself says about its output wins."""

    @spancast.trace(kind="TOOL", capture_input=False)
    def no_input(order: int) -> str:
        return "result"

    @spancast.trace(kind="TOOL", capture_output=False)
    def no_output(order: int) -> str:
        return "result"

    @spancast.trace(trace_name="Said")
    def said(order: int) -> str:
        here = spancast.current_trace()
        assert here is not None
        here.set_output("said")
        return "result"

    no_input(1), no_output(1), said(1)
    assert [
        ("no_input", None, "result"),
        ("no_output", '{"order":1}', None),
        ("Said", '{"order":1}', "said"),
    ] == io(memory)


def test_fields_alone_open_no_span(pipeline: spancast.Pipeline, memory: MemoryDestination) -> None:
    """As in a block; without any argument the span is called like the function."""
    config: Any = {"callbacks": [SpancastCallbackHandler()]}

    @spancast.trace(session_id="s1")
    def fields_only() -> Any:
        return RunnableLambda(lambda text: text, name="run").invoke("x", config)

    @spancast.trace()
    def bare(value: int) -> int:
        return value

    fields_only(), bare(7)
    assert [("run", "x", "x"), ("bare", '{"value":7}', "7")] == io(memory)
    assert "s1" == memory.spans[0].attributes["session.id"]


def test_methods_and_wrong_calls(pipeline: spancast.Pipeline, memory: MemoryDestination) -> None:
    """The object itself is no argument; a call that Python refuses raises what it would have raised."""

    class Shop:
        @spancast.trace(kind="TOOL")
        def look_up(self, order: int) -> int:
            return order

    assert 17 == Shop().look_up(17)
    with pytest.raises(TypeError):
        Shop().look_up(1, 2, 3)  # type: ignore[call-arg]
    first, wrong = memory.spans
    assert ('{"order":17}', "ERROR") == (first.attributes["input.value"], wrong.status)


def test_arguments_are_content() -> None:
    """In privacy mode none leaves."""
    memory = destinations.memory(privacy_mode=True)

    @spancast.trace(kind="TOOL")
    def look_up(order: str) -> str:
        return order

    with spancast.Pipeline(memory):
        look_up("canary")
    assert "canary" not in repr(memory.spans)


def test_a_generators_consumer_is_not_inside_it(pipeline: spancast.Pipeline, memory: MemoryDestination) -> None:
    """Between two pieces the consumer's own spans are its own; values, errors and early ends reach the generator."""
    received: list[Any] = []

    @spancast.trace(trace_name="numbers", session_id="inside")
    def numbers() -> Iterator[int]:
        try:
            received.append((yield 1))
            with spancast.trace(span_name="within"):
                pass
            yield 2
        except KeyError as error:
            received.append(repr(error))
            yield 3

    stream: Any = numbers()
    assert 1 == next(stream)
    assert spancast.current_trace() is None
    with spancast.trace(trace_name="consumer"):
        assert 2 == stream.send("sent")
        assert 3 == stream.throw(KeyError("k"))
    stream.close()
    assert ["sent", "KeyError('k')"] == received
    assert ["CHAIN numbers", "  CHAIN within", "CHAIN consumer"] == tree(memory.spans)
    numbers_span = one(memory.spans, "numbers")
    assert ("abandoned", "[1,2,3]") == tuple(
        numbers_span.attributes[key] for key in ("spancast.ending", "output.value")
    )
    assert "session.id" not in one(memory.spans, "consumer").attributes


def test_an_async_generators_consumer_is_not_inside_it(pipeline: spancast.Pipeline, memory: MemoryDestination) -> None:
    """The same in a task, also when it is left early."""

    @spancast.trace(trace_name="numbers")
    async def numbers() -> AsyncIterator[int]:
        for number in range(3):
            await asyncio.sleep(0)
            with spancast.trace(span_name=f"within {number}"):
                yield number

    async def main() -> None:
        stream: Any = numbers()
        async for number in stream:
            assert spancast.current_trace() is None or number
            if number == 1:
                break
        await stream.aclose()
        assert spancast.current_trace() is None
        with spancast.trace(trace_name="next"):
            pass

    asyncio.run(main())
    numbers_span = one(memory.spans, "numbers")
    assert {numbers_span.span_id} == {s.parent_span_id for s in memory.spans if s.name.startswith("within")}
    assert None is one(memory.spans, "next").parent_span_id


def test_an_error_in_a_generator(pipeline: spancast.Pipeline, memory: MemoryDestination) -> None:
    """It is the span's error, and what was yielded before is the output."""

    @spancast.trace(trace_name="broken")
    def broken() -> Iterator[str]:
        yield "a"
        raise ValueError("no")

    with suppress(ValueError):
        list(broken())
    (span,) = memory.spans
    assert ("ERROR", "a") == (span.status, span.attributes["output.value"])


def test_a_stream_that_a_function_returns_stays_beneath_it(
    pipeline: spancast.Pipeline, memory: MemoryDestination
) -> None:
    """LangChain begins such a run only when it is read: it has the function's trace and session, and its own output."""
    config: Any = {"callbacks": [SpancastCallbackHandler()]}
    chain = RunnableLambda(lambda text: f"{text}!", name="first") | RunnableLambda(lambda text: text, name="last")  # type: ignore[var-annotated]

    @spancast.trace(trace_name="POST /ask", session_id="s1")
    def ask(question: str) -> Any:
        return chain.stream(question, config)

    @spancast.trace(trace_name="POST /ask", session_id="s1")
    async def aask(question: str) -> Any:
        return chain.astream(question, config)

    async def read() -> str:
        return "".join([piece async for piece in await aask("Where?")])

    for way in (lambda: "".join(ask("Where?")), lambda: asyncio.run(read())):
        assert "Where?!" == way()
        assert spancast.current_trace() is None
        assert ["CHAIN POST /ask", "  CHAIN RunnableSequence", "    CHAIN first", "    CHAIN last"] == tree(
            memory.spans
        )
        run = one(memory.spans, "RunnableSequence")
        assert ("Where?!", "s1") == (run.attributes["output.value"], run.attributes["session.id"])
        memory.clear()
