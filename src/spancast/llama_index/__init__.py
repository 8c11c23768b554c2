"""LlamaIndex: receive the dispatcher's calls and events, translate them into operations.

Importing this teaches LlamaIndex the name: `llama_index.core.set_global_handler("spancast")`.
"""

from .install import SpancastCallbackHandler, instrument, set_global_handler, uninstrument

__all__ = ["SpancastCallbackHandler", "instrument", "set_global_handler", "uninstrument"]
