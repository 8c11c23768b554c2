"""Every entry point leads to one install; none doubles another, none takes anything away from other tools."""

from __future__ import annotations

import asyncio
import copy
import pickle
from collections.abc import Iterator
from typing import Any

import llama_index.core
import pytest
from llama_index.core import Document, Settings, VectorStoreIndex
from llama_index.core.callbacks import CallbackManager, LlamaDebugHandler
from llama_index.core.callbacks.global_handlers import create_global_handler
from llama_index.core.instrumentation import get_dispatcher
from llama_index.core.schema import TextNode

import spancast
from spancast import llama_index as ours
from spancast.destinations import MemoryDestination
from spancast.llama_index import SpancastCallbackHandler, install

from ..fakes.llama_index import PlainReranker, PlainRetriever, ScriptedLLM
from ..langchain.trees import one, traces, tree
from .applications import DOCUMENTS

QUERY = [
    "CHAIN RetrieverQueryEngine.query",
    "  RETRIEVER PlainRetriever.retrieve",
    "  RERANKER PlainReranker.postprocess_nodes",
]
QUERY += ["  CHAIN CompactAndRefine.synthesize", "    LLM ScriptedLLM.chat"]


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    """Begin and end with nothing installed."""
    ours.uninstrument()
    yield
    ours.uninstrument()
    llama_index.core.global_handler = None


def engine() -> Any:
    """Return a query engine without embeddings."""
    from llama_index.core.query_engine import RetrieverQueryEngine

    options = {"llm": ScriptedLLM("hello"), "node_postprocessors": [PlainReranker()]}
    return RetrieverQueryEngine.from_args(PlainRetriever(), **options)


def by_our_function() -> None:
    ours.set_global_handler(session_id="s1")


def by_their_function() -> None:
    ours.instrument()  # teaches the name again, after uninstrument
    llama_index.core.set_global_handler("spancast", session_id="s1")


def by_their_setting() -> None:
    llama_index.core.global_handler = SpancastCallbackHandler(session_id="s1")


def by_a_manager() -> None:
    CallbackManager([SpancastCallbackHandler(session_id="s1")])


def by_instrumenting() -> None:
    ours.instrument(session_id="s1")


ENTRY_POINTS = [by_our_function, by_their_function, by_their_setting, by_a_manager, by_instrumenting]


@pytest.mark.parametrize("enter", ENTRY_POINTS)
def test_each_entry_point_traces_what_was_built_before(
    enter: Any, pipeline: spancast.Pipeline, memory: MemoryDestination
) -> None:
    """Components built before are traced, with the fields that the entry point was given."""
    built = engine()
    enter()
    built.query("q")
    assert QUERY == tree(memory.spans)
    assert {"s1"} == {span.attributes["session.id"] for span in memory.spans}


def test_all_entry_points_together_trace_once(pipeline: spancast.Pipeline, memory: MemoryDestination) -> None:
    """Whoever uses every entry point, twice, still gets one tree, and one root for an index."""
    for enter in ENTRY_POINTS + ENTRY_POINTS:
        enter()
    engine().query("q")
    assert QUERY == tree(memory.spans)
    memory.clear()
    manager = CallbackManager([LlamaDebugHandler(print_trace_on_end=False)])
    VectorStoreIndex.from_documents(DOCUMENTS, callback_manager=manager)
    assert ["CHAIN index_construction", "  CHAIN SentenceSplitter.__call__"] == tree(memory.spans)[:2]
    assert (3, 1) == (len(memory.spans), traces(memory.spans))


def test_saying_nothing_keeps_what_was_said(pipeline: spancast.Pipeline, memory: MemoryDestination) -> None:
    """An entry point without arguments does not take back the fields of one before."""
    ours.set_global_handler(session_id="s1")
    SpancastCallbackHandler()
    ours.instrument()
    engine().query("q")
    assert {"s1"} == {span.attributes["session.id"] for span in memory.spans}


def test_uninstrument_restores_everything(pipeline: spancast.Pipeline, memory: MemoryDestination) -> None:
    """Dispatcher, global handler, shared manager and LlamaIndex's own function are as they were before."""
    root = get_dispatcher()
    Settings.callback_manager = CallbackManager([LlamaDebugHandler(print_trace_on_end=False)])
    state = lambda: (  # noqa: E731
        list(root.span_handlers),
        list(root.event_handlers),
        llama_index.core.global_handler,
        list(Settings.callback_manager.handlers),
        llama_index.core.callbacks.global_handlers.create_global_handler,
    )
    before = state()
    for enter in ENTRY_POINTS:
        enter()
    assert before != state()
    ours.uninstrument()
    assert before == state()
    engine().query("q")
    VectorStoreIndex.from_documents(DOCUMENTS)
    assert [] == memory.spans
    with pytest.raises(ValueError, match="spancast not supported"):
        llama_index.core.set_global_handler("spancast")


def test_other_tools_handlers_stay(pipeline: spancast.Pipeline, memory: MemoryDestination) -> None:
    """Another tool's global handler stays, is told all that it was told before, and the index still has its root."""
    other = LlamaDebugHandler(print_trace_on_end=False)
    llama_index.core.global_handler = other
    Settings.callback_manager = CallbackManager()
    ours.set_global_handler()
    assert other is llama_index.core.global_handler
    VectorStoreIndex.from_documents(DOCUMENTS)
    assert other.get_event_pairs()
    assert "CHAIN index_construction" == tree(memory.spans)[0]
    assert 1 == traces(memory.spans)
    ours.uninstrument()
    assert other is llama_index.core.global_handler
    assert [other] == Settings.callback_manager.handlers


def insert(index: Any) -> None:
    index.insert(Document(text="Rome", id_="d9"))


def insert_nodes(index: Any) -> None:
    index.insert_nodes([TextNode(text="Rome")])


def update_ref_doc(index: Any) -> None:
    index.update_ref_doc(Document(text="Oslo", id_="d1"))


def refresh_ref_docs(index: Any) -> None:
    index.refresh_ref_docs([Document(text="Rome", id_="d1"), Document(text="Oslo", id_="d9")])


def ainsert(index: Any) -> None:
    asyncio.run(index.ainsert(Document(text="Rome", id_="d9")))


def aupdate_ref_doc(index: Any) -> None:
    asyncio.run(index.aupdate_ref_doc(Document(text="Oslo", id_="d1")))


def arefresh_ref_docs(index: Any) -> None:
    asyncio.run(index.arefresh_ref_docs([Document(text="Rome", id_="d1"), Document(text="Oslo", id_="d9")]))


@pytest.mark.parametrize(
    "change",
    [insert, insert_nodes, update_ref_doc, refresh_ref_docs, ainsert, aupdate_ref_doc, arefresh_ref_docs],
)
def test_a_change_of_an_index_is_one_trace(change: Any, pipeline: spancast.Pipeline, memory: MemoryDestination) -> None:
    """Splitting and embedding lie beneath the change; so do those of each document of a refresh."""
    ours.set_global_handler()
    index = VectorStoreIndex.from_documents(DOCUMENTS)
    memory.clear()
    change(index)
    assert f"CHAIN {change.__name__}" == tree(memory.spans)[0]
    assert 1 == traces(memory.spans)
    embedded = [span for span in memory.spans if span.kind.value == "EMBEDDING"]
    assert (2 if "refresh" in change.__name__ else 1) == len(embedded)


def test_unknown_names_raise_llama_indexs_own_error() -> None:
    """Our name is added to LlamaIndex's; every other one goes where it went before."""
    ours.instrument()
    with pytest.raises(ValueError, match=r"Eval mode nobody not supported\."):
        llama_index.core.set_global_handler("nobody")
    llama_index.core.set_global_handler("simple")
    assert "SimpleLLMHandler" == type(llama_index.core.global_handler).__name__


def test_a_function_put_over_ours_is_left_in_place(monkeypatch: pytest.MonkeyPatch) -> None:
    """A tool that wrapped LlamaIndex's function after us keeps its wrapper, which still reaches LlamaIndex's own."""
    from llama_index.core.callbacks import global_handlers

    ours.instrument()
    wrapped = global_handlers.create_global_handler
    theirs = lambda mode, **params: wrapped(mode, **params)  # noqa: E731
    monkeypatch.setattr(global_handlers, "create_global_handler", theirs)
    ours.uninstrument()
    assert theirs is global_handlers.create_global_handler  # type: ignore[comparison-overlap]
    with pytest.raises(ValueError, match="not supported"):
        llama_index.core.set_global_handler("nobody")


def test_a_handler_beside_the_global_one_is_accepted(pipeline: spancast.Pipeline) -> None:
    """LlamaIndex refuses two handlers of one class; each of ours is of a class of its own."""
    for handler in (None, SpancastCallbackHandler(), SpancastCallbackHandler()):
        llama_index.core.global_handler = handler
        ours.set_global_handler()
        assert 2 == len(CallbackManager([SpancastCallbackHandler()]).handlers)


def test_handlers_can_be_copied_and_pickled(pipeline: spancast.Pipeline) -> None:
    """LlamaIndex copies and pickles what holds a handler; fields go along, pipelines do not."""
    handler = SpancastCallbackHandler(pipeline=pipeline, session_id="s1")
    assert handler is copy.copy(handler)
    assert handler is copy.deepcopy(handler)
    assert isinstance(pickle.loads(pickle.dumps(handler)), SpancastCallbackHandler)
    shared = llama_index.core.global_handler
    assert shared is pickle.loads(pickle.dumps(shared))


def test_detail_full_shows_every_call(pipeline: spancast.Pipeline, memory: MemoryDestination) -> None:
    """With `detail="full"` the layers are chains; there is still one generation for one model call."""
    ours.set_global_handler(detail="full")
    engine().query("q")
    kinds = [line.split()[0] for line in tree(memory.spans)]
    assert 1 == kinds.count("LLM")
    assert 1 == kinds.count("RETRIEVER")
    assert len(kinds) > len(QUERY) + 5
    with pytest.raises(spancast.SettingsError, match="detail='all' is not known"):
        ours.instrument(detail="all")
    with pytest.raises(spancast.SettingsError, match="pipeline is a str: give a"):
        ours.instrument(pipeline="mine")  # type: ignore[arg-type]


def test_a_handler_with_a_pipeline_records_there(memory: MemoryDestination) -> None:
    """A pipeline of one's own needs no `configure`."""
    with spancast.Pipeline(spancast.destinations.memory()):
        own = spancast.Pipeline(memory)
        ours.set_global_handler(pipeline=own)
        engine().query("q")
    assert QUERY == tree(memory.spans)
    own.shutdown()


def test_nothing_is_recorded_where_the_sdk_is_disabled(
    monkeypatch: pytest.MonkeyPatch, memory: MemoryDestination
) -> None:
    """`OTEL_SDK_DISABLED` holds for LlamaIndex as well."""
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
    with spancast.Pipeline(memory):
        ours.set_global_handler()
        engine().query("q")
        VectorStoreIndex.from_documents(DOCUMENTS)
    assert [] == memory.spans


def test_what_is_open_ends_with_uninstrument(pipeline: spancast.Pipeline, memory: MemoryDestination) -> None:
    """A stream that is still being read when tracing is switched off ends as incomplete."""
    from llama_index.core.base.llms.types import ChatMessage

    ours.instrument()
    stream = ScriptedLLM("one two three").stream_chat([ChatMessage(role="user", content="hi")])
    next(stream)
    ours.uninstrument()
    assert "incomplete" == one(memory.spans, "ScriptedLLM.stream_chat").attributes["spancast.ending"]
    assert 3 == len(list(stream))


def test_our_function_passes_on_also_after_uninstrument(pipeline: spancast.Pipeline) -> None:
    """Whoever imported LlamaIndex's function while ours stood in for it still gets LlamaIndex's answers."""
    with pytest.raises(ValueError, match="not supported"):
        create_global_handler("nobody")


def test_what_is_open_ends_when_the_dispatcher_shuts_down(
    pipeline: spancast.Pipeline, memory: MemoryDestination
) -> None:
    """LlamaIndex drops what each handler has open, by the table that handlers have."""
    ours.instrument(pipeline=pipeline)
    root = get_dispatcher()

    @root.span
    def work() -> None:
        root.shutdown()
        assert 0 == install.unfinished_calls()

    work()
    assert ["incomplete"] == [span.attributes["spancast.ending"] for span in memory.spans]
