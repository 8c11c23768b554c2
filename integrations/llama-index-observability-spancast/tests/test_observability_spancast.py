"""The package under LlamaIndex's name: a query is traced from `start_registering` to `stop_registering`."""

from __future__ import annotations

from llama_index.core import Document, MockEmbedding, Settings, VectorStoreIndex
from llama_index.core.llms import MockLLM
from llama_index.observability.spancast import LlamaIndexSpancast

from spancast import destinations


def ask() -> None:
    """Build an index and ask it, with LlamaIndex's mock models."""
    Settings.llm = MockLLM(max_tokens=8)
    Settings.embed_model = MockEmbedding(embed_dim=4)
    Settings.tokenizer = str.split
    index = VectorStoreIndex.from_documents([Document(text="Berlin is in Germany")])
    assert str(index.as_query_engine().query("Where is Berlin?"))


def test_a_query_is_traced_while_it_is_registered() -> None:
    """The spans have their kinds and the session; before and after, nothing is recorded."""
    memory = destinations.memory()
    instrumentor = LlamaIndexSpancast(memory, service_name="shop", session_id="session_abc")
    ask()
    assert [] == memory.spans
    instrumentor.start_registering()
    instrumentor.start_registering()
    ask()
    instrumentor.stop_registering()
    recorded = len(memory.spans)
    ask()
    assert recorded == len(memory.spans)
    kinds = [span.kind.value for span in memory.spans]
    assert {"CHAIN": 4, "EMBEDDING": 2, "LLM": 1, "RETRIEVER": 1} == {kind: kinds.count(kind) for kind in set(kinds)}
    assert {"session_abc"} == {span.attributes["session.id"] for span in memory.spans}
