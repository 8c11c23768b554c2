"""The span handler: LlamaIndex's dispatcher says when a call begins and ends, the recorder opens and closes operations.

The dispatcher swallows whatever a handler raises, so every method of ours stands under the guard, which counts and logs.
State is one Call for each call that is open; parents are found by the dispatcher's own ids.
"""

from __future__ import annotations

import inspect
from collections.abc import AsyncGenerator, Generator, Mapping
from typing import TYPE_CHECKING, Any

from llama_index.core.base.response.schema import AsyncStreamingResponse, StreamingResponse
from llama_index.core.chat_engine.types import StreamingAgentChatResponse
from llama_index.core.instrumentation.span_handlers import BaseSpanHandler
from llama_index.core.response_synthesizers import BaseSynthesizer
from llama_index_instrumentation.dispatcher import active_instrument_tags
from llama_index_instrumentation.span import active_span_id
from workflows.events import Event

from ..record.operation import Kind
from ..recording.current import Attachment, detach, nearest
from ..recording.fields import TraceFields
from ..recording.guard import guarded, report_fault
from ..recording.open_operation import OpenOperation
from ..recording.recorder import Recorder
from . import classify, content, propagation, workflow
from .calls import Call, Member, Settings
from .classify import AGENT, CALL, EMBEDDING, GENERATION, PLUMBING, RUN, STEP, TOOL
from .messages import hold
from .outcome import ending_of, hold_answer, snapshot
from .streams import AsyncTokenStream, Reaper, TokenStream, in_stream, wrapped
from .translate import TRANSLATIONS, agent, call

ORIGIN = object()  # the adapter's mark on the operations that it opens


class SpanHandler(BaseSpanHandler[Any]):
    """Opens and closes operations as LlamaIndex's calls begin and end."""

    if TYPE_CHECKING:  # plain attributes: pydantic's private ones cost 1 us at each look, which is at each token
        _settings: Settings
        _waiting: dict[str, Call]  # returned, but what they gave back goes on
        _answers: dict[int, list[str]]  # id of a chat engine's stream -> calls
        _reaper: Reaper

    def __init__(self) -> None:
        super().__init__()
        self.__dict__.update(_settings=Settings(), _waiting={}, _answers={}, _reaper=Reaper())

    @classmethod
    def class_name(cls) -> str:
        """Return the name under which LlamaIndex knows the class."""
        return "SpancastSpanHandler"

    def settle_on(self, settings: Settings) -> None:
        """Follow *settings* from now on."""
        self._settings = settings

    @property
    def defaults(self) -> TraceFields:
        """The trace fields that hold when nothing nearer says otherwise."""
        return self._settings.defaults

    @staticmethod
    def tags() -> dict[str, Any] | None:
        """Return the user's tags that hold here."""
        return _own_tags(None)

    def find(self, id_: str | None) -> Call | None:
        """Return the call of that id, as long as anything of it goes on."""
        if id_ is None:
            return None
        return self.open_spans.get(id_) or self._waiting.get(id_)

    def is_waiting(self, about: Call) -> bool:
        """Return whether a call has returned a stream that goes on."""
        return about.id in self._waiting

    @property
    def unfinished(self) -> int:
        """How many calls are open or wait for their stream."""
        return len(self.open_spans) + len(self._waiting)

    def recorder(self) -> Recorder | None:
        """Return the recorder in use here; None where nothing is recorded."""
        pipeline = self._settings.pipeline
        if pipeline is None:
            from ..pipeline import in_use

            block = self._settings.made_in
            pipeline = in_use(block if block is not None and not block.ended else None)
        return pipeline.recorder if pipeline.enabled else None

    # ------------------------------------------------------------------ a call begins
    # `span_enter`, `span_exit` and `span_drop` replace the base class's, which get a lock from one of pydantic's private
    # attributes: 3.7 us at each beginning and each end, 100 us of a RAG query. A step on a dict needs none.
    def span_enter(
        self,
        id_: str,
        bound_args: inspect.BoundArguments,
        instance: Any | None = None,
        parent_id: str | None = None,
        tags: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        """Take the beginning of a call."""
        if id_ not in self.open_spans:
            try:
                made = self._begin(id_, bound_args, instance, parent_id, tags)
            except Exception as error:
                report_fault("SpanHandler.span_enter", error)
            else:
                if made is not None:
                    self.open_spans[id_] = made

    def new_span(
        self,
        id_: str,
        bound_args: inspect.BoundArguments,
        instance: Any | None = None,
        parent_span_id: str | None = None,
        tags: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> Call | None:
        """Do nothing: `span_enter` has done it."""
        return None

    def _begin(
        self,
        id_: str,
        bound_args: inspect.BoundArguments,
        instance: Any | None,
        parent_span_id: str | None,
        tags: dict[str, Any] | None,
    ) -> Call | None:
        """Open an operation, or fold the call into the one around it."""
        outer = self.find(parent_span_id)
        recorder = outer.recorder if outer is not None else self.recorder()
        if recorder is None:
            return None
        qualified = id_.partition("-")[0].rpartition("<locals>.")[2]
        method = qualified.rpartition(".")[2]
        in_run = outer is not None and outer.role in (RUN, AGENT)
        name = f"{qualified.rpartition('.')[0]}.{method.lstrip('_')}" if instance is not None else qualified
        name = qualified if method == "__call__" else name
        made = Call(id_, recorder, classify.role_of(instance, method, in_run), instance, method, outer)
        if made.role == STEP:
            made.event = next((item for item in bound_args.arguments.values() if isinstance(item, Event)), None)
        if self._settings.everything or not self._is_folded(made):
            self._open(made, name, bound_args.arguments, parent_span_id, tags)
        else:
            self._fold(made, bound_args.arguments, parent_span_id)
        return made

    def _is_folded(self, made: Call) -> bool:
        outer = made.outer
        if made.role == PLUMBING:
            return outer is not None or not classify.stands_alone(made.instance, made.method)
        if outer is None:
            return False
        if made.role == STEP:
            return classify.is_agent_step(outer.instance, made.method)
        return classify.is_layer(made.role, made.instance, made.method, outer.instance, outer.method, outer.role)

    def _fold(self, made: Call, arguments: Mapping[str, Any], parent_id: str | None) -> None:
        outer = made.outer
        made.operation = outer.operation if outer is not None else made.recorder.ended(parent_id)
        if made.role == PLUMBING and "prompt" in arguments:
            made.arguments = arguments
        elif made.role == GENERATION and outer is not None:
            made.layered = outer.layered or outer
        elif made.role == STEP and outer is not None and classify.is_several_agents(outer.instance):
            operation = self._member_at_work(outer, made.event)
            made.operation = operation
            if operation is not None and operation is not outer.operation:
                made.visit = Attachment(operation)

    def _open(
        self,
        made: Call,
        name: str,
        arguments: Mapping[str, Any],
        parent_id: str | None,
        tags: Mapping[str, Any] | None,
    ) -> None:
        recorder, outer, role = made.recorder, made.outer, made.role
        parent = outer.operation if outer is not None else recorder.ended(parent_id)
        if role == STEP and outer is not None and classify.is_several_agents(outer.instance):
            parent = self._member_at_work(outer, made.event)
        remote = None
        around = nearest()
        if parent is None and around is None:
            parent = remote = propagation.restored_parent(recorder)
        elif parent is not None and around is not None and _lies_between(around, parent):
            parent = around
        if role == PLUMBING or (role != STEP and self._settings.everything and self._is_folded(made)):
            role = made.role = CALL  # a layer of a model call is no second model call
        operation = recorder.open(
            made.id,
            classify.KINDS.get(role, Kind.CHAIN),
            name,
            parent=parent,
            mapping=_own_tags(tags),
            defaults=self._settings.defaults,
            origin=ORIGIN,
            translate=TRANSLATIONS.get(role, call),
        )
        if remote is not None and not remote.start_ns:  # not known in this process
            operation.parent_is_remote = True
        made.operation = operation
        made.shown = True
        if outer is not None:
            _mark_parents(outer)
        if role == AGENT:
            operation.name = operation.snapshots["agent"] = _agent_name(made.instance)
        operation.snapshots["within"] = _agent_around(parent)
        self._hold_start(made, operation, arguments)

    @guarded
    def _hold_start(self, made: Call, operation: OpenOperation, arguments: Mapping[str, Any]) -> None:
        """Hold what a call was given. Under a guard of its own: the operation is open, whatever goes wrong here."""
        role, outer = made.role, made.outer
        if role == STEP:
            operation.snapshots["step"] = made.method
        elif role == GENERATION:
            operation.snapshots["operation"] = "chat"
        content.hold_start(role, made.instance, made.method, arguments, operation)
        if role == TOOL and outer is not None and outer.role == STEP:
            operation.snapshots["call_id"] = workflow.field(outer.event, "tool_id")
        elif role == GENERATION and operation.capture:
            operation.snapshots["template"] = _template(outer, operation)

    def _member_at_work(self, run: Call, event: Any) -> OpenOperation | None:
        """Return the operation of the agent that a step of several agents belongs to; a new name is a hand-over."""
        name = workflow.field(event, "current_agent_name")
        member = run.member
        if isinstance(name, str) and run.operation is not None and (member is None or member.name != name):
            self._end_member(run)
            operation = run.recorder.open(
                (run.id, name, id(event)),
                Kind.AGENT,
                name,
                parent=run.operation,
                mapping=run.operation.mapping,
                origin=ORIGIN,
                translate=agent,
                current=False,
            )
            operation.snapshots["agent"] = name
            if operation.capture:
                operation.snapshots["input"] = hold(workflow.field(event, "input"), operation)
            member = run.member = Member(name, operation)
        return member.operation if member is not None else run.operation

    def _end_member(self, run: Call, error: BaseException | None = None, ending: str | None = None) -> None:
        if run.member is not None:
            run.recorder.close(run.member.operation, error=error, ending=ending, keep_children=True)
            run.member = None

    # ------------------------------------------------------------------ a call ends
    def span_exit(
        self,
        id_: str,
        bound_args: inspect.BoundArguments,
        instance: Any | None = None,
        result: Any | None = None,
        **kwargs: Any,
    ) -> None:
        """End an operation, or keep it open for the stream that the call gave back."""
        ended: Call | None = self.open_spans.get(id_)
        if ended is not None:
            try:
                self._exit(ended, result)
            except Exception as error:
                report_fault("SpanHandler.span_exit", error)
            finally:
                self.open_spans.pop(id_, None)

    def span_drop(
        self,
        id_: str,
        bound_args: inspect.BoundArguments,
        instance: Any | None = None,
        err: BaseException | None = None,
        **kwargs: Any,
    ) -> None:
        """End an operation that failed or was stopped."""
        ended: Call | None = self.open_spans.get(id_)
        if ended is not None:
            try:
                self._drop(ended, err)
            except Exception as error:
                report_fault("SpanHandler.span_drop", error)
            finally:
                self.open_spans.pop(id_, None)

    def prepare_to_exit_span(self, *args: Any, **kwargs: Any) -> Call | None:
        """Do nothing: `span_exit` has done it."""
        return None

    def prepare_to_drop_span(self, *args: Any, **kwargs: Any) -> Call | None:
        """Do nothing: `span_drop` has done it."""
        return None

    def _exit(self, ended: Call, result: Any) -> None:
        operation = ended.operation
        if not ended.shown or operation is None:
            self._leave_layer(ended, result, None)
            return
        if self._goes_on(ended, operation, result):
            return
        if ended.role == STEP and result is None and self._discarded(ended, operation):
            return
        error = self._hold_end(ended, operation, result)
        ending = None
        if ended.role == STEP and result is None and workflow.may_wait(ended.outer, ended.method):
            ending = "interrupted"
        self._end_member(ended)
        self._close(ended, error=error, ending=ending)

    @guarded
    def _hold_end(self, ended: Call, operation: OpenOperation, result: Any) -> BaseException | None:
        """Hold what a call came to, and return its failure. Under a guard of its own: the operation ends all the same."""
        if ended.role == GENERATION:
            hold_response(ended, operation, result)
            return None
        content.hold_end(ended.role, result, operation, vectors=self._settings.vectors)
        if (
            ended.role == STEP
            and ended.outer is not None
            and classify.is_agent_step(ended.outer.instance, ended.method)
        ):
            self._end_agent_step(ended, operation, result)
        return _tool_error(result) if ended.role == TOOL else None

    def _discarded(self, ended: Call, operation: OpenOperation) -> bool:
        """Drop a step that only put its event into a join's buffer; how often that was stands on the workflow's run."""
        if ended.parent or self._settings.everything or not workflow.only_collected():
            return False
        ended.recorder.discard(operation)
        run = ended.outer.operation if ended.outer is not None else None
        if run is not None:
            waits = run.attributes.get("spancast.join.waits", 0) if run.attributes else 0
            run.attributes = {**(run.attributes or {}), "spancast.join.waits": waits + 1}
        return True

    def _drop(self, ended: Call, error: BaseException | None) -> None:
        if not ended.shown:
            self._leave_layer(ended, None, error)
            return
        failed, ending = ending_of(error)
        self._end_member(ended, failed, ending)
        self._close(ended, error=failed, ending=ending)

    def _close(self, ended: Call, *, error: BaseException | None = None, ending: str | None = None) -> None:
        operation = ended.operation
        if operation is None:
            return
        ended.recorder.close(operation, error=error, ending=ending, keep_children=True)
        if ended.role not in (GENERATION, EMBEDDING):
            ended.recorder.remember(ended.id, operation)
        if error is not None:
            self._let_go_of_error(ended.outer)
        ended.instance = ended.outer = None

    def _let_go_of_error(self, outer: Call | None) -> None:
        """Do not keep a child's error where a stream is waited for: its traceback may hold the very stream."""
        while outer is not None and not outer.shown:
            outer = outer.outer
        if outer is not None and outer.operation is not None and self.is_waiting(outer):
            outer.operation.seen_failure = None

    def _leave_layer(self, ended: Call, result: Any, error: BaseException | None) -> None:
        operation = ended.operation
        if ended.visit is not None:
            ended.visit.end()
        if operation is None:
            return
        if ended.role == STEP:
            self._end_agent_step(ended, operation, result)
        elif isinstance(ended.instance, StreamingAgentChatResponse):
            self._answered(ended.instance, error)
        if ended.role in (STEP, PLUMBING, classify.QUERY, TOOL):
            ended.recorder.remember(ended.id, operation)

    def _end_agent_step(self, ended: Call, operation: OpenOperation, result: Any) -> None:
        """Keep an agent's answer; and show a tool that could not even be called, such as one that does not exist."""
        run = ended.outer
        if run is not None and run.member is not None and ended.method == "run_agent_step" and operation.capture:
            run.member.operation.snapshots["output"] = hold(result, operation)
        if ended.method != "call_tool" or ended.parent or result is None or run is None:
            return
        output = workflow.field(result, "tool_output")
        failure = _tool_error(output)
        if failure is None:
            return
        name = str(workflow.field(ended.event, "tool_name"))
        tool = run.recorder.open(
            (ended.id, "tool"),
            Kind.TOOL,
            name,
            parent=operation,
            origin=ORIGIN,
            translate=TRANSLATIONS[TOOL],
            current=False,
        )
        tool.snapshots["within"] = _agent_around(operation)
        tool.snapshots["call_id"] = workflow.field(ended.event, "tool_id")
        if tool.capture:
            tool.snapshots["input"] = hold(workflow.field(ended.event, "tool_kwargs"), tool)
            tool.snapshots["output"] = hold(output, tool)
        run.recorder.close(tool, error=failure)

    # ------------------------------------------------------------------ streams
    def _goes_on(self, ended: Call, operation: OpenOperation, result: Any) -> bool:
        """Keep the operation open where the call gave back a stream; return whether it did."""
        if isinstance(result, (StreamingResponse, AsyncStreamingResponse)):
            return self._await_response(ended, operation, result)
        if isinstance(result, StreamingAgentChatResponse):
            return self._await_answer(ended, operation, result)
        if isinstance(result, (Generator, AsyncGenerator)):
            self._waiting[ended.id] = ended
            if not self._consumed_by_framework(ended):
                detach(operation)
            if ended.role == GENERATION and operation.snapshots.get("model") is None and not ended.told:
                operation.snapshots["model"] = content.model_of(ended.instance)
            ended.instance = None
            self._reaper.watch(result, _collected(self, ended))
            return True
        return False

    def _consumed_by_framework(self, ended: Call) -> bool:
        """Return whether LlamaIndex's own code iterates a model's stream: then the span stays current until its end."""
        outer = ended.outer
        while outer is not None and outer.instance is ended.instance:
            outer = outer.outer
        if in_stream.get():
            return True
        if outer is None:
            return False
        if outer.role == STEP:
            return outer.outer is not None and classify.is_agent_step(outer.outer.instance, outer.method)
        # a synthesizer hands the stream on in a wrapped one, which then runs inside the model's span (_await_response)
        return isinstance(outer.instance, (StreamingAgentChatResponse, BaseSynthesizer))

    def _await_response(self, ended: Call, operation: OpenOperation, result: Any) -> bool:
        stream = result.response_gen
        if stream is None or result.response_txt is not None:
            return False
        made = self._await_stream(ended, stream)
        if made is None:
            return False
        result.response_gen = made
        _step_out_from(operation)
        return True

    def _await_stream(self, ended: Call, stream: Any) -> Any:
        """Let the call end when *stream* does; return the stream to hand out instead of it, None when it is none."""
        if isinstance(stream, (TokenStream, AsyncTokenStream)) and not stream.tail.ended:
            stream.tail.calls.append(ended.id)
            made: Any = stream
        else:
            made = wrapped(stream, self.settle, ended.id, self._reaper)
        if made is not None:
            self._waiting[ended.id] = ended
        return made

    def _await_answer(self, ended: Call, operation: OpenOperation, result: Any) -> bool:
        """A chat engine's stream is consumed by a thread or task of its own, which writes the history; else by the user."""
        if not result.is_writing_to_memory:  # the context engines before 0.14.17
            name = "chat_stream" if result.chat_stream is not None else "achat_stream"
            made = self._await_stream(ended, getattr(result, name))
            if made is None:
                return False
            setattr(result, name, made)
            _step_out_from(operation)
            return True
        self._waiting[ended.id] = ended
        self._answers.setdefault(id(result), []).append(ended.id)
        detach(operation)
        if result.is_done or result.exception is not None:  # the thread was faster
            self._answered(result, result.exception)
        else:
            self._reaper.watch(result, _answer_collected(self, id(result)))
        return True

    def _answered(self, result: Any, error: BaseException | None) -> None:
        for waiting in self._answers.pop(id(result), ()):
            text = result.response if isinstance(result.response, str) else ""
            about = self._waiting.get(waiting)
            if not text and about is not None and about.pieces:
                text = "".join(about.pieces).strip()  # as LlamaIndex itself keeps it
            self.settle(waiting, error, None, text)

    def settle(self, id_: str, error: BaseException | None = None, ending: str | None = None, text: str = "") -> None:
        """End an operation whose stream has ended; a second end does nothing."""
        ended = self._waiting.pop(id_, None)
        if ended is None or ended.operation is None:
            return
        operation = ended.operation
        if text and operation.capture and "output" not in operation.snapshots:
            operation.snapshots["output"] = text
            operation.size += len(text)
        failed, named = ending_of(error)
        ending = ending or named
        if ending:
            self._end_models_beneath(operation, ending)
        self._close(ended, error=failed, ending=ending)

    def _end_models_beneath(self, operation: OpenOperation, ending: str) -> None:
        """End the model's stream inside one that was left: an async one would end later, or never."""
        for inner in list(self._waiting.values()):
            if inner.role == GENERATION and inner.operation is not None and _is_beneath(inner.operation, operation):
                if ending == "abandoned":
                    self.collected(inner.id)
                else:
                    if inner.raw is not None:
                        hold_response(inner, inner.operation, None)
                    self.settle(inner.id, ending=ending)

    def collected(self, id_: str) -> None:
        """A stream was thrown away. Where its model tells nothing, nobody knows how far it was read: no ending is said."""
        ended = self._waiting.get(id_)
        if ended is None:
            return
        ending = None
        if ended.told and ended.operation is not None:
            ending = "abandoned" if ended.operation.first_token_ns else "never started"
            if ended.raw is not None:
                hold_response(ended, ended.operation, None)
        self.settle(id_, ending=ending)

    def answer_collected(self, key: int) -> None:
        """A chat engine's answer was thrown away before its stream was read."""
        for waiting in self._answers.pop(key, ()):
            self.settle(waiting, None, "never started")

    # ------------------------------------------------------------------ across threads, contexts and processes
    def capture_propagation_context(self) -> dict[str, Any]:
        """Return, as plain data, where we are and what was said about the trace."""
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
        """End what is open: no more will be told of it."""
        for id_, open_call in list(self.open_spans.items()):
            self.open_spans.pop(id_, None)
            if open_call.shown:
                self._end_member(open_call, ending="incomplete")
                self._close(open_call, ending="incomplete")
        for id_ in list(self._waiting):
            self.settle(id_, ending="incomplete")
        self._answers.clear()

    def after_fork_in_child(self) -> None:
        """Forget what is open: it belongs to the parent process."""
        self.open_spans = {}
        self._waiting = {}
        self._answers = {}
        self._lock = None
        self._reaper.after_fork_in_child()


class ToolError(Exception):
    """A tool answered with an error instead of raising one."""

    __module__ = "spancast"


def hold_response(ended: Call, operation: OpenOperation, response: Any) -> None:
    """Hold a model's answer, with the last token counts that any chunk of it had."""
    if not operation.sampled:
        return
    taken = snapshot()
    operation.snapshots["answer"] = hold_answer(response, ended.raw, taken, content=operation.capture)
    operation.size += taken.size
    if operation.snapshots.get("model") is None and ended.instance is not None:
        operation.snapshots["model"] = content.model_of(ended.instance)
    ended.raw = None


def _tool_error(output: Any) -> BaseException | None:
    if not getattr(output, "is_error", False):
        return None
    raised = getattr(output, "exception", None)
    return raised if isinstance(raised, BaseException) else ToolError(str(output))


def _collected(handler: SpanHandler, ended: Call) -> Any:
    id_ = ended.id
    return lambda: handler.collected(id_)


def _answer_collected(handler: SpanHandler, key: int) -> Any:
    return lambda: handler.answer_collected(key)


def _mark_parents(outer: Call) -> None:
    """Note that something is shown beneath a call, and beneath the layers between."""
    above: Call | None = outer
    while above is not None and not above.parent:
        above.parent = True
        above = None if above.shown else above.outer


def _own_tags(tags: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Return the user's tags. The workflows' own hold prompts and are handed down to every call: never taken."""
    found = tags if tags else active_instrument_tags.get()
    if not found:
        return None
    return {str(key): value for key, value in found.items() if not str(key).startswith("llamaindex.")} or None


def _agent_name(instance: Any) -> str:
    name = content.attributes_of(instance).get("name")
    return name if isinstance(name, str) and name else type(instance).__name__


def _step_out_from(operation: OpenOperation) -> None:
    """Put back what was current before *operation*, which stays open, also where a stream beneath it is current still."""
    beneath = nearest()
    while beneath is not None and beneath is not operation and _is_beneath(beneath, operation):
        detach(beneath)
        beneath = beneath.parent
    detach(operation)


def _is_beneath(around: OpenOperation, parent: OpenOperation) -> bool:
    above = around.parent
    while above is not None and above is not parent:
        above = above.parent
    return above is parent


def _lies_between(around: OpenOperation, parent: OpenOperation) -> bool:
    """Return whether an operation of another origin, a `trace` block or a LangChain run, is open beneath *parent* here."""
    return around is not parent and around.origin is not ORIGIN and _is_beneath(around, parent)


def _agent_around(parent: OpenOperation | None) -> str | None:
    """Return the name of the agent that an operation belongs to."""
    if parent is None:
        return None
    held = parent.snapshots
    name = held.get("agent") or held.get("within")
    return name if isinstance(name, str) else None


def _template(outer: Call | None, operation: OpenOperation) -> object:
    while outer is not None and outer.role == PLUMBING:
        if outer.arguments:
            return content.hold_template(outer.arguments, operation)
        outer = outer.outer
    return None
