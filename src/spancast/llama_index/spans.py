"""LlamaIndex's dispatcher reports where a call begins and ends, the recorder opens and closes operations.

The dispatcher swallows whatever a handler raises, so every method here stands under the guard, which counts and logs.
State is one Call for each call that is open; parents are found by the dispatcher's own ids.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any, Final

from llama_index.core.chat_engine.types import StreamingAgentChatResponse
from llama_index_instrumentation.span import active_span_id

from ..capture.endings import ending_of
from ..record.operation import Kind
from ..recording.captured import SCORES, no_content
from ..recording.current import is_inside, nearest
from ..recording.fields import TraceFields
from ..recording.guard import guarded, report_fault
from ..recording.open_operation import OpenOperation, mark_workflow
from ..recording.recorder import Recorder
from . import agents, arguments, classify, models, propagation, resumption, tools, workflow
from .agents import ORIGIN
from .calls import Call, mark_parents, visible
from .classify import (
    AGENT,
    AGENT_STEPS,
    CALL,
    EMBEDDING,
    EVALUATION,
    GENERATION,
    INTERNAL,
    OWN_REQUEST,
    QUERY,
    RERANKING,
    RUNS,
    SEVERAL,
    STEP,
    TOOL,
    known_plans,
)
from .evaluators import capture_evaluation
from .options import InstrumentationOptions
from .pending import PendingStreams
from .surroundings import lies_between, own_tags, template_around
from .translate import TRANSLATIONS, call
from .workflow import event_in

_REMEMBERED: Final = frozenset({STEP, INTERNAL, QUERY, TOOL})  # layers beneath which something may begin late


class Spans:
    """Opens and closes operations as LlamaIndex's calls begin and end. `handlers.SpanHandler` is what the dispatcher has.

    Attributes:
        options: What was set by `install`.
        open_calls: The calls that have not returned, by the dispatcher's ids. Each change is one atomic step: no lock.
            Always the same table, which the dispatcher has too.
        pending: The calls that have returned a stream.
    """

    def __init__(self) -> None:
        self.options = InstrumentationOptions()
        self.open_calls: dict[str, Call] = {}
        self.pending = PendingStreams()

    def use(self, options: InstrumentationOptions) -> None:
        """Follow *options* from now on."""
        self.options = options

    @property
    def defaults(self) -> TraceFields:
        """The trace fields that hold when nothing nearer says otherwise."""
        return self.options.defaults

    @staticmethod
    def tags() -> dict[str, Any] | None:
        """Return the user's tags that hold here."""
        return own_tags(None)

    def find(self, id_: str | None) -> Call | None:
        """Return the call of that id, as long as anything of it goes on."""
        if id_ is None:
            return None
        return self.open_calls.get(id_) or self.pending.find(id_) or self.pending.generators.find(id_)

    @property
    def unfinished(self) -> int:
        """How many calls are open or wait for their stream."""
        return len(self.open_calls) + len(self.pending)

    def recorder(self) -> Recorder | None:
        """Return the recorder in use here; None where nothing is recorded."""
        pipeline = self.options.pipeline
        if pipeline is None:
            from ..runtime.default import in_use

            block = self.options.made_in
            pipeline = in_use(block if block is not None and not block.ended else None)
        return pipeline.recorder if pipeline.enabled else None

    # ------------------------------------------------------------------ a call begins
    def enter(
        self,
        id_: str,
        bound_args: inspect.BoundArguments,
        instance: Any | None = None,
        parent_id: str | None = None,
        tags: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        """Begin a call: open an operation, or fold the call into the one around it."""
        if id_ in self.open_calls:
            return
        made = None
        try:
            outer = None
            if parent_id is not None:
                outer = self.open_calls.get(parent_id) or self.find(parent_id)
            if self.pending.generators.calls:
                outer = self.pending.generators.around(outer)
            recorder = outer.recorder if outer is not None else self.recorder()
            if recorder is not None:
                head = id_.partition("-")[0]
                plans = known_plans(id(type(instance)))
                plan = plans[0].get(head) if plans is not None else None
                method, name, role = plan or classify.plan_of(instance, head)
                if role == CALL and instance is None and outer is not None and outer.role in RUNS:
                    role = STEP
                made = Call(id_, recorder, role, instance, method, outer)
                self._begin(made, name, bound_args.arguments, parent_id, tags)
                self.open_calls[id_] = made
        except Exception as error:
            opened = made.recorder.find(id_) if made is not None else None
            if made is not None and opened is not None and opened.key == id_:  # its end would not be noticed
                opened.translate = no_content  # what is captured of it is not whole
                made.recorder.close(opened, error)
            report_fault("SpanHandler.span_enter", error)

    def _begin(
        self, made: Call, name: str, given: Mapping[str, Any], parent_id: str | None, tags: Mapping[str, Any] | None
    ) -> None:
        outer, role = made.outer, made.role
        if role == STEP:
            made.progress.event = event_in(given)
            if outer is not None:
                if outer.progress.waits:
                    resumption.note_step(outer, made)
                if outer.progress.agents and made.method in AGENT_STEPS and not self.options.everything:
                    made.operation = outer.operation  # most calls of an agent are these: folded without further calls
                    if outer.progress.agents == SEVERAL:
                        agents.enter_step(made, outer)
                    return
        elif role in RUNS:
            made.progress.agents = classify.agents_in(made.instance)
        elif role == GENERATION and outer is not None:
            self._resolve_own_request(outer)
        if self.options.everything or not self._is_folded(made):
            self._open(made, name, given, parent_id, tags)
        else:
            self._fold(made, given, parent_id)

    def _is_folded(self, made: Call) -> bool:
        """Return whether a call is only a layer of the one around it; a step of an agent's own is not asked for."""
        outer, role = made.outer, made.role
        if role == INTERNAL:
            return outer is not None or not classify.stands_alone(made.instance, made.method)
        if outer is None:
            return False
        if role == OWN_REQUEST:
            around = visible(outer)
            return around is not None and around.role == OWN_REQUEST and around.instance is made.instance
        if outer.role != role:
            return False
        return classify.is_layer(role, made.instance, made.method, outer.instance, outer.method)

    @staticmethod
    def _fold(made: Call, arguments: Mapping[str, Any], parent_id: str | None) -> None:
        outer = made.outer
        made.operation = outer.operation if outer is not None else made.recorder.ended(parent_id)
        if made.role == OWN_REQUEST:
            made.role = INTERNAL
        if made.role == INTERNAL and "prompt" in arguments:
            made.arguments = arguments
        elif made.role == GENERATION and outer is not None:
            made.wraps = outer.wraps or outer

    def _resolve_own_request(self, inner: Call) -> None:
        """Make no model call of a `structured_predict` beneath which one begins: it is a layer, or, as a root, a chain."""
        around: Call | None = inner
        while around is not None and around.role in (INTERNAL, CALL):
            around = around.outer
        if around is None or around.role != OWN_REQUEST or around.operation is None:
            return
        operation, outer = around.operation, around.outer
        if outer is None or self.options.everything or around.has_visible_children:
            around.role = CALL
            operation.kind, operation.translate = Kind.CHAIN, call
            operation.snapshots = {
                key: operation.snapshots.get(key) for key in ("within", SCORES) if key in operation.snapshots
            }
            if operation.given_name == operation.fields.generation_name:
                operation.given_name = None
            arguments.capture_arguments(CALL, around.arguments, operation)
            return
        around.role = INTERNAL
        around.is_visible = False
        around.recorder.discard(operation)
        self.pending.forget(around)
        layer: Call | None = inner
        while layer is not None and layer is not outer:
            layer.operation = outer.operation
            layer = layer.outer

    def _open(
        self,
        made: Call,
        name: str,
        given: Mapping[str, Any],
        parent_id: str | None,
        tags: Mapping[str, Any] | None,
    ) -> None:
        recorder, outer, role = made.recorder, made.outer, made.role
        parent = outer.operation if outer is not None else recorder.ended(parent_id)
        if role == STEP and outer is not None and outer.progress.agents == SEVERAL:
            parent = agents.member_at_work(outer, made.progress.event)
        remote = None
        if parent is None or not is_inside(parent):  # inside of it, it is the nearest itself
            around = nearest()
            if parent is None and around is None:
                parent = remote = propagation.restored_parent(recorder)
            elif parent is not None and around is not None and lies_between(around, parent):
                parent = around
        if role == INTERNAL or (role != STEP and self.options.everything and self._is_folded(made)):
            role = made.role = CALL  # a layer of a model call is no second model call
        operation = recorder.open(
            made.id,
            classify.KINDS.get(role, Kind.CHAIN),
            name,
            parent=parent,
            mapping=own_tags(tags),
            defaults=self.options.defaults,
            origin=ORIGIN,
            translate=TRANSLATIONS.get(role, call),
        )
        if remote is not None and not remote.start_ns:  # not known in this process
            operation.parent_is_remote = True
        made.operation = operation
        made.is_visible = True
        mark_parents(outer)
        if role == AGENT:
            operation.name = operation.snapshots["agent"] = agents.name_of(made.instance)
        operation.snapshots["within"] = agents.agent_around(parent)
        mark_workflow(operation)
        try:  # the operation is open, whatever goes wrong here
            self._capture_start(made, operation, given)
        except Exception as error:
            report_fault("SpanHandler._capture_start", error)

    @staticmethod
    def _capture_start(made: Call, operation: OpenOperation, given: Mapping[str, Any]) -> None:
        """Capture what a call was given."""
        role, outer = made.role, made.outer
        if role == GENERATION:
            operation.snapshots["operation"] = "chat"
            models.capture_generation(made.instance, made.method, given, operation)
            if operation.capture:
                operation.snapshots["template"] = template_around(outer, operation)
        elif role == OWN_REQUEST:
            made.arguments = given
            models.capture_own_request(made.instance, made.method, given, operation)
        elif role == EMBEDDING:
            arguments.capture_embedding(made.instance, given, operation)
        elif role == TOOL:
            tools.capture_tool(made.instance, given, operation)
            if outer is not None and outer.role == STEP:
                operation.snapshots["call_id"] = workflow.field(outer.progress.event, "tool_id")
        elif role == RERANKING:
            arguments.capture_reranking(made.instance, given, operation)
        else:
            if role == STEP:
                operation.snapshots["step"] = made.method
            elif role in RUNS and given.get("start_event") is None:
                resumption.link_resumed(made, operation, given.get("init_state"))
            arguments.capture_arguments(role, given, operation)

    # ------------------------------------------------------------------ a call ends
    def exit(
        self,
        id_: str,
        bound_args: inspect.BoundArguments,
        instance: Any | None = None,
        result: Any | None = None,
        **kwargs: Any,
    ) -> None:
        """End an operation, or keep it open for the stream that the call returned."""
        ended = self.open_calls.get(id_)
        if ended is None:
            return
        try:
            run = ended.outer
            # an agent's own steps do not ask, but a tool beneath them may wait
            if (
                ended.role == STEP
                and run is not None
                and (result is None or ended.method not in AGENT_STEPS or not run.progress.agents)
                and resumption.may_wait(result)
            ):
                resumption.note_wait(run, ended, result)
            if ended.is_visible and ended.operation is not None:
                self._exit(ended, ended.operation, result)
            else:
                self._leave_layer(ended, result, None)
        except Exception as error:
            self._close_after_fault(ended, "SpanHandler.span_exit", error)
        finally:
            self.open_calls.pop(id_, None)

    def drop(
        self,
        id_: str,
        bound_args: inspect.BoundArguments,
        instance: Any | None = None,
        err: BaseException | None = None,
        **kwargs: Any,
    ) -> None:
        """End an operation that failed or was stopped."""
        ended = self.open_calls.get(id_)
        if ended is not None:
            try:
                self._drop(ended, err)
            except Exception as error:
                self._close_after_fault(ended, "SpanHandler.span_drop", error)
            finally:
                self.open_calls.pop(id_, None)

    def _close_after_fault(self, ended: Call, where: str, error: Exception) -> None:
        """Close the operation of a call whose end we failed to read: its times are right at least."""
        operation = ended.operation
        if ended.is_visible and operation is not None and ended not in self.pending:
            operation.attributes = {**(operation.attributes or {}), "spancast.fault": f"end: {type(error).__name__}"}
            ended.recorder.close(operation, keep_children=True)
        report_fault(where, error)

    def _exit(self, ended: Call, operation: OpenOperation, result: Any) -> None:
        if self.pending.keep_open(ended, operation, result):
            return
        if ended.role == STEP and result is None and self._discarded(ended, operation):
            return
        error = None
        try:  # the operation ends, whatever goes wrong here
            error = self._capture_end(ended, operation, result)
        except Exception as fault:
            report_fault("SpanHandler._capture_end", fault)
        waits = ended.role == STEP and result is None and workflow.is_waiting(ended.outer, ended.method)
        agents.end_member(ended)
        self.pending.close(ended, error=error, ending="interrupted" if waits else None)

    def _capture_end(self, ended: Call, operation: OpenOperation, result: Any) -> BaseException | None:
        """Capture what a call came to; return its failure."""
        if ended.role == GENERATION:
            models.capture_response(ended, operation, result)
            return None
        if ended.role == OWN_REQUEST:
            models.capture_own_answer(result, operation)
            return None
        arguments.capture_result(ended.role, result, operation, vectors=self.options.vectors)
        if ended.role == EVALUATION:
            capture_evaluation(ended.instance, result, operation)
        run = ended.outer
        if ended.role == STEP and run is not None and run.progress.agents and ended.method in AGENT_STEPS:
            agents.end_step(ended, operation, result)
        return tools.failure_in(result) if ended.role == TOOL else None

    def _discarded(self, ended: Call, operation: OpenOperation) -> bool:
        """Drop a step that only put its event into a join's buffer; how often that was stands on the workflow's run."""
        if ended.has_visible_children or self.options.everything or not workflow.only_collected():
            return False
        ended.recorder.discard(operation)
        run = ended.outer.operation if ended.outer is not None else None
        if run is not None:
            waits = run.attributes.get("spancast.join.waits", 0) if run.attributes else 0
            run.attributes = {**(run.attributes or {}), "spancast.join.waits": waits + 1}
        return True

    def _drop(self, ended: Call, error: BaseException | None) -> None:
        if error is not None:
            self.pending.fail(error)
        if not ended.is_visible:
            self._leave_layer(ended, None, error)
            return
        failed, ending = ending_of(error)
        agents.end_member(ended, failed, ending)
        self.pending.close(ended, error=failed, ending=ending)

    def _leave_layer(self, ended: Call, result: Any, error: BaseException | None) -> None:
        operation = ended.operation
        if ended.progress.attachment is not None:
            ended.progress.attachment.end()
        if operation is None:
            return
        role = ended.role
        if role == STEP:
            if ended.method in agents.TELLING_STEPS:
                agents.end_step(ended, operation, result)
        elif role == INTERNAL and isinstance(instance := ended.instance, StreamingAgentChatResponse):
            self.pending.finish_chat(instance, error)
        elif result is not None and self.pending.generators.add(result, ended):
            ended.release_instance()
        if role in _REMEMBERED:
            ended.recorder.remember(ended.id, operation)

    # ------------------------------------------------------------------ across threads, contexts and processes
    def capture_propagation_context(self) -> dict[str, Any]:
        """Return, as plain data, where we are and the trace's fields."""
        return self._captured() or {}

    @guarded
    def _captured(self) -> dict[str, Any]:
        id_ = active_span_id.get()
        around = self.find(id_)
        operation = around.operation if around is not None else nearest()
        return {} if operation is None else propagation.captured(operation, id_)

    @guarded
    def restore_propagation_context(self, context: dict[str, Any]) -> None:
        """Let calls that begin here without a parent lie where *context* was captured."""
        propagation.restore(context)

    # ------------------------------------------------------------------ the end
    def abandon(self) -> None:
        """End what is open: no more will be reported of it."""
        for id_, open_call in list(self.open_calls.items()):
            self.open_calls.pop(id_, None)
            if open_call.is_visible:
                agents.end_member(open_call, ending="incomplete")
                self.pending.close(open_call, ending="incomplete")
        self.pending.abandon()

    def after_fork_in_child(self) -> None:
        """Forget what is open: it belongs to the parent process."""
        self.open_calls.clear()
        self.pending.after_fork_in_child()
