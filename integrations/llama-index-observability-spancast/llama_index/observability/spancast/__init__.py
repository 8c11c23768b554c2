"""LlamaIndex observability with spancast: the door under LlamaIndex's own name to `spancast.llama_index`."""

from llama_index.observability.spancast.base import LlamaIndexSpancast

from spancast.llama_index import SpancastCallbackHandler, instrument, set_global_handler, uninstrument

__all__ = ["LlamaIndexSpancast", "SpancastCallbackHandler", "instrument", "set_global_handler", "uninstrument"]
