"""The trees of the applications in this folder, in OpenInference's names: the same with every version."""

from __future__ import annotations

TREES = {
    "langchain_chain": [
        "CHAIN Ask the shop",
        "  CHAIN RunnableParallel<context,question>",
        "    RETRIEVER Shelf",
        "    CHAIN RunnablePassthrough",
        "  PROMPT ChatPromptTemplate",
        "  LLM ScriptedChat",
        "  CHAIN StrOutputParser",
    ],
    "langgraph_agent": [
        "CHAIN forecaster",
        "  CHAIN think",
        "    LLM ScriptedChat",
        "    CHAIN after",
        "  CHAIN act",
        "    TOOL weather",
        "  CHAIN think",
        "    LLM ScriptedChat",
        "    CHAIN after",
    ],
    "llama_index_query": [
        "CHAIN index_construction",
        "  CHAIN SentenceSplitter.__call__",
        "  EMBEDDING MockEmbedding.get_text_embedding_batch",
        "CHAIN RetrieverQueryEngine.query",
        "  RETRIEVER VectorIndexRetriever.retrieve",
        "    EMBEDDING MockEmbedding.get_query_embedding",
        "  CHAIN CompactAndRefine.synthesize",
        "    LLM MockLLM.complete",
    ],
    "llama_index_agent": [
        "AGENT forecaster",
        "  LLM ScriptedLLM.astream_chat",
        "  TOOL weather",
        "  LLM ScriptedLLM.astream_chat",
    ],
    "openrouter_call": ["LLM ChatOpenRouter"],
    "by_hand": [
        "CHAIN Nightly report",
        "  CHAIN fetch",
        "  CHAIN write",
        "memory 3 3 file 3 3",
        "[]",
    ],
}
