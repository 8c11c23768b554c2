"""LlamaIndex: receive the dispatcher's calls and events, translate them into operations.

Importing this lets LlamaIndex know the name: `llama_index.core.set_global_handler("spancast")`.
"""

try:
    from .install import SpancastCallbackHandler, instrument, set_global_handler, uninstrument
except ModuleNotFoundError as error:
    if not (error.name or "").startswith("llama_index"):
        raise
    message = 'spancast.llama_index needs LlamaIndex, which is not installed: pip install "spancast[llama-index]"'
    raise ModuleNotFoundError(message, name=error.name) from None

__all__ = ["SpancastCallbackHandler", "instrument", "set_global_handler", "uninstrument"]
