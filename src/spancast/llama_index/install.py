"""The doors: however a user asks for it, one span handler and one event handler stand on LlamaIndex's root dispatcher.

LlamaIndex's legacy callback manager is one of the doors, and tells only one thing that the dispatcher does not: that an
index is being built, which gives its parts a common root.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import llama_index.core
from llama_index.core.callbacks import global_handlers
from llama_index.core.callbacks.base_handler import BaseCallbackHandler
from llama_index.core.callbacks.schema import CBEventType
from llama_index.core.settings import Settings as LlamaIndexSettings
from llama_index_instrumentation import get_dispatcher
from llama_index_instrumentation.span import active_span_id

from ..record.operation import Kind
from ..recording.fields import fields_from_kwargs
from ..recording.guard import guarded
from ..recording.open_operation import OpenOperation
from ..recording.recorder import Recorder
from .calls import Settings
from .events import EventHandler
from .outcome import ending_of
from .spans import ORIGIN, SpanHandler

if TYPE_CHECKING:
    from ..pipeline import Pipeline

NAME = "spancast"  # in llama_index.core.set_global_handler("spancast")
_INDEX = "index_construction"

_changing = threading.Lock()
_spans = SpanHandler()
_events = EventHandler(_spans)
_installed = False


@dataclass(frozen=True, slots=True)
class _Building:
    """An index that is being built here: its root, who opened it, and what error was being handled already."""

    opener: BaseCallbackHandler
    recorder: Recorder
    operation: OpenOperation
    before: BaseException | None


_building: ContextVar[_Building | None] = ContextVar("spancast_building", default=None)


class SpancastCallbackHandler(BaseCallbackHandler):
    """A door for `llama_index.core.global_handler = ...` and `CallbackManager([...])`: making one traces everything.

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

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle the arguments; the pipeline, with its threads and sockets, stays behind."""
        return (_rebuilt, (self._arguments,))

    def __copy__(self) -> SpancastCallbackHandler:
        return self

    def __deepcopy__(self, memo: Any) -> SpancastCallbackHandler:
        return self

    def start_trace(self, trace_id: str | None = None) -> None:
        """LlamaIndex begins something; of interest is only that an index is built, outside of any call."""
        if trace_id == _INDEX:
            _open_index(self)

    def end_trace(self, trace_id: str | None = None, trace_map: dict[str, list[str]] | None = None) -> None:
        """LlamaIndex has ended what it began."""
        if trace_id == _INDEX:
            _close_index(self)

    def on_event_start(
        self,
        event_type: CBEventType,
        payload: dict[str, Any] | None = None,
        event_id: str = "",
        parent_id: str = "",
        **kwargs: Any,
    ) -> str:
        """Take nothing: the dispatcher tells more."""
        return event_id

    def on_event_end(
        self, event_type: CBEventType, payload: dict[str, Any] | None = None, event_id: str = "", **kwargs: Any
    ) -> None:
        """Take nothing: the dispatcher tells more."""


class _GlobalHandler(SpancastCallbackHandler):
    """What stands as LlamaIndex's global handler; making it installs nothing."""

    def __init__(self) -> None:
        BaseCallbackHandler.__init__(self, [], [])
        self._arguments = {}

    def __reduce__(self) -> tuple[Any, ...]:
        return (_the_global_handler, ())


@guarded
def _open_index(opener: BaseCallbackHandler) -> None:
    recorder = _spans.recorder() if _installed else None
    if recorder is None or _building.get() is not None or active_span_id.get() is not None:
        return
    operation = recorder.open(
        object(), Kind.CHAIN, _INDEX, defaults=_spans.defaults, mapping=_spans.tags(), origin=ORIGIN
    )
    _building.set(_Building(opener, recorder, operation, sys.exc_info()[1]))


@guarded
def _close_index(opener: BaseCallbackHandler) -> None:
    held = _building.get()
    if held is None or held.opener is not opener:
        return
    _building.set(None)
    error = sys.exc_info()[1]  # LlamaIndex ends a trace in a `finally`, so an error on its way is seen here
    failed, ending = ending_of(error if error is not held.before else None)
    held.recorder.close(held.operation, error=failed, ending=ending, keep_children=True)


def _rebuilt(arguments: dict[str, Any]) -> SpancastCallbackHandler:
    return SpancastCallbackHandler(**arguments)


def _the_global_handler() -> SpancastCallbackHandler:
    return _global_handler


_global_handler = _GlobalHandler()


# ---------------------------------------------------------------- install and uninstall
def install(
    *, pipeline: Pipeline | None = None, detail: str = "normal", vectors: bool = False, **fields: object
) -> None:
    """Stand on the root dispatcher, once. Whoever says something anew changes the settings; saying nothing keeps them."""
    global _installed
    if detail not in ("normal", "full"):
        from ..validation import SettingsError

        raise SettingsError(f"detail={detail!r} is not known: use 'normal' or 'full'.")
    with _changing:
        if pipeline is not None or detail != "normal" or vectors or fields or not _installed:
            from ..pipeline import surrounding

            _spans.settle_on(Settings(pipeline, surrounding(), detail == "full", vectors, fields_from_kwargs(fields)))
        root = get_dispatcher()
        if not any(handler is _spans for handler in root.span_handlers):
            root.add_span_handler(_spans)
        if not any(handler is _events for handler in root.event_handlers):
            root.add_event_handler(_events)
        _open_doors()
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
    """Undo all doors: handlers, global handler and the name that LlamaIndex learnt. What is open is ended."""
    global _installed
    with _changing:
        root = get_dispatcher()
        root.span_handlers[:] = [handler for handler in root.span_handlers if handler is not _spans]
        root.event_handlers[:] = [handler for handler in root.event_handlers if handler is not _events]
        if isinstance(llama_index.core.global_handler, SpancastCallbackHandler):
            llama_index.core.global_handler = None
        manager = LlamaIndexSettings._callback_manager
        if manager is not None:
            manager.handlers[:] = [item for item in manager.handlers if not isinstance(item, SpancastCallbackHandler)]
        _close_doors()
        _installed = False
    _spans.abandon()


# ---------------------------------------------------------------- llama_index.core.set_global_handler("spancast")
_theirs: Callable[..., Any] = global_handlers.create_global_handler
_standing_in = False


def _create_global_handler(eval_mode: str, **eval_params: Any) -> BaseCallbackHandler | None:
    """Stand in for LlamaIndex's function of this name, which knows a fixed list of names: add ours to it."""
    if eval_mode == NAME:
        install(**eval_params)
        return None  # LlamaIndex then leaves the global handler as it is
    return _theirs(eval_mode, **eval_params)  # type: ignore[no-any-return]


def _open_doors() -> None:
    global _theirs, _standing_in
    if not _standing_in:
        _standing_in = True
        _theirs = global_handlers.create_global_handler
        global_handlers.create_global_handler = _create_global_handler


def _close_doors() -> None:
    """Put LlamaIndex's function back, unless another tool has put its own over ours: then ours stays, and passes on."""
    global _standing_in
    if global_handlers.create_global_handler is _create_global_handler:
        global_handlers.create_global_handler = _theirs
        _standing_in = False


_open_doors()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_spans.after_fork_in_child)
