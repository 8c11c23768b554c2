"""`configure` again while runs are open, as in notebooks and Streamlit: each run ends whole, where it began."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from langchain_core.runnables import RunnableLambda
from llama_index.core.llms import MockLLM

import spancast
from spancast import destinations, llama_index
from spancast.destinations import MemoryDestination
from spancast.langchain import SpancastCallbackHandler
from spancast.record.operation import Kind
from spancast.recording import retired
from spancast.recording.recorder import Recorder
from spancast.recording.sampling import SamplingRule

from ..langchain.trees import tree


@pytest.fixture
def configured() -> Iterator[Callable[[], MemoryDestination]]:
    """Return what configures the process anew, and gives the destination."""

    def again() -> MemoryDestination:
        memory = destinations.memory()
        spancast.configure(memory)
        return memory

    yield again
    spancast.shutdown()


def test_a_run_that_is_open_ends_whole_in_its_own_pipeline(configured: Callable[[], MemoryDestination]) -> None:
    """LangChain's run, its children to come and a block around it; what begins beside it goes to the new pipeline."""
    first = configured()
    second: list[MemoryDestination] = []
    config: Any = {"callbacks": [SpancastCallbackHandler()]}

    def slow(text: str) -> str:
        second.append(configured())
        other = threading.Thread(target=RunnableLambda(lambda text: text, name="other").invoke, args=("x", config))
        other.start()
        other.join()
        return text

    chain = RunnableLambda(slow, name="slow") | RunnableLambda(lambda text: text, name="after")
    with spancast.trace(trace_name="Ask"):
        chain.invoke("x", {**config, "run_name": "user A"})
        RunnableLambda(lambda text: text, name="later").invoke("x", config)
        with spancast.trace(span_name="inner"):
            pass
    wanted = ["CHAIN Ask", "  CHAIN user A", "    CHAIN slow", "    CHAIN after", "  CHAIN later", "  CHAIN inner"]
    assert wanted == tree(first.spans)
    assert ["CHAIN other"] == tree(second[0].spans)
    assert {None} == {span.attributes.get("spancast.ending") for span in first.spans}


def test_llama_index_ends_where_it_began(configured: Callable[[], MemoryDestination]) -> None:
    """The same for a call of LlamaIndex inside a block."""
    first = configured()
    llama_index.set_global_handler()
    try:
        with spancast.trace(trace_name="Ask"):
            second = configured()
            MockLLM().complete("x")
        MockLLM().complete("y")
    finally:
        llama_index.uninstrument()
    assert ["CHAIN Ask", "  LLM MockLLM.complete"] == tree(first.spans)
    assert ["LLM MockLLM.complete"] == tree(second.spans)


def recorder_with_one_open(ended: list[str]) -> Recorder:
    """Return a recorder in which one operation is open."""
    recorder = Recorder(lambda captured: ended.append(captured.name), [SamplingRule(1.0, "one")])
    recorder.open("key", Kind.CHAIN, "open", current=False)
    return recorder


def test_the_former_pipeline_is_shut_down_when_the_last_has_ended() -> None:
    """Not before, once, and in another thread: a callback waits for nothing."""
    ended: list[str] = []
    recorder = recorder_with_one_open(ended)
    down = threading.Event()
    threads: list[int] = []

    def shutdown() -> None:
        threads.append(threading.get_ident())
        down.set()

    assert retired.retire(recorder, shutdown)
    assert recorder is retired.owner_of("key", None)
    operation = recorder.find("key")
    assert operation is not None
    assert not down.is_set()
    recorder.close(operation)
    assert down.wait(10)
    assert [True] == [thread != threading.get_ident() for thread in threads]
    assert None is retired.owner_of("key", None)
    assert not retired.retire(recorder, shutdown)


def test_few_are_kept_for_operations_that_never_end() -> None:
    """Beyond the bound the oldest is shut down all the same."""
    down: list[int] = []
    recorders = [recorder_with_one_open([]) for _ in range(retired.MAX_RETIRED + 2)]
    for number, recorder in enumerate(recorders):
        assert retired.retire(recorder, lambda number=number: down.append(number))  # type: ignore[misc]
    deadline = time.monotonic() + 10
    while len(down) < 2 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert [0, 1] == sorted(down)
    for recorder in recorders:
        retired.finish(recorder)
