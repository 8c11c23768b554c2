"""LangChain and LangGraph: receive callback events, translate them into operations."""

try:
    from .handler import SpancastCallbackHandler
    from .install import instrument, uninstrument
except ModuleNotFoundError as error:
    if not (error.name or "").startswith("langchain_core"):
        raise
    message = 'spancast.langchain needs LangChain, which is not installed: pip install "spancast[langchain]"'
    raise ModuleNotFoundError(message, name=error.name) from None

__all__ = ["SpancastCallbackHandler", "instrument", "uninstrument"]
