"""LlamaIndex: receive the dispatcher's calls and events, translate them into operations.

Importing this lets LlamaIndex know the name: `llama_index.core.set_global_handler("spancast")`.
"""

try:
    from .install import SpancastCallbackHandler, instrument, set_global_handler, uninstrument
except ImportError as error:
    from ..frameworks import import_error

    raise import_error(
        error,
        adapter="spancast.llama_index",
        framework="LlamaIndex",
        package="llama-index-core",
        at_least="0.14.5",
        extra="llama-index",
    ) from None

__all__ = ["SpancastCallbackHandler", "instrument", "set_global_handler", "uninstrument"]
