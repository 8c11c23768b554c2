"""The `wrap_model_call` and `wrap_tool_call` hooks of LangChain's middleware, each as an operation around the call.

LangChain sends no callback of them: it gives them to LangSmith's `traceable`, which opens a run beneath the current run tree
of its context. While a node of an agent runs, a `Level` stands there, where no tracer of LangSmith's does. It says
no to everybody who asks whether there is a run tree, and yes only where `traceable` sets up a run (docs/decisions/340).
A level is held by the node's open operation alone: LangSmith keeps a weak reference, which ends with the node.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any
from weakref import ref

from langsmith import utils
from langsmith._internal import _context
from langsmith.run_trees import RunTree

from ..capture.lookup import fields_of
from ..record.operation import Failure
from ..recording.guard import report_fault
from ..recording.open_operation import OpenOperation, OperationTable
from . import translate
from .agents import INTEGRATIONS, kind_of_hook
from .content import capture
from .metadata import WITHIN
from .remote import StandIn, asks_for_headers

_HOOKS = (".wrap_model_call", ".awrap_model_call", ".wrap_tool_call", ".awrap_tool_call")
_SETS_UP = "_setup_run"  # the function of `traceable` that opens a run
_MAX_TEXT = 10_000  # characters of an error's message
_MAX_ANSWERS = 16
# Middleware of deepagents and LangChain that adds to the request and hands it on: six of them stand around each call of a
# deep agent, and tell nothing about it. The summariser's own call of a model is marked as such.
_EDITORS = frozenset(
    {
        *("FilesystemMiddleware", "SubAgentMiddleware", "AsyncSubAgentMiddleware", "MemoryMiddleware"),
        *("SkillsMiddleware", "TodoListMiddleware", "PatchToolCallsMiddleware", "UnsupportedContentMiddleware"),
        "_ToolExclusionMiddleware",
        *("_ForkTaskToolMiddleware", "_ParentNotifierMiddleware", "ProviderToolSearchMiddleware"),
        *("SummarizationMiddleware", "SummarizationToolMiddleware"),
    }
)
_MARKS_CACHES = "PromptCachingMiddleware"  # how the names of those end that mark a provider's cache: one each
# How LangSmith writes an error: its repr, an empty line, the traceback.
_ENDINGS = {
    "GraphInterrupt": "interrupted",
    "NodeInterrupt": "interrupted",
    "ParentCommand": "handed over",
    "CancelledError": "cancelled",
    "GeneratorExit": "abandoned",
}


class Level(StandIn):
    """What stands in LangSmith's context while a node, or a hook inside it, runs.

    Written by the thread that runs the hook; the operation beneath is the recorder's.
    """

    __slots__ = ("folds", "is_hook", "node", "operation", "origin", "recorder")

    def __init__(
        self, recorder: OperationTable, operation: OpenOperation, node: OpenOperation, origin: object, folds: bool
    ) -> None:
        self.recorder = recorder
        self.operation = operation
        self.node = node
        self.origin = origin
        self.folds = folds
        self.is_hook = False  # it stands for a hook with an operation of its own

    def __bool__(self) -> bool:
        """Return whether `traceable` or RemoteGraph asks: for all others there is no run tree."""
        function = sys._getframe(1).f_code.co_name
        return function == _SETS_UP or asks_for_headers(function)

    def create_child(
        self,
        name: str,
        run_type: Any = "chain",
        *,
        run_id: Any = None,
        inputs: Any = None,
        tags: Any = None,
        extra: Any = None,
        attachments: Any = None,
        **rest: Any,
    ) -> Any:
        """Open the operation of a hook; for what else is traceable, return what there would be without us."""
        if not name.endswith(_HOOKS):
            if not utils.tracing_is_enabled():
                return None
            further = {} if run_id is None else {"id": run_id}
            if (client := _context._CLIENT.get()) is not None:
                further["client"] = client
            if (project := _context._PROJECT_NAME.get()) is not None:
                further["project_name"] = project
            return RunTree(
                name=name, run_type=run_type, inputs=inputs, tags=tags, extra=extra, attachments=attachments, **further
            )
        try:
            return self._hook(name, inputs if isinstance(inputs, Mapping) else {})
        except Exception as error:
            report_fault("middleware", error)
            return None

    def _hook(self, name: str, inputs: Mapping[str, Any]) -> Level:
        name = name.replace(".awrap_", ".wrap_")
        if self.folds and _only_edits(name.partition(".")[0]):
            return Level(self.recorder, self.operation, self.node, self.origin, self.folds)
        operation = self.recorder.open(
            object(),
            kind_of_hook(name),
            name,
            self.operation,
            self.operation.mapping,
            origin=self.origin,
            translate=translate.hook,
            current=False,  # what `traceable` runs the hook in was copied before
        )
        if WITHIN in self.node.snapshots:
            operation.snapshots[WITHIN] = self.node.snapshots[WITHIN]
        level = Level(self.recorder, operation, self.node, self.origin, self.folds)
        level.is_hook = True
        request = inputs.get("request")
        if operation.capture and isinstance(request, Mapping):
            operation.snapshots["input"] = capture(_asked(request, model=name.endswith("_model_call")), operation)
        return level

    def end(self, *, outputs: Any = None, error: str | None = None, **rest: Any) -> None:
        """Close the operation of a hook."""
        try:
            operation = self.operation
            if not self.is_hook:
                return
            if error is not None:
                self._fail(operation, error)
                return
            if isinstance(outputs, Mapping):
                if (refused := _refused_call(outputs)) is not None:
                    self.node.snapshots.setdefault("called", set()).add(refused)  # see `tools.show_uncalled`
                if operation.capture:
                    operation.snapshots["output"] = capture(_answered(outputs), operation)
            self.recorder.close(operation)
        except Exception as fault:
            report_fault("middleware", fault)

    def _fail(self, operation: OpenOperation, text: str) -> None:
        """Close a hook that raised: by the exception where it is there to be had, else by what LangSmith wrote of it."""
        kind = text[:200].partition("(")[0].strip()
        if kind in _ENDINGS:
            self.recorder.close(operation, ending=_ENDINGS[kind])
            return
        raised = sys.exc_info()[1]
        if raised is None and operation.seen_failure is not None:  # of a coroutine: what failed inside it
            raised = operation.seen_failure[0]
        if raised is not None and type(raised).__name__ == kind:
            self.recorder.close(operation, error=raised)
            return
        operation.failure = _written_failure(kind, text) if operation.capture else Failure(type=kind)
        self.recorder.close(operation)

    def leave(self, operation: OpenOperation) -> None:
        """Let the node go that holds this level by it: it closes, and LangSmith's weak reference ends."""
        operation.on_close = None


def _written_failure(kind: str, text: str) -> Failure:
    """Return the failure in what LangSmith wrote: of a coroutine's error it has no traceback, only what `repr` says."""
    shown, _, trace = text[:_MAX_TEXT].partition("\n\n")
    if trace.strip() in ("", "NoneType: None"):
        message = shown.partition("(")[2].removesuffix(")")
        if len(message) > 1 and message[0] == message[-1] and message[0] in "'\"":
            message = message[1:-1]
        return Failure(type=kind, message=message)
    name, _, message = text[-_MAX_TEXT:].rstrip().rpartition("\n")[2].partition(": ")
    return Failure(type=name if name.rpartition(".")[2] == kind else kind, message=message, stacktrace=trace)


def _asked(request: Mapping[str, Any], *, model: bool) -> object:
    """Return what a hook was given: of a model's call how much, for the call beneath has it; of a tool's the call."""
    if not model:
        return request.get("tool_call")
    counts = {name: request.get(name) for name in ("messages", "tools")}
    return {name: len(value) for name, value in counts.items() if isinstance(value, (list, tuple))}


def _answered(outputs: Mapping[str, Any]) -> object:
    """Return what a hook answered with: the messages, without what LangChain puts around them."""
    answer = outputs.get("output", outputs)
    inner = getattr(answer, "model_response", answer)  # with a command beside it
    result = getattr(inner, "result", None)
    if isinstance(result, list):
        return {"messages": result[:_MAX_ANSWERS]}
    if answer is outputs:  # a message, as LangSmith has written it
        return outputs.get("content", outputs)
    return inner


def _refused_call(outputs: Mapping[str, Any]) -> str | None:
    """Return the id of a tool's call that a hook answered with an error, as one that refuses it: the hook shows that.

    None where the answer says that there is no such tool: it came from inside the hook.
    """
    answer = fields_of(outputs.get("output", outputs))
    call_id, text = answer.get("tool_call_id"), answer.get("content")
    if answer.get("status") != "error" or type(call_id) is not str:
        return None
    return (
        None if type(text) is str and text.startswith(f"Error: {answer.get('name')} is not a valid tool") else call_id
    )


def _only_edits(middleware: str) -> bool:
    return middleware in _EDITORS or middleware.endswith(_MARKS_CACHES)


# ---------------------------------------------------------------- where a level stands
def watch_hooks(operation: OpenOperation, metadata: Mapping[str, Any], origin: object, folds: bool) -> None:
    """Let the hooks that run in a node of an agent become operations. Called in the node's start event.

    *folds*: those of the harness that only edit the request are left out.
    """
    recorder = operation.state.recorder
    if recorder is None or metadata.get("langgraph_node") != operation.name:
        return
    if metadata.get("ls_integration") not in INTEGRATIONS:
        return
    level = Level(recorder, operation, operation, origin, folds)
    operation.on_close = level.leave
    _context._PARENT_RUN_TREE_REF.set(ref(level))  # type: ignore[arg-type]


_here = _context._PARENT_RUN_TREE_REF.get


def hook_around(parent: OpenOperation) -> OpenOperation:
    """Return the hook that runs inside the node *parent* in this context; the node itself where none does."""
    reference: Any = _here()
    level = None if reference is None else reference()
    if type(level) is Level and level.node is parent and not level.operation.end_ns:
        return level.operation
    return parent
