"""Opens and closes the operation of each run; what a run holds is captured by the handler's events."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any
from uuid import UUID

from ..capture.endings import ABANDONED, ending_of
from ..record.operation import AGENT, CHAIN, LLM, Kind
from ..recording.captured import Translate
from ..recording.fields import TraceFields
from ..recording.guard import report_fault
from ..recording.open_operation import OpenOperation, mark_workflow, open_beneath
from ..recording.recorder import Recorder
from ..recording.retired import owner_of
from ..signal_errors import is_from_signal_handler
from . import lost_runs, run_context, trace_lookup
from .calls import goes_on, watch_place
from .graphs import HIDDEN, INTERNAL, is_internal
from .lost_runs import CALLS
from .metadata import WITHIN, is_framework_tag
from .parents import innermost, surrounding_rule
from .pauses import INTERRUPTED, answers, interrupted, link_failed, remember_failed, waiting

if TYPE_CHECKING:
    from ..runtime.pipeline import Pipeline

# How a run ended besides "with a result": its error, and its ending where it neither finished nor failed.
Outcome = tuple["BaseException | None", "str | None"]
# Reads the end of a run: what it made, and inputs that came with it.
Capture = Callable[[Recorder, OpenOperation, Any, Any], "Outcome | None"]
NO_INPUT: Any = object()


def _nothing(key: object) -> None:
    """Find no operation: there is no recorder."""


class Runs:
    """The runs of one handler. Holds no state of a run: that lies in the recorder, so any number may be open together."""

    __slots__ = ("_context_paths", "_defaults", "_in_use", "_made_in", "_origin", "_pipeline", "folds")

    def __init__(
        self,
        origin: object,
        pipeline: Pipeline | None,
        defaults: TraceFields,
        fold: bool,
        context_paths: run_context.Paths = (),
    ) -> None:
        """*pipeline*: the one to record into, else the one in use; *fold* leaves out the frameworks' own runs."""
        from ..runtime.default import in_use, pipeline_in_context  # an import statement in each callback cost 1 us

        self._origin = origin
        self._pipeline = pipeline
        self._in_use = in_use
        self._made_in = pipeline_in_context()  # plain threads do not see the block that the handler was made in
        self._defaults = defaults
        self._context_paths = context_paths
        self.folds = fold

    def recorder(self) -> Recorder | None:
        """Return the recorder to use now; None where nothing is recorded."""
        pipeline = self._pipeline or self._in_use(self._made_in)
        return pipeline.recorder if pipeline.enabled else None

    def peek(self, run_id: UUID | None) -> OpenOperation | None:
        """Return the open operation of a run, or the one that stands for it where it was folded."""
        if run_id is None:
            return None
        in_use = self._in_use
        pipeline = self._pipeline or in_use(self._made_in)
        key = (
            run_id.int
        )  # a UUID's own hash and comparison are Python code: by its number five look-ups a span cost 2 us less
        if pipeline.enabled:
            found = pipeline.recorder.find(key)
            if found is not None:
                return found
        recorder = owner_of(key, pipeline.recorder if pipeline.enabled else None)
        return recorder.find(key) if recorder is not None else None

    def open(
        self,
        kind: Kind,
        name: str,
        run_id: UUID,
        parent_run_id: UUID | None,
        tags: Sequence[str] | None,
        metadata: Mapping[str, Any] | None,
        translator: Translate,
        current: bool = True,
        inputs: Any = NO_INPUT,
        batch_size: int = 1,
    ) -> OpenOperation | None:
        """Open an operation; None when nothing is to be kept of it: folded, open already, or recorded nowhere."""
        in_use = (
            self._in_use
        )  # first a variable: a function that is kept in an attribute is not called by the short way
        pipeline = self._pipeline or in_use(self._made_in)
        recorder = pipeline.recorder if pipeline.enabled else None
        find = recorder.find if recorder is not None else _nothing
        key = run_id.int
        parent = None
        if parent_run_id is not None:
            above = parent_run_id.int
            parent = find(above)
            if parent is None:
                recorder = owner_of(above, recorder)
                if recorder is not None:  # one that has ended is the parent of what a task of its own begins late
                    find = recorder.find
                    parent = find(above) or recorder.ended(above)
        if recorder is None or find(key) is not None:
            return None
        if parent is None:
            operation = self._open_root(
                recorder, key, kind, name, run_id, metadata, translator, current, inputs, batch_size
            )
        else:
            # few are asked: by the name, or by the tag
            if self.folds and (name in INTERNAL or (tags and HIDDEN in tags)) and is_internal(name, tags, metadata):
                recorder.fold(key, parent)
                return None
            inner = innermost(parent, recorder)
            operation = recorder.open(  # by position: matching ten keywords costs 0.3 us
                key,
                kind,
                name,
                inner,
                metadata,
                self._defaults,
                self._origin,
                None,
                translator,
                current,
                None,
            )
            if WITHIN in inner.snapshots and kind is not AGENT:
                operation.snapshots[WITHIN] = inner.snapshots[WITHIN]
        if tags:  # the user's own are content; the frameworks' say what a run is
            operation.snapshots["tags"] = tuple(tags) if operation.capture else tuple(filter(is_framework_tag, tags))
        if kind is not CHAIN and kind in CALLS:
            lost_runs.watch(run_id, operation, owner_of(key, recorder) or recorder)
            watch_place(operation, key)
        return operation

    def _open_root(
        self,
        recorder: Recorder,
        key: int,
        kind: Kind,
        name: str,
        run_id: UUID,
        metadata: Mapping[str, Any] | None,
        translator: Translate,
        current: bool,
        inputs: Any,
        batch_size: int,
    ) -> OpenOperation:
        """Open the operation of a run that LangChain gives no parent."""
        paused = None if inputs is NO_INPUT else waiting(recorder, inputs, metadata)
        answered = paused if paused is not None and answers(paused, inputs, metadata) else None
        defaults = self._defaults
        if self._context_paths and inputs is not NO_INPUT:
            defaults = run_context.fields_in_context(self._context_paths).merged_over(defaults)
        operation = recorder.open(
            key,
            kind,
            name,
            None,
            metadata,
            defaults,
            self._origin,
            surrounding_rule(batch_size),
            translator,
            current,
            answered,
        )
        if paused is not None and answered is None:
            recorder.leave(paused, operation)
        trace_lookup.remember(run_id, operation)
        if kind is CHAIN:
            mark_workflow(operation)
        if inputs is not NO_INPUT and metadata and "thread_id" in metadata:
            link_failed(recorder, operation, inputs)
        if metadata and "ls_integration" in metadata and kind not in CALLS:
            watch_place(operation, key)  # a graph, whose stream may be read in the caller's context
        return operation

    def close(self, event: str, run_id: UUID, capture: Capture, value: Any = None, inputs: Any = None) -> None:
        """Close a run's operation once *capture* has read its end: what it made, and inputs that came with it.

        A bug in *capture* costs content, never the span. *event* names it.
        """
        try:
            key = run_id.int
            in_use = self._in_use
            pipeline = self._pipeline or in_use(self._made_in)
            recorder = pipeline.recorder if pipeline.enabled else None
            find = recorder.find if recorder is not None else _nothing
            operation = find(key)
            if operation is None:
                recorder = owner_of(key, recorder)
                operation = recorder.find(key) if recorder is not None else None
            if recorder is None or operation is None:
                return
            if operation.key != key:
                recorder.release(key)  # folded into another
                return
            error = ending = None
            try:
                outcome = capture(recorder, operation, value, inputs)
                if outcome is not None:
                    error, ending = outcome
            finally:
                if ending == ABANDONED:
                    _leave_models(recorder, operation)
                elif error is not None:
                    _end_calls(recorder, operation)
                # what is still open beneath a run that returned or failed goes on in a task or thread, which ends it
                keep_children = ending is None or ending == ABANDONED
                recorder.close(operation, error, ending, None, keep_children)
                kind = operation.kind
                if kind is CHAIN or kind not in CALLS:
                    recorder.remember(key, operation)
        except Exception as fault:
            self.fault(event, run_id, fault)

    def fault(self, event: str, run_id: UUID, error: Exception) -> None:
        """Report what an event has raised; where a signal handler has, end its run: LangChain sends nothing more of it."""
        if is_from_signal_handler(error):
            operation = self.peek(run_id)
            recorder = operation.state.recorder if operation is not None and operation.key == run_id.int else None
            if recorder is not None and operation is not None:
                recorder.close(operation, error)
        report_fault(event, error)

    def fail(
        self,
        event: str,
        run_id: UUID,
        error: BaseException,
        capture: Capture | None = None,
        value: Any = None,
        inputs: Any = None,
    ) -> None:
        """Close the operation of a run that failed or was stopped; *capture* reads what it made until then."""

        def outcome(recorder: Recorder, operation: OpenOperation, value: Any, inputs: Any) -> Outcome:
            failed, ending = ending_of(error)
            try:
                if capture is not None:
                    capture(recorder, operation, value, inputs)
                if ending == INTERRUPTED:
                    interrupted(recorder, operation, error)
                elif failed is not None and operation.parent is None:
                    remember_failed(recorder, operation)
            except Exception as fault:
                report_fault(event, fault)
            return failed, ending

        self.close(event, run_id, outcome, value, inputs)


def _end_calls(recorder: Recorder, operation: OpenOperation) -> None:
    """End the calls that a run has made itself and that failed with it: of some LangChain tells nothing.

    A chain that is open has its last event still to come: the other branch of a gathering of which one has failed. So has a
    call that another task is waiting in.
    """
    for child in list(operation.children or ()):
        if child.kind in CALLS and not goes_on(child):
            recorder.close(child, ending="incomplete")


def _leave_models(recorder: Recorder, operation: OpenOperation) -> None:
    """End what is open beneath a stream that was left, except the models: their own last event brings what they said.

    Python closes the outermost generator first, so LangChain reports a chain as left before its model. Some models are
    even read to their end then, and their tokens count.
    """
    for child in reversed(open_beneath(operation, LLM)):
        recorder.close(child, ending=ABANDONED, keep_children=True)
