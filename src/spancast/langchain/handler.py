"""SpancastCallbackHandler: receives LangChain's and LangGraph's events and opens and closes operations.

Synchronous with `run_inline`, so that each event runs in the caller's own context, also in async code. All state lives
in the recorder: one handler may be shared by any number of concurrent runs, copied and pickled.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from time import time_ns
from typing import TYPE_CHECKING, Any
from uuid import UUID

from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.messages import ToolMessage

from ..capture.endings import ending_of
from ..capture.errors import ToolError
from ..capture.messages import begins_answer
from ..capture.snapshot import Snapshot
from ..record.operation import Kind
from ..record.parameters import CONTENT_FREE
from ..recording.captured import Translate
from ..recording.current import add_event
from ..recording.fields import fields_from_kwargs
from ..recording.guard import guarded, report_fault
from ..recording.nested import note_inner
from ..recording.open_operation import OpenOperation
from ..recording.recorder import Recorder
from ..recording.tasks import watch
from ..recording.trace import TraceHandle
from . import feedback, translate
from .messages import SHAPES, hold_messages
from .outcome import hold_answer
from .pauses import INTERRUPTED, interrupted, pause, resumed
from .siblings import surrounding_rule
from .translate import hold, hold_parameters, is_plumbing_tag, is_scored

if TYPE_CHECKING:
    from ..pipeline import Pipeline

_HIDDEN = "langsmith:hidden"
_NO_INPUT: Any = object()


class SpancastCallbackHandler(BaseCallbackHandler):
    """Add it to any chain, agent or graph: `config={"callbacks": [SpancastCallbackHandler()]}`.

    Args:
        pipeline: Records into this pipeline; else into the one that is in use where a run starts, or where the handler
            was made.
        detail: `normal` leaves out LangGraph's own plumbing; `full` shows every run.
        fields: Trace fields that hold when nothing nearer says otherwise (`user`, `session_id`, `trace_name`, ...);
            further keywords are custom metadata.
    """

    run_inline = True
    raise_error = False

    def __new__(cls, **keywords: Any) -> SpancastCallbackHandler:
        """Make a handler that LangGraph also tells about interrupts, where LangGraph is loaded already.

        It tells only instances of its own class, and importing that costs seconds: not for those who use no graphs.
        """
        return super().__new__(_graph_class(cls) if "langgraph" in sys.modules else cls)

    def __init__(self, *, pipeline: Pipeline | None = None, detail: str = "normal", **fields: object) -> None:
        if detail not in ("normal", "full"):
            from ..validation import SettingsError

            raise SettingsError(f"detail={detail!r} is not known: use 'normal' or 'full'.")
        from ..pipeline import in_use, surrounding

        self._in_use = in_use  # an import statement in each callback cost 1 us
        self._pipeline = pipeline
        self._answering: UUID | None = None  # the run whose token came last, once its first one is noted
        self._made_in = surrounding()  # plain threads do not see the block that the handler was made in
        self._fold = detail == "normal"
        self._arguments = {"detail": detail, **fields}
        self._defaults = fields_from_kwargs(fields)

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle the arguments; the pipeline, with its threads and sockets, stays behind."""
        return (_rebuilt, (self._arguments,))

    def __copy__(self) -> SpancastCallbackHandler:
        return self

    def __deepcopy__(self, memo: Any) -> SpancastCallbackHandler:
        return self

    def _recorder(self) -> Recorder | None:
        pipeline = self._pipeline or self._in_use(self._made_in)
        return pipeline.recorder if pipeline.enabled else None

    # ------------------------------------------------------------------ opening and closing
    def _open(
        self,
        kind: Kind,
        name: str,
        run_id: UUID,
        parent_run_id: UUID | None,
        tags: Sequence[str] | None,
        metadata: Mapping[str, Any] | None,
        translator: Translate,
        current: bool = True,
        inputs: Any = _NO_INPUT,
        batch_size: int = 1,
    ) -> OpenOperation | None:
        """Open an operation; None when nothing is to be kept of it: folded, known already, or recorded nowhere."""
        recorder = self._recorder()
        key = run_id.int  # a UUID's own hash and comparison are Python code: five look-ups a span cost 2 us more
        if recorder is None or recorder.find(key) is not None:
            return None
        parent = recorder.find(parent_run_id.int) if parent_run_id is not None else None
        if self._fold and parent is not None and ((tags and _HIDDEN in tags) or _is_plumbing(name, metadata)):
            recorder.fold(key, parent)
            return None
        operation = recorder.open(  # by position: matching ten keywords costs 0.3 us
            key,
            kind,
            name,
            parent,
            metadata,
            self._defaults,
            self,
            None if parent is not None else surrounding_rule(batch_size),
            translator,
            current,
            None if parent is not None or inputs is _NO_INPUT else resumed(recorder, inputs, metadata),
        )
        if tags:  # the user's own are content; the frameworks' say what a run is
            operation.snapshots["tags"] = tuple(tags) if operation.capture else tuple(filter(is_plumbing_tag, tags))
        if parent is None:
            feedback.remember(run_id, operation)
            if kind is Kind.LLM and operation.parent is None:
                watch(operation, recorder.end)
        return operation

    def _find(self, run_id: UUID) -> tuple[Recorder, OpenOperation] | None:
        """Return the open operation of a run, unless it is folded into another."""
        recorder = self._recorder()
        operation = recorder.find(run_id.int) if recorder is not None else None
        if recorder is None or operation is None:
            return None
        if operation.key != run_id.int:
            recorder.release(run_id.int)
            return None
        return recorder, operation

    def _close(self, run_id: UUID, output: object = None, inputs: object = None) -> None:
        found = self._find(run_id)
        if found is None:
            return
        recorder, operation = found
        if operation.capture:
            if output is not None:
                operation.snapshots["output"] = hold(output, operation)
            if inputs is not None:  # a stream's true input is known only at its end
                operation.snapshots["input"] = hold(inputs, operation)
        # a synchronous stream that its consumer closed early is reported as finished, while its model is still open
        recorder.close(operation, ending="abandoned" if output is None and _has_open_model(operation) else None)

    def _fail(self, run_id: UUID, error: BaseException, inputs: object = None) -> None:
        found = self._find(run_id)
        if found is None:
            return
        recorder, operation = found
        if operation.capture and inputs is not None:
            operation.snapshots["input"] = hold(inputs, operation)
        failed, ending = ending_of(error)
        if ending == INTERRUPTED:
            interrupted(recorder, operation, error)
        recorder.close(operation, error=failed, ending=ending)

    # ------------------------------------------------------------------ for feedback links
    def trace_id_for(self, run_id: UUID) -> str | None:
        """Return the trace id (32 hex digits) of a run that has no parent, by LangChain's own id of it.

        Known for the newest 10,000 runs of the process; None for others, and for runs that have a parent.
        """
        return feedback.trace_id_for(run_id)

    @property
    def last_trace(self) -> TraceHandle | None:
        """The newest trace that was started from this context: the one that a call which just returned has made.

        Safe with concurrent runs: each task and each thread sees its own.
        """
        return feedback.last_trace()

    # The events of each run guard themselves: `guarded` packs and unpacks their keywords once more, 1 us an event.

    # ------------------------------------------------------------------ chains, graphs, agents
    def on_chain_start(
        self,
        serialized: dict[str, Any] | None,
        inputs: Any,
        *,
        run_id: UUID,
        parent_run_id: UUID | None = None,
        tags: list[str] | None = None,
        metadata: dict[str, Any] | None = None,
        name: str | None = None,
        run_type: str | None = None,
        defers_inputs: bool = False,
        **kwargs: Any,
    ) -> None:
        """A chain, graph or node starts; or a decision model, which LangChain runs as a chain of type `llm`."""
        try:
            agent = self._agent_name(parent_run_id, metadata) if metadata else None
            kind, translator = (Kind.AGENT, translate.agent) if agent else (Kind.CHAIN, translate.chain)
            if run_type == "llm":
                kind, translator = Kind.LLM, translate.decision
            operation = self._open(
                kind,
                name or _name(serialized) or "chain",
                run_id,
                parent_run_id,
                tags,
                metadata,
                translator,
                not defers_inputs,  # between two chunks of a stream the consumer must not see it as current
                inputs,
            )
            if operation is None or not operation.capture:
                return
            if agent:
                operation.snapshots["agent"] = agent
            if not defers_inputs:
                operation.snapshots["input"] = held = hold(inputs, operation)
                if operation.parent is not None and operation.parent.kind is Kind.AGENT:
                    operation.parent.snapshots.setdefault("began_with", held)  # its first node
                if run_type == "prompt" and operation.parent is not None:
                    operation.parent.snapshots["variables"] = held  # for the model call that comes next
        except Exception as error:
            report_fault("on_chain_start", error)

    def _agent_name(self, parent_run_id: UUID | None, metadata: Mapping[str, Any] | None) -> str | None:
        """Return the agent's name where one begins: `create_agent` says so in its run's metadata (never by substring)."""
        name = _agent_in(metadata)
        if name is None or metadata is None or parent_run_id is None or "langgraph_node" not in metadata:
            return name
        recorder = self._recorder()
        parent = recorder.find(parent_run_id.int) if recorder is not None else None
        return name if parent is None or _agent_in(parent.mapping) != name else None

    def on_chain_end(self, outputs: Any, *, run_id: UUID, inputs: Any = None, **kwargs: Any) -> None:
        """A chain, graph or node has its output; a graph that waits for a person has one too."""
        try:
            self._close(run_id, outputs, inputs)
        except Exception as error:
            report_fault("on_chain_end", error)

    @guarded
    def on_chain_error(self, error: BaseException, *, run_id: UUID, inputs: Any = None, **kwargs: Any) -> None:
        """A chain, graph or node failed or was stopped."""
        self._fail(run_id, error, inputs)

    # ------------------------------------------------------------------ models
    def on_chat_model_start(
        self,
        serialized: dict[str, Any] | None,
        messages: list[list[Any]],
        *,
        run_id: UUID,
        parent_run_id: UUID | None = None,
        tags: list[str] | None = None,
        metadata: dict[str, Any] | None = None,
        invocation_params: dict[str, Any] | None = None,
        name: str | None = None,
        batch_size: int = 1,
        options: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        """A chat model is called."""
        try:
            operation = self._open_model(
                serialized, run_id, parent_run_id, tags, metadata, invocation_params, name, batch_size
            )
            asked = options.get("ls_structured_output_format") if options else None
            if asked and operation is not None and operation.capture:
                operation.snapshots["answer_schema"] = hold(asked, operation)
            if operation is not None and operation.capture:
                taken = Snapshot(SHAPES)
                operation.snapshots["messages"] = hold_messages(messages[0], taken)
                operation.size += taken.size
        except Exception as error:
            report_fault("on_chat_model_start", error)

    @guarded
    def on_llm_start(
        self,
        serialized: dict[str, Any] | None,
        prompts: list[str],
        *,
        run_id: UUID,
        parent_run_id: UUID | None = None,
        tags: list[str] | None = None,
        metadata: dict[str, Any] | None = None,
        invocation_params: dict[str, Any] | None = None,
        name: str | None = None,
        batch_size: int = 1,
        **kwargs: Any,
    ) -> None:
        """A completion model is called."""
        operation = self._open_model(
            serialized, run_id, parent_run_id, tags, metadata, invocation_params, name, batch_size
        )
        if operation is not None:
            operation.snapshots["operation"] = "text_completion"
            if operation.capture:
                taken = Snapshot(SHAPES)
                operation.snapshots["prompts"] = [taken.take(prompt) for prompt in prompts]
                operation.size += taken.size

    def _open_model(
        self,
        serialized: dict[str, Any] | None,
        run_id: UUID,
        parent_run_id: UUID | None,
        tags: list[str] | None,
        metadata: dict[str, Any] | None,
        parameters: dict[str, Any] | None,
        name: str | None,
        batch_size: int,
    ) -> OpenOperation | None:
        operation = self._open(
            Kind.LLM,
            name or _name(serialized) or "model",
            run_id,
            parent_run_id,
            tags,
            metadata,
            translate.generation,
            batch_size=batch_size,
        )
        if operation is not None and operation.parent is not None and "variables" in operation.parent.snapshots:
            operation.snapshots["variables"] = operation.parent.snapshots.pop("variables")
        if operation is not None and parameters:
            kept = parameters
            if not operation.capture:
                kept = {key: value for key, value in parameters.items() if key in _WITHOUT_CONTENT}
            operation.snapshots["parameters"] = hold_parameters(kept, operation)
        return operation

    def on_llm_new_token(self, token: Any, *, run_id: UUID, chunk: Any = None, **kwargs: Any) -> None:
        """Note when the first piece of an answer came. Called for every token: the later ones cost one comparison."""
        if run_id is self._answering:
            return
        try:
            recorder = self._recorder()
            operation = recorder.find(run_id.int) if recorder is not None else None
            if operation is not None and not operation.first_token_ns and (token or begins_answer(chunk)):
                operation.first_token_ns = time_ns()
            if operation is None or operation.first_token_ns:
                self._answering = run_id
        except Exception as error:
            report_fault("on_llm_new_token", error)

    @guarded
    def on_stream_event(self, event: Any, *, run_id: UUID, **kwargs: Any) -> None:
        """Note when the first piece of an answer came (streams of version 3)."""
        kind = event.get("event") if isinstance(event, Mapping) else getattr(event, "event", None)
        found = self._find(run_id) if kind == "content-block-delta" else None
        if found is not None and not found[1].first_token_ns:
            found[1].first_token_ns = time_ns()

    def on_llm_end(self, response: Any, *, run_id: UUID, **kwargs: Any) -> None:
        """A model has answered."""
        try:
            found = self._find(run_id)
            if found is None:
                return
            recorder, operation = found
            self._hold_response(operation, response)
            recorder.close(operation)
        except Exception as error:
            report_fault("on_llm_end", error)

    def _hold_response(self, operation: OpenOperation, response: Any) -> None:
        if not operation.sampled:
            return
        taken = Snapshot(SHAPES)
        operation.snapshots["answer"] = answer = hold_answer(response, taken, content=operation.capture)
        operation.size += taken.size
        note_inner(operation, answer)

    @guarded
    def on_llm_error(self, error: BaseException, *, run_id: UUID, response: Any = None, **kwargs: Any) -> None:
        """A model failed or was stopped; a part of its answer may be there."""
        found = self._find(run_id)
        if found is not None and response is not None:
            self._hold_response(found[1], response)
        self._fail(run_id, error)

    # ------------------------------------------------------------------ tools
    def on_tool_start(
        self,
        serialized: dict[str, Any] | None,
        input_str: str,
        *,
        run_id: UUID,
        parent_run_id: UUID | None = None,
        tags: list[str] | None = None,
        metadata: dict[str, Any] | None = None,
        inputs: dict[str, Any] | None = None,
        name: str | None = None,
        tool_call_id: str | None = None,
        **kwargs: Any,
    ) -> None:
        """A tool is called."""
        try:
            called = name or _name(serialized) or "tool"
            operation = self._open(Kind.TOOL, called, run_id, parent_run_id, tags, metadata, translate.tool)
            if operation is None:
                return
            operation.snapshots["call_id"] = tool_call_id
            if operation.capture:
                operation.snapshots["description"] = (serialized or {}).get("description")
                operation.snapshots["input"] = hold(inputs if inputs is not None else input_str, operation)
        except Exception as error:
            report_fault("on_tool_start", error)

    def on_tool_end(self, output: Any, *, run_id: UUID, **kwargs: Any) -> None:
        """A tool has its result, or an error that it turned into one."""
        try:
            found = self._find(run_id)
            if found is None:
                return
            recorder, operation = found
            is_message = issubclass(type(output), ToolMessage)
            failed = is_message and output.status == "error"
            content = output.content if is_message else output
            if operation.capture:
                operation.snapshots["output"] = hold(content, operation)
                if is_message and output.artifact is not None:
                    operation.snapshots["artifact"] = hold(output.artifact, operation)
            recorder.close(operation, error=ToolError(content if isinstance(content, str) else "") if failed else None)
        except Exception as error:
            report_fault("on_tool_end", error)

    @guarded
    def on_tool_error(self, error: BaseException, *, run_id: UUID, **kwargs: Any) -> None:
        """A tool failed or was stopped."""
        self._fail(run_id, error)

    # ------------------------------------------------------------------ retrievers
    @guarded
    def on_retriever_start(
        self,
        serialized: dict[str, Any] | None,
        query: str,
        *,
        run_id: UUID,
        parent_run_id: UUID | None = None,
        tags: list[str] | None = None,
        metadata: dict[str, Any] | None = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        """A retriever is asked."""
        called = name or _name(serialized) or "retriever"
        operation = self._open(Kind.RETRIEVER, called, run_id, parent_run_id, tags, metadata, translate.retriever)
        if operation is not None and operation.capture:
            operation.snapshots["input"] = hold(query, operation)

    @guarded
    def on_retriever_end(self, documents: Any, *, run_id: UUID, **kwargs: Any) -> None:
        """A retriever has found documents; one that asked another and scored what it found is a reranker."""
        found = self._find(run_id)
        if found is not None and found[1].capture:
            operation = found[1]
            operation.snapshots["output"] = held = hold(list(documents), operation)
            if "found" in operation.snapshots and is_scored(held):
                operation.kind, operation.translate = Kind.RERANKER, translate.reranker
            if operation.parent is not None and operation.parent.kind is Kind.RETRIEVER:
                operation.parent.snapshots["found"] = held
        self._close(run_id)

    @guarded
    def on_retriever_error(self, error: BaseException, *, run_id: UUID, **kwargs: Any) -> None:
        """A retriever failed or was stopped."""
        self._fail(run_id, error)

    # ------------------------------------------------------------------ moments
    @guarded
    def on_custom_event(self, name: str, data: Any, *, run_id: UUID, **kwargs: Any) -> None:
        """The application sent an event of its own: it becomes an event of the run around it."""
        self._note(run_id, name, {"data": data} if data is not None else {})

    @guarded
    def on_retry(self, retry_state: Any, *, run_id: UUID, **kwargs: Any) -> None:
        """A model call is tried again."""
        self._note(run_id, "retry", {"attempt": getattr(retry_state, "attempt_number", None)})

    @guarded
    def on_interrupt(self, event: Any) -> None:
        """A graph pauses for a person, also where it was compiled to stop before or after a node."""
        found = self._find(event.run_id)
        if found is not None:
            recorder, operation = found
            pause(recorder, operation)
            operation.ending = INTERRUPTED
            add_event(operation, "interrupt", {"checkpoint_id": event.checkpoint_id, "status": event.status})

    @guarded
    def on_resume(self, event: Any) -> None:
        """A graph goes on after a pause."""
        self._note(event.run_id, "resume", {"checkpoint_id": event.checkpoint_id})

    def _note(self, run_id: UUID | None, name: str, values: Mapping[str, Any]) -> None:
        recorder = self._recorder()
        operation = recorder.find(run_id.int) if recorder is not None and run_id is not None else None
        if operation is not None and operation.capture:
            add_event(
                operation, name, {key: hold(value, operation) for key, value in values.items() if value is not None}
            )


# What is held of a model's parameters when no destination may see content.
_WITHOUT_CONTENT = CONTENT_FREE | {"_type", "model_id"}


def _agent_in(metadata: Mapping[str, Any] | None) -> str | None:
    """Return the agent that a run belongs to, by LangChain's own marks; one that was given no name is `agent`."""
    if not metadata:
        return None
    name = metadata.get("lc_agent_name")
    if name is None and metadata.get("ls_integration") == "langchain_create_agent":
        name = "agent"
    return name if isinstance(name, str) and name else None


def _has_open_model(operation: OpenOperation) -> bool:
    return any(child.kind is Kind.LLM for child in list(operation.children or ()))


def _is_plumbing(name: str, metadata: Mapping[str, Any] | None) -> bool:
    """Return whether a run inside a node is LangGraph's own wrapper around a function without a name."""
    return name in _PLUMBING and metadata is not None and "langgraph_node" in metadata


_PLUMBING = frozenset({"ChannelRead", "ChannelWrite", "PregelNode", "RunnableCallable", "RunnableSeq", "chain"})


def _name(serialized: Mapping[str, Any] | None) -> str | None:
    if not serialized:
        return None
    name = serialized.get("name")
    if not name and serialized.get("id"):
        name = serialized["id"][-1]
    return name if isinstance(name, str) else None


_graph_classes: dict[type, type] = {}


def _graph_class(cls: type) -> type:
    made = _graph_classes.get(cls)
    if made is None:
        try:
            from langgraph.callbacks import GraphCallbackHandler
        except ImportError:  # an older LangGraph, without these events
            return cls
        if issubclass(cls, GraphCallbackHandler):
            return cls
        made = type(cls.__name__, (cls, GraphCallbackHandler), {"__module__": cls.__module__, "__doc__": cls.__doc__})
        _graph_classes[cls] = made
    return made


def _rebuilt(arguments: dict[str, Any]) -> SpancastCallbackHandler:
    return SpancastCallbackHandler(**arguments)
