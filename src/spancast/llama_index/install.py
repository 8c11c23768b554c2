"""The entry points: whichever a user takes, one span handler and one event handler are on LlamaIndex's root dispatcher.

LlamaIndex's legacy callback manager is one of the entry points, and reports only one thing that
the dispatcher does not: that an index is being built or changed, which gives its parts a common root.
"""

from __future__ import annotations

import os
import sys
import threading
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

import llama_index.core
from llama_index.core.callbacks.base_handler import BaseCallbackHandler
from llama_index.core.callbacks.schema import CBEventType
from llama_index.core.settings import Settings as LlamaIndexSettings
from llama_index_instrumentation import get_dispatcher
from llama_index_instrumentation.span import active_span_id

from ..capture.endings import ending_of
from ..capture.handler import PortableHandler, check_detail, check_pipeline
from ..record.fast_frozen import frozen
from ..record.operation import Kind
from ..recording import stream_bodies
from ..recording.fields import fields_from_kwargs
from ..recording.guard import guarded
from ..recording.open_operation import OpenOperation
from ..recording.recorder import Recorder
from .agents import ORIGIN
from .events import Events
from .global_name import GlobalName
from .handlers import EventHandler, SpanHandler
from .options import InstrumentationOptions
from .spans import Spans
from .unreported import replaced_methods

if TYPE_CHECKING:
    from ..runtime.pipeline import Pipeline

_TRACED = frozenset({"query", "chat", "completion"})  # what the dispatcher reports as a call, with its parts beneath it

_changing = threading.Lock()
_spans = Spans()
stream_bodies.find_by(_spans.pending.generators.generation)
_span_handler = SpanHandler(_spans)
_event_handler = EventHandler(Events(_spans))
_installed = False


@frozen()
class _Building:
    """An index that is being built or changed here: its root, who opened it, what error was being handled already."""

    opener: BaseCallbackHandler
    recorder: Recorder
    operation: OpenOperation
    before: BaseException | None


_building: ContextVar[_Building | None] = ContextVar("spancast_building", default=None)


class SpancastCallbackHandler(PortableHandler, BaseCallbackHandler):
    """For `llama_index.core.global_handler = ...` and `CallbackManager([...])`: making one traces everything.

    Args:
        pipeline: Records into this pipeline; else into the one that is in use when a call begins.
        detail: `normal` folds LlamaIndex's duplicate layers; `full` shows every call.
        vectors: Keep embedding vectors.
        fields: Trace fields that hold when nothing nearer says otherwise (`user`, `session_id`, `trace_name`, ...);
            further keywords are custom metadata.
    """

    def __new__(cls, **arguments: Any) -> SpancastCallbackHandler:
        """Make a handler of a class of its own: a manager refuses the global handler beside another of the same class."""
        return super().__new__(type(cls.__name__, (cls,), {"__module__": cls.__module__, "__doc__": cls.__doc__}))

    def __init__(
        self, *, pipeline: Pipeline | None = None, detail: str = "normal", vectors: bool = False, **fields: object
    ) -> None:
        super().__init__([], [])
        self._arguments = {"detail": detail, "vectors": vectors, **fields}
        install(pipeline=pipeline, detail=detail, vectors=vectors, **fields)

    def start_trace(self, trace_id: str | None = None) -> None:
        """LlamaIndex begins something; of interest is only that an index is built or changed, outside of any call."""
        if isinstance(trace_id, str) and trace_id not in _TRACED:
            _open_index(self, trace_id)

    def end_trace(self, trace_id: str | None = None, trace_map: dict[str, list[str]] | None = None) -> None:
        """LlamaIndex has ended what it began."""
        if trace_id not in _TRACED:
            _close_index(self)

    def on_event_start(
        self,
        event_type: CBEventType,
        payload: dict[str, Any] | None = None,
        event_id: str = "",
        parent_id: str = "",
        **kwargs: Any,
    ) -> str:
        """Do nothing: the dispatcher reports more."""
        return event_id

    def on_event_end(
        self, event_type: CBEventType, payload: dict[str, Any] | None = None, event_id: str = "", **kwargs: Any
    ) -> None:
        """Do nothing: the dispatcher reports more."""


class _GlobalHandler(SpancastCallbackHandler):
    """Is LlamaIndex's global handler; making it installs nothing."""

    def __init__(self) -> None:
        BaseCallbackHandler.__init__(self, [], [])
        self._arguments = {}

    def __reduce__(self) -> tuple[Any, ...]:
        return (_the_global_handler, ())


@guarded
def _open_index(opener: BaseCallbackHandler, name: str) -> None:
    recorder = _spans.recorder() if _installed else None
    if recorder is None or _building.get() is not None or active_span_id.get() is not None:
        return
    operation = recorder.open(
        object(), Kind.CHAIN, name, defaults=_spans.defaults, mapping=_spans.tags(), origin=ORIGIN
    )
    _building.set(_Building(opener, recorder, operation, sys.exc_info()[1]))


@guarded
def _close_index(opener: BaseCallbackHandler) -> None:
    building = _building.get()
    if building is None or building.opener is not opener:
        return
    _building.set(None)
    error = sys.exc_info()[1]  # LlamaIndex ends a trace in a `finally`, so an error on its way is seen here
    failed, ending = ending_of(error if error is not building.before else None)
    building.recorder.close(building.operation, error=failed, ending=ending, keep_children=True)


def _the_global_handler() -> SpancastCallbackHandler:
    return _global_handler


_global_handler = _GlobalHandler()


# ---------------------------------------------------------------- install and uninstall
def install(
    *, pipeline: Pipeline | None = None, detail: str = "normal", vectors: bool = False, **fields: object
) -> None:
    """Be on the root dispatcher, once. Arguments change the options; a call without any keeps them."""
    global _installed
    full = check_detail(detail)
    check_pipeline(pipeline)
    with _changing:
        if pipeline is not None or full or vectors or fields or not _installed:
            from ..runtime.default import pipeline_in_context

            options = InstrumentationOptions(pipeline, pipeline_in_context(), full, vectors, fields_from_kwargs(fields))
            _spans.use(options)
        root = get_dispatcher()
        if not any(handler is _span_handler for handler in root.span_handlers):
            root.add_span_handler(_span_handler)
        if not any(handler is _event_handler for handler in root.event_handlers):
            root.add_event_handler(_event_handler)
        _global_name.add()
        for methods in _replaced:
            methods.add()
        _join_callbacks()
        _installed = True


def _join_callbacks() -> None:
    """Hear of indexes that are built: as the global handler, or beside another tool's in the shared manager."""
    if llama_index.core.global_handler is None:
        llama_index.core.global_handler = _global_handler
        manager = LlamaIndexSettings._callback_manager
    elif isinstance(llama_index.core.global_handler, SpancastCallbackHandler):
        manager = LlamaIndexSettings._callback_manager
    else:
        manager = LlamaIndexSettings.callback_manager
    if manager is not None and not any(isinstance(handler, SpancastCallbackHandler) for handler in manager.handlers):
        manager.add_handler(_global_handler)


def instrument(
    *, pipeline: Pipeline | None = None, detail: str = "normal", vectors: bool = False, **fields: object
) -> None:
    """Trace every call of LlamaIndex in this process; what was built before is covered.

    The arguments are those of `SpancastCallbackHandler`. Calling it again records nothing twice.
    """
    install(pipeline=pipeline, detail=detail, vectors=vectors, **fields)


def set_global_handler(
    *, pipeline: Pipeline | None = None, detail: str = "normal", vectors: bool = False, **fields: object
) -> None:
    """Trace every call of LlamaIndex in this process: the same as `instrument`, under the name that LlamaIndex uses."""
    install(pipeline=pipeline, detail=detail, vectors=vectors, **fields)


def uninstrument() -> None:
    """Take handlers, global handler and the name that LlamaIndex learnt away again. What is open is ended."""
    global _installed
    with _changing:
        root = get_dispatcher()
        root.span_handlers[:] = [handler for handler in root.span_handlers if handler is not _span_handler]
        root.event_handlers[:] = [handler for handler in root.event_handlers if handler is not _event_handler]
        if isinstance(llama_index.core.global_handler, SpancastCallbackHandler):
            llama_index.core.global_handler = None
        manager = LlamaIndexSettings._callback_manager
        if manager is not None:
            manager.handlers[:] = [item for item in manager.handlers if not isinstance(item, SpancastCallbackHandler)]
        _global_name.remove()
        for methods in reversed(_replaced):
            methods.remove()
        _installed = False
    _spans.abandon()


def unfinished_calls() -> int:
    """Return how many calls of LlamaIndex are open or wait for their stream."""
    return _spans.unfinished


_replaced = replaced_methods(_spans)
_global_name = GlobalName(install)
_global_name.add()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_spans.after_fork_in_child)
