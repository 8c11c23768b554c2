"""LangChain and LangGraph: receive callback events, translate them into operations."""

from .handler import SpancastCallbackHandler
from .install import instrument, uninstrument

__all__ = ["SpancastCallbackHandler", "instrument", "uninstrument"]
