"""Whether the code that runs now is inside a call of LangChain's that is still open, or the call is over or suspended.

A model's or retriever's span stays the current one in its caller's context when its call is dropped (`asyncio.timeout`),
and between the chunks of a stream. The caller's code that runs then is not inside the call: the call's own frame, which
holds its run manager, is not on the stack.
"""

from __future__ import annotations

import asyncio
import sys
from threading import get_ident
from types import CodeType, FrameType
from typing import Any
from uuid import UUID
from weakref import ref

from langchain_core.callbacks import manager

from ..recording.open_operation import OpenOperation

MANAGER_FILE = manager.ahandle_event.__code__.co_filename
_MANAGERS = frozenset({"run_manager", "run_managers"})  # where the calls of LangChain and LangGraph keep them
# What LangChain's models, retrievers, tools and LangGraph's graphs run in; `trace_as_chain_group`, a block, is none.
_CALLS = frozenset({"generate", "agenerate", "stream", "astream", "invoke", "ainvoke", "run", "arun"})
_EVENT_FRAMES = 5  # at least: this function, `Runs.open`, the handler's event, and two of LangChain's callback manager
_MAX_EVENT_FRAMES = 16
_MAX_FRAMES = 1_000
_MAX_AWAITED = 100


class CallLeft:
    """Asks whether the running code is outside of one call. Holds no frame: that would keep what is in it alive."""

    __slots__ = ("_code", "_key", "_task", "_thread")

    def __init__(self, key: int, code: CodeType) -> None:
        self._key = key
        self._code = code
        self._thread = get_ident()
        task = None if running_loop() is None else asyncio.current_task()
        self._task: Any = None if task is None else ref(task)

    def __call__(self) -> bool:
        """Return True where this is the thread and the task that the call began in, and its frame is not on the stack."""
        if get_ident() != self._thread:
            return False
        task = current_task()
        if task is not (None if self._task is None else self._task()):
            return False
        frame: FrameType | None = sys._getframe(1)
        for _ in range(_MAX_FRAMES):
            if frame is None:
                return True
            if frame.f_code is self._code and self._is_of_this_run(frame):
                return False
            frame = frame.f_back
        return False

    def is_awaited(self) -> bool:
        """Return whether the task that the call began in is waiting inside it: it goes on, whatever becomes of its run."""
        task = None if self._task is None else self._task()
        waiting = None if task is None or task.done() else task.get_coro()
        for _ in range(_MAX_AWAITED):
            frame = getattr(waiting, "cr_frame", None)
            if frame is None:
                return False
            if frame.f_code is self._code and self._is_of_this_run(frame):
                return True
            waiting = waiting.cr_await  # type: ignore[union-attr]  # what has a `cr_frame` is a coroutine
        return False

    def _is_of_this_run(self, frame: FrameType) -> bool:
        found = frame.f_locals
        for name in _MANAGERS:
            managers = found.get(name)
            for one in managers if type(managers) is list else (managers,):
                run_id = getattr(one, "run_id", None)
                if type(run_id) is UUID and run_id.int == self._key:
                    return True
        return False


def goes_on(operation: OpenOperation) -> bool:
    """Return whether a call that is open waits in a task of its own, so that its last event is still to come."""
    left = None if operation.current is None else operation.current.left
    return isinstance(left, CallLeft) and left.is_awaited()


def watch_place(operation: OpenOperation, key: int) -> None:
    """Let the current span of *operation* stand aside for code outside of its call. Called in the start event."""
    span = operation.current
    if span is None:
        return
    try:
        frame: FrameType | None = sys._getframe(_EVENT_FRAMES)
    except ValueError:  # an event that nothing of LangChain's has sent
        return
    for _ in range(_MAX_EVENT_FRAMES):  # from LangChain's manager to the call
        if frame is None:
            return
        code = frame.f_code
        seen = _find_read(id(code))
        if seen is None:
            seen = _read_code(code)
        if seen[1]:
            if seen[2]:
                span.left = CallLeft(key, code)
            return
        frame = frame.f_back


# Whether a function is a call, and whether it keeps its run manager, by the id of its code; the code is kept too, so that
# no other gets its id. The names of its variables are made anew at each reading.
_read: dict[int, tuple[CodeType, bool, bool]] = {}
_find_read = _read.get
_MAX_READ = 256


def _read_code(code: CodeType) -> tuple[CodeType, bool, bool]:
    keeps = not _MANAGERS.isdisjoint(code.co_varnames) or not _MANAGERS.isdisjoint(code.co_cellvars)
    found = (code, code.co_name in _CALLS, keeps)
    if len(_read) < _MAX_READ:
        _read[id(code)] = found
    return found


def current_task() -> asyncio.Task[Any] | None:
    """Return the running asyncio task; None outside of one."""
    return None if running_loop() is None else asyncio.current_task()


running_loop = asyncio._get_running_loop
