"""LangChain and LangGraph: receive callback events, translate them into operations."""

try:
    from .handler import SpancastCallbackHandler
    from .install import instrument, uninstrument
except ImportError as error:
    from ..frameworks import import_error

    raise import_error(
        error,
        adapter="spancast.langchain",
        framework="LangChain",
        package="langchain-core",
        at_least="1.7",
        extra="langchain",
    ) from None

__all__ = ["SpancastCallbackHandler", "instrument", "uninstrument"]
