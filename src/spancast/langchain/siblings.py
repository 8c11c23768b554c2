"""Which open operations surround a run that LangChain gives no parent, and which only stand beside it.

Inside a run LangChain has set its child config: then what is current is the parent (a node passed callbacks of its own).
Outside, `batch` starts one root after the other in the same context: an open run of LangChain's there is a sibling. A
model sets no child config, so what runs inside a single model call still nests under it.
"""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Callable, Mapping
from typing import Any

from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.runnables.config import var_child_runnable_config

from ..record.operation import Kind
from ..recording.current import nearest
from ..recording.open_operation import OpenOperation

# Before Python 3.11 asyncio takes no context for a task, so LangChain loses its callbacks inside async nodes.
CONTEXT_REACHES_TASKS = sys.version_info >= (3, 11)
Rule = Callable[[OpenOperation], bool]


def surrounding_rule(batch_size: int) -> Rule | None:
    """Return which operations count as surroundings of a run without a parent; None: all. *batch_size*: of a model call."""
    if var_child_runnable_config.get() is not None or (not CONTEXT_REACHES_TASKS and _in_task()):
        return None
    return _is_foreign if batch_size > 1 else _is_no_sibling


def mark_thread(operation: OpenOperation) -> None:
    """Before Python 3.11: note where a run starts, to tell a batch's siblings from an async graph's functions."""
    operation.snapshots["thread"] = threading.get_ident()


def surrounding_metadata() -> Mapping[str, Any]:
    """Return the metadata of the run around, which LangChain could not hand down (Python 3.10)."""
    operation = nearest()
    return (operation.mapping if operation is not None else None) or {}


def _is_foreign(operation: OpenOperation) -> bool:
    return not isinstance(operation.origin, BaseCallbackHandler)


def _is_no_sibling(operation: OpenOperation) -> bool:
    if not CONTEXT_REACHES_TASKS and operation.snapshots.get("thread") != threading.get_ident():
        return True  # a function of an async graph, run in another thread: siblings of a batch start in one
    return _is_foreign(operation) or operation.kind in (Kind.LLM, Kind.RETRIEVER)


def _in_task() -> bool:
    """Return whether this is a task: there `abatch` gives each input a context of its own, so nothing is a sibling."""
    try:
        return asyncio.current_task() is not None
    except RuntimeError:
        return False
