"""An index of two documents, and a question to it, with LlamaIndex's mock models. Knows nothing of tracing."""

from __future__ import annotations

from llama_index.core import Document, MockEmbedding, Settings, VectorStoreIndex
from llama_index.core.llms import MockLLM


def main() -> None:
    """Build the index and ask it once."""
    Settings.llm = MockLLM(max_tokens=8)
    Settings.embed_model = MockEmbedding(embed_dim=4)
    Settings.tokenizer = str.split
    documents = [Document(text="Berlin is in Germany"), Document(text="Paris is in France")]
    index = VectorStoreIndex.from_documents(documents)
    if not str(index.as_query_engine().query("Where is Berlin?")):
        raise AssertionError("no answer")


if __name__ == "__main__":
    main()
