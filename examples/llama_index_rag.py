"""A RAG application with LlamaIndex: one line traces all of it, components built before included.

    pip install ".[llama-index,cli]" && python examples/llama_index_rag.py

No key, no network: LlamaIndex's mock models. The traces go to `.spancast/traces.jsonl` and are drawn at the end.
"""

import warnings
from pathlib import Path

from llama_index.core import Document, MockEmbedding, Settings, VectorStoreIndex
from llama_index.core.llms import MockLLM
from llama_index_instrumentation.dispatcher import instrument_tags
from rich.console import Console

import spancast
from spancast.llama_index import set_global_handler
from spancast.view.read import read_lines, traces_of
from spancast.view.tree import trace_tree

FILE = ".spancast/traces.jsonl"
DOCUMENTS = [
    Document(text="Orders can be sent back within 30 days of delivery.", metadata={"source": "returns.md"}),
    Document(text="Gift cards cannot be sent back.", metadata={"source": "gifts.md"}),
]


def main() -> None:
    warnings.simplefilter("ignore", DeprecationWarning)  # LlamaIndex's own
    Settings.llm = MockLLM(max_tokens=12)
    Settings.embed_model = MockEmbedding(embed_dim=8)
    Settings.tokenizer = str.split
    spancast.configure(spancast.destinations.file(FILE, convention="openinference"), service_name="shop")

    set_global_handler(session_id="session_abc")  # the one line

    index = VectorStoreIndex.from_documents(DOCUMENTS)
    with instrument_tags({"user": "user_12345", "trace": {"trace_name": "Ask the shop"}}):  # this request's own
        response = index.as_query_engine(streaming=True).query("Can I send my order back?")
        for piece in response.response_gen:
            print(piece, end="", flush=True)

    spancast.flush()
    console = Console(width=100)
    for spans in list(traces_of(read_lines(Path(FILE))).values())[-2:]:  # building the index, and the question
        console.print("", trace_tree(spans), sep="\n")
    spancast.shutdown()


if __name__ == "__main__":
    main()
