"""SpancastCallbackHandler: receives LangChain's and LangGraph's events.

Synchronous with `run_inline`, so that each event runs in the caller's own context, also in async code. All state lies
in the recorder: one handler may be shared by any number of concurrent runs, copied and pickled.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from time import time_ns
from typing import TYPE_CHECKING, Any
from uuid import UUID

from langchain_core.callbacks import BaseCallbackHandler

from ..capture.handler import PortableHandler, check_detail, check_pipeline
from ..capture.messages import begins_answer
from ..record.operation import AGENT, CHAIN, LLM, RETRIEVER, TOOL
from ..recording.current import add_event
from ..recording.fields import fields_from_kwargs
from ..recording.guard import guarded, report_fault
from ..recording.handle import TraceHandle
from ..recording.open_operation import OpenOperation
from . import agents, graphs, models, partial_answers, retrievers, tools, trace_lookup, translate
from .chains import CALLING_NODES, capture_chain_end, capture_chain_error, capture_chain_start, kind_of_chain, skip_step
from .content import capture
from .dispatch import RAISE_ERROR, RUN_INLINE, HandlerType
from .pauses import INTERRUPTED, pause
from .run_context import checked_paths
from .runs import Runs

if TYPE_CHECKING:
    from ..runtime.pipeline import Pipeline


class SpancastCallbackHandler(PortableHandler, BaseCallbackHandler, metaclass=HandlerType):
    """Add it to any chain, agent or graph: `config={"callbacks": [SpancastCallbackHandler()]}`.

    Args:
        pipeline: Records into this pipeline; else into the one that is in use where a run starts, or where the handler
            was made.
        detail: `normal` leaves out LangGraph's own wrappers; `full` shows every run.
        context_fields: Trace fields out of the `context` that a graph is called with, as names: `{"user": "user_id"}` takes
            `context.user_id`, `{"tenant": "account.name"}` is metadata. Only what is named is read.
        fields: Trace fields for what nothing nearer sets (`user`, `session_id`, `trace_name`, ...);
            further keywords are custom metadata.
    """

    run_inline = RUN_INLINE
    raise_error = RAISE_ERROR
    ignore_llm = ignore_retry = ignore_agent = ignore_chain = False
    ignore_chat_model = ignore_retriever = ignore_custom_event = False

    def __new__(cls, **keywords: Any) -> SpancastCallbackHandler:
        """Make a handler that LangGraph also tells about interrupts, where LangGraph is loaded already."""
        return super().__new__(graphs.class_for_graphs(cls))

    def __init__(
        self,
        *,
        pipeline: Pipeline | None = None,
        detail: str = "normal",
        context_fields: Mapping[str, str] | None = None,
        **fields: object,
    ) -> None:
        check_pipeline(pipeline)
        full = check_detail(detail)
        paths = checked_paths(context_fields)
        # the run whose token came last, once its first one is noted, and what takes its pieces: one object, for threads
        self._answering: tuple[int, Callable[[Any], object]] = (0, partial_answers.forget)
        self._arguments = {"detail": detail, "context_fields": context_fields, **fields}
        self._runs = Runs(self, pipeline, fields_from_kwargs(fields), not full, paths)

    # ------------------------------------------------------------------ for feedback links
    def trace_id_for(self, run_id: UUID | str) -> str | None:
        """Return the trace id (32 hex digits) of a run that has no parent, by LangChain's own id of it.

        Remembered for the newest 10,000 runs of the process; None for others, and for runs that have a parent.
        """
        return trace_lookup.trace_id_for(run_id)

    @property
    def last_trace(self) -> TraceHandle | None:
        """The newest trace that was started from this context: the one that a call which just returned has made.

        Safe with concurrent runs: each task and each thread sees its own.
        """
        return trace_lookup.last_trace()

    # The starts of runs guard themselves: `guarded` packs and unpacks their keywords once more, 1 us an event. Ends are
    # guarded by `Runs`.

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
            name = name or _name_in(serialized) or "chain"
            agent = self._agent(name, inputs, parent_run_id, metadata) if metadata else None
            kind, translator = (AGENT, translate.agent) if agent else kind_of_chain(name, run_type, metadata)
            operation = self._runs.open(
                kind,
                name,
                run_id,
                parent_run_id,
                tags,
                metadata,
                translator,
                not defers_inputs,  # between two chunks of a stream the consumer must not see it as current
                inputs,
            )
            if operation is not None:
                if agent:
                    agents.note_agent(operation, agent)
                capture_chain_start(operation, None if defers_inputs else inputs, run_type, metadata, serialized)
                if metadata:
                    if "langgraph.pregel.remote" in sys.modules:
                        graphs.carry_trace(name, metadata)
                    if name in CALLING_NODES and (hooks := graphs.middleware_hooks()) is not None:
                        hooks.watch_hooks(operation, metadata, self, self._runs.folds)
            elif metadata and name in graphs.HARNESS_NODES:
                skip_step(self._runs.peek(parent_run_id), metadata)
        except Exception as error:
            self._runs.fault("on_chain_start", run_id, error)

    def _agent(self, name: str, inputs: Any, parent_run_id: UUID | None, metadata: Mapping[str, Any]) -> str | None:
        """Return the agent that begins with this run; and mark the one that this run shows its graph to be."""
        if parent_run_id is None and agents.edits_state(name, metadata):
            return None
        if parent_run_id is None and metadata.get("ls_integration") is not None:
            graphs.obey_trace_policies(type(self))
        parent = self._runs.peek(parent_run_id)
        if name == agents.PREBUILT_CALL:
            agents.mark_prebuilt(inputs, metadata, parent)
        elif name == agents.MODEL_NODE and parent is not None and parent.kind is CHAIN:
            agents.mark_inner(inputs, metadata, parent)
        return agents.begins_agent(metadata, parent)

    def on_chain_end(self, outputs: Any, *, run_id: UUID, inputs: Any = None, **kwargs: Any) -> None:
        """A chain, graph or node has its output; a graph that waits for a human has one too."""
        self._runs.close("on_chain_end", run_id, capture_chain_end, outputs, inputs)

    def on_chain_error(self, error: BaseException, *, run_id: UUID, inputs: Any = None, **kwargs: Any) -> None:
        """A chain, graph or node failed or was stopped."""
        self._runs.fail("on_chain_error", run_id, error, capture_chain_error, error, inputs)

    @guarded
    def on_agent_action(self, action: Any, *, run_id: UUID, **kwargs: Any) -> None:
        """A classic agent has decided what to do: its executor's run is an agent."""
        self._mark_agent(run_id)

    @guarded
    def on_agent_finish(self, finish: Any, *, run_id: UUID, **kwargs: Any) -> None:
        """A classic agent has decided that it is done."""
        self._mark_agent(run_id)

    def _mark_agent(self, run_id: UUID) -> None:
        operation = self._runs.peek(run_id)
        if operation is not None and operation.key == run_id.int:
            agents.mark_agent(operation)

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
            name = name or _name_in(serialized)
            operation = self._open_model(
                name, run_id, parent_run_id, tags, metadata, invocation_params, batch_size, serialized
            )
            if operation is not None:
                models.capture_chat(operation, messages, options)
        except Exception as error:
            self._runs.fault("on_chat_model_start", run_id, error)

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
        try:
            name = name or _name_in(serialized)
            operation = self._open_model(
                name, run_id, parent_run_id, tags, metadata, invocation_params, batch_size, serialized
            )
            if operation is not None:
                models.capture_prompts(operation, prompts)
        except Exception as error:
            self._runs.fault("on_llm_start", run_id, error)

    def _open_model(
        self,
        name: str | None,
        run_id: UUID,
        parent_run_id: UUID | None,
        tags: list[str] | None,
        metadata: dict[str, Any] | None,
        parameters: dict[str, Any] | None,
        batch_size: int,
        serialized: dict[str, Any] | None,
    ) -> OpenOperation | None:
        operation = self._runs.open(
            LLM,
            name or "model",
            run_id,
            parent_run_id,
            tags,
            metadata,
            translate.generation,
            batch_size=batch_size,
        )
        if operation is not None:
            models.capture_call(operation, parameters, serialized)
        return operation

    def on_llm_new_token(self, token: Any, *, run_id: UUID, chunk: Any = None, **kwargs: Any) -> None:
        """Note when the first piece of an answer came, and its pieces: a comparison and an append a token."""
        try:
            number, add = self._answering
            if run_id.int == number:
                add(token if chunk is None else chunk)
                return
            operation = self._runs.peek(run_id)
            if operation is not None and not operation.first_token_ns and (token or begins_answer(chunk)):
                operation.first_token_ns = time_ns()
            if operation is None:
                self._answering = (run_id.int, partial_answers.forget)
                return
            add = partial_answers.add_to(operation, self) if operation.key == run_id.int else partial_answers.forget
            add(token if chunk is None else chunk)
            if operation.first_token_ns:
                self._answering = (run_id.int, add)
        except Exception as error:
            report_fault("on_llm_new_token", error)

    @guarded
    def on_stream_event(self, event: Any, *, run_id: UUID, **kwargs: Any) -> None:
        """Note when the first piece of an answer came (streams of version 3)."""
        kind = event.get("event") if isinstance(event, Mapping) else getattr(event, "event", None)
        operation = self._runs.peek(run_id) if kind == "content-block-delta" else None
        if operation is not None and operation.key == run_id.int and not operation.first_token_ns:
            operation.first_token_ns = time_ns()

    def on_llm_end(self, response: Any, *, run_id: UUID, **kwargs: Any) -> None:
        """A model has answered."""
        self._runs.close("on_llm_end", run_id, models.capture_answer, response)

    def on_llm_error(self, error: BaseException, *, run_id: UUID, response: Any = None, **kwargs: Any) -> None:
        """A model failed or was stopped; a part of its answer may be there."""
        self._runs.fail("on_llm_error", run_id, error, models.capture_answer, response)

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
            name = name or _name_in(serialized) or "tool"
            operation = self._runs.open(TOOL, name, run_id, parent_run_id, tags, metadata, translate.tool)
            if operation is not None:
                tools.capture_tool(operation, tool_call_id, serialized, input_str if inputs is None else inputs)
        except Exception as error:
            self._runs.fault("on_tool_start", run_id, error)

    def on_tool_end(self, output: Any, *, run_id: UUID, **kwargs: Any) -> None:
        """A tool has its result, or an error that it turned into one."""
        self._runs.close("on_tool_end", run_id, tools.capture_result, output)

    def on_tool_error(self, error: BaseException, *, run_id: UUID, **kwargs: Any) -> None:
        """A tool failed or was stopped."""
        self._runs.fail("on_tool_error", run_id, error)

    # ------------------------------------------------------------------ retrievers
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
        try:
            name = name or _name_in(serialized) or "retriever"
            operation = self._runs.open(RETRIEVER, name, run_id, parent_run_id, tags, metadata, translate.retriever)
            if operation is not None and operation.capture:
                operation.snapshots["input"] = capture(query, operation)
        except Exception as error:
            self._runs.fault("on_retriever_start", run_id, error)

    def on_retriever_end(self, documents: Any, *, run_id: UUID, **kwargs: Any) -> None:
        """A retriever has found documents."""
        self._runs.close("on_retriever_end", run_id, retrievers.capture_found, documents)

    def on_retriever_error(self, error: BaseException, *, run_id: UUID, **kwargs: Any) -> None:
        """A retriever failed or was stopped."""
        self._runs.fail("on_retriever_error", run_id, error)

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
        """A graph pauses for a human, also where it was compiled to stop before or after a node."""
        recorder = self._runs.recorder()
        operation = self._runs.peek(event.run_id)
        if recorder is not None and operation is not None and operation.key == event.run_id.int:
            pause(recorder, operation, event.checkpoint_id)
            operation.ending = INTERRUPTED
            add_event(operation, "interrupt", {"checkpoint_id": event.checkpoint_id, "status": event.status})

    @guarded
    def on_resume(self, event: Any) -> None:
        """A graph goes on after a pause."""
        self._note(event.run_id, "resume", {"checkpoint_id": event.checkpoint_id})

    def _note(self, run_id: UUID | None, name: str, values: Mapping[str, Any]) -> None:
        operation = self._runs.peek(run_id)
        if operation is not None and operation.capture:
            captured = {key: capture(value, operation) for key, value in values.items() if value is not None}
            add_event(operation, name, captured)


def _name_in(serialized: Mapping[str, Any] | None) -> str | None:
    if not serialized:
        return None
    name = serialized.get("name")
    if not name and serialized.get("id"):
        name = serialized["id"][-1]
    return name if isinstance(name, str) else None
