"""Which open operations surround a run that LangChain gives no parent, and which only stand beside it.

Inside a run LangChain has set its child config: then what is current is the parent (a node passed callbacks of its own).
Outside, `batch` starts one root after the other in the same context: an open run of LangChain's there is a sibling. A
model sets no child config, so what runs inside a single model call still nests under it.
"""

from __future__ import annotations

from collections.abc import Callable

from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.runnables.config import var_child_runnable_config

from ..record.operation import LLM, RETRIEVER
from ..recording.open_operation import OpenOperation
from ..recording.recorder import Recorder
from .graphs import middleware_hooks

Rule = Callable[[OpenOperation], bool]


def surrounding_rule(batch_size: int) -> Rule | None:
    """Return which operations count as surroundings of a run without a parent; None: all. *batch_size*: of a model call."""
    if var_child_runnable_config.get() is not None:
        return None
    return _is_foreign if batch_size > 1 else _is_no_sibling


def innermost(parent: OpenOperation, recorder: Recorder) -> OpenOperation:
    """Return the operation under which a run lies whose parent LangChain names, but whose code runs deeper inside.

    `RunnableWithFallbacks` calls its runnables with the config of the run around it (langchain-ai/langchain#36072): they
    are named beside it. LangChain's child config of this context tells whose code this is. A hook of a middleware is no run
    of LangChain's: what it calls is named beneath the node.
    """
    config = var_child_runnable_config.get()
    run_id = getattr(config.get("callbacks"), "parent_run_id", None) if config else None
    if run_id is not None and run_id.int != parent.key:
        inner = recorder.find(run_id.int)
        if inner is not None and inner.parent is parent:
            return inner
    if parent.on_close is not None and (hooks := middleware_hooks()) is not None:  # a node in which hooks are seen
        return hooks.hook_around(parent)  # type: ignore[no-any-return]
    return parent


def _is_foreign(operation: OpenOperation) -> bool:
    return not isinstance(operation.origin, BaseCallbackHandler)


def _is_no_sibling(operation: OpenOperation) -> bool:
    return _is_foreign(operation) or operation.kind in (LLM, RETRIEVER)
