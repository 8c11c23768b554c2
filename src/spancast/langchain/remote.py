"""Lets `RemoteGraph(..., distributed_tracing=True)` send the current trace along, as it does for LangSmith.

RemoteGraph asks LangSmith's current run tree for headers, and sends them with its request. While a node of a graph runs, and
no run tree of LangSmith's is there, `CALLER` stands there: it is one for that function only (docs/decisions/400).
"""

from __future__ import annotations

import sys
from typing import Any
from weakref import ref

from langsmith._internal import _context
from langsmith.run_trees import RunTree
from opentelemetry.propagate import inject

_ASKS = "_merge_tracing_headers"  # RemoteGraph's function that asks for headers


class _Headers(dict[str, str]):
    """Headers that have `baggage` wherever it is asked for: RemoteGraph adds it to the caller's own without looking."""

    def __missing__(self, name: str) -> str:
        return ""


def asks_for_headers(function: str) -> bool:
    """Return whether *function*, which asks whether there is a run tree, is RemoteGraph's."""
    return function == _ASKS


def trace_headers() -> dict[str, str]:
    """Return what OpenTelemetry's propagators write of the current span; nothing where they fail."""
    headers = _Headers()
    try:
        inject(headers)
    except Exception:  # a propagator of the application's
        headers.clear()
    return headers


class StandIn:
    """What stands in LangSmith's context in place of a run tree: for whoever asks whether there is one, there is none.

    A subclass says in `__bool__` for which function there is one.
    """

    __slots__ = ("__weakref__",)

    # what LangSmith and LangChain read of a run tree before they ask whether it is one
    id = trace_id = session_name = address = replicas = client = parent_run = None
    dotted_order = ""
    tags: tuple[str, ...] = ()

    @property
    def metadata(self) -> dict[str, Any]:
        """What LangSmith and LangChain write a run's usage into; nothing of it is kept."""
        return {}

    extra = metadata

    def __getattr__(self, name: str) -> Any:
        """Return what does nothing for whatever else a run tree has."""
        if name.startswith("__"):
            raise AttributeError(name)
        return self.post if callable(getattr(RunTree, name, None)) else None

    def post(self, *arguments: Any, **keywords: Any) -> None:
        """Do nothing: there is no LangSmith to send it to."""

    patch = add_tags = add_metadata = add_outputs = add_inputs = add_event = set = post

    def to_headers(self) -> dict[str, str]:
        """Return the headers that RemoteGraph sends along: those of the current span."""
        return trace_headers()


class Caller(StandIn):
    """What RemoteGraph finds outside of an agent's nodes. Without state: there is one a process."""

    __slots__ = ()

    def __bool__(self) -> bool:
        """Return whether RemoteGraph asks."""
        return asks_for_headers(sys._getframe(1).f_code.co_name)


CALLER = Caller()


def offer_headers() -> None:
    """Put `CALLER` where RemoteGraph looks, unless LangSmith has a run there. Called in a node's start event."""
    if _context.get_current_run_tree() is None:
        _context._PARENT_RUN_TREE_REF.set(ref(CALLER))  # type: ignore[arg-type]
