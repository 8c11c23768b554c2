"""Events: what LlamaIndex reports of a call besides its beginning and end. By class name; unknown ones pass."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from time import time_ns
from typing import Any

from llama_index.core.base.llms.types import TextBlock
from llama_index.core.chat_engine.types import StreamingAgentChatResponse

from ..capture.endings import ending_of
from ..recording.guard import report_fault
from .calls import Call, visible
from .classify import STRUCTURED
from .outcome import noted
from .spans import Spans


class Events:
    """Reads models' chunks and ends, and errors that come after a call has returned its stream."""

    __slots__ = ("_spans",)

    def __init__(self, spans: Spans) -> None:
        self._spans = spans

    def handle(self, event: Any, **kwargs: Any) -> None:
        """Read an event. Called for every token: no guard wrapper, one look-up for what is of no interest."""
        name = type(event).__name__
        read = _READERS.get(name)
        if read is None:
            return
        try:
            spans = self._spans
            id_ = event.span_id
            call = spans.open_calls.get(id_) or spans.find(id_)
            if name in _IN_GENERATORS:  # such an event bears the id of whoever reads the generator
                call = spans.pending.generators.around(call)
            if call is not None and call.operation is not None:
                read(spans, call, event)
        except Exception as error:
            report_fault(name, error)


# ---------------------------------------------------------------- models
def _model_starts(spans: Spans, call: Call, event: Any) -> None:
    call.progress.sends_events = True
    (call.wraps or call).progress.is_reported = True
    operation = call.operation
    if call.is_visible and operation is not None and operation.snapshots.get("model") is None:
        model = event.model_dict.get("model_name") or event.model_dict.get("model")
        if isinstance(model, str) and model and model != "unknown":
            operation.snapshots["model"] = model


def _model_piece(spans: Spans, call: Call, event: Any) -> None:
    note_piece(call, event.response)


def note_piece(call: Call, response: Any) -> None:
    """Note when the first piece came, and which chunks say something besides the content; no other chunk is kept."""
    operation = call.operation
    outermost = call.wraps or call
    outermost.progress.has_begun = True
    outermost.progress.response = response  # so far: what a stream that breaks has said
    if operation is not None and not operation.first_token_ns and _says_something(response):
        operation.first_token_ns = time_ns()
    raw = response.raw  # no copy: a chunk costs 1.5 us here, where LlamaIndex's event itself costs 6
    if raw is not None:
        outermost.progress.counted = noted(outermost.progress.counted, raw)


def _says_something(response: Any) -> bool:
    """Return whether a chunk has a part of the answer, a thought or a tool call; the first often has a role only."""
    if response.delta:
        return True
    further = response.additional_kwargs
    message = getattr(response, "message", None)
    if message is not None:
        if any(type(block) is not TextBlock for block in message.blocks):
            return True
        further = {**further, **message.additional_kwargs}
    return any(further.get(name) for name in _SAID_BESIDES)


_SAID_BESIDES = ("tool_calls", "thinking_delta", "thinking", "reasoning_content", "reasoning", "reasoning_delta")


def _model_ends(spans: Spans, call: Call, event: Any) -> None:
    response = event.response
    outermost = call.wraps
    if outermost is not None:  # a layer: the model call around it has the answer, but perhaps not the token counts
        if response is not None:
            outermost.progress.counted = noted(outermost.progress.counted, response.raw)
        if outermost.progress.sends_events or outermost.operation is None:
            return
        # the call around it reports nothing (`OpenAILike`): what its layer reports is its answer
        outermost.progress.response = response
        call = outermost
    if call.is_visible and call.operation is not None and call in spans.pending:
        spans.pending.capture_answer(call, call.operation, response)
        spans.pending.finish(call.id)


def _error_after_return(spans: Spans, call: Call, event: Any) -> None:
    if call.wraps is not None and not call.wraps.progress.sends_events:
        call = call.wraps
    if call.wraps is None and call.is_visible and call in spans.pending:
        _, ending = ending_of(event.exception)
        if ending == "abandoned" and not call.progress.has_begun:
            ending = "never started"
        spans.pending.finish(call.id, event.exception, ending)


# ---------------------------------------------------------------- structured answers that are streamed
def _structured(spans: Spans, call: Call) -> Call | None:
    """Return the visible call of a structured prediction whose stream goes on; it may be around the one of the event."""
    shown = visible(call)
    return shown if shown is not None and shown.method in STRUCTURED and shown in spans.pending else None


def _object_starts(spans: Spans, call: Call, event: Any) -> None:
    shown = _structured(spans, call)
    if shown is not None:
        shown.progress.is_reported = True


def _object_piece(spans: Spans, call: Call, event: Any) -> None:
    """Keep the object as far as it is made."""
    shown = _structured(spans, call)
    if shown is not None and shown.operation is not None:
        shown.progress.has_begun = True
        shown.progress.response = event.output
        shown.operation.first_token_ns = shown.operation.first_token_ns or time_ns()


def _object_ends(spans: Spans, call: Call, event: Any) -> None:
    shown = _structured(spans, call)
    if shown is not None and shown.operation is not None:
        spans.pending.capture_answer(shown, shown.operation, event.output)
        spans.pending.finish(shown.id)


# ---------------------------------------------------------------- chat engines, workflows, rerankers
def _chat_piece(spans: Spans, call: Call, event: Any) -> None:
    """Keep a piece of a chat engine's answer, for the chat that waits for it; the thread that reports it may end sooner."""
    if call.operation is None or not call.operation.capture:
        return
    pieces = call.progress.pieces
    if pieces is None:
        pieces = []
        above: Call | None = call
        while above is not None:
            above.progress.pieces = pieces
            above = above.outer
    pieces.append(event.delta)


def _answer_is_kept() -> bool:
    """Return whether LlamaIndex keeps a chat engine's whole answer (from 0.14.24 on); else we keep its pieces."""
    written: Any = StreamingAgentChatResponse.write_response_to_history
    code = getattr(getattr(written, "__wrapped__", written), "__code__", None)
    return code is not None and "response" in code.co_names


def _stopped(spans: Spans, call: Call, event: Any) -> None:
    if call.is_visible and call.operation is not None:
        call.operation.ending = "cancelled"
    elif call.outer is not None and call.outer.progress.member is not None:
        call.outer.progress.member.operation.ending = "cancelled"


def _reranks(spans: Spans, call: Call, event: Any) -> None:
    operation = call.operation
    if operation is None or "documents" not in operation.snapshots:
        return
    if isinstance(event.model_name, str) and event.model_name:
        operation.snapshots["model"] = operation.snapshots.get("model") or event.model_name
    if operation.snapshots.get("top_k") is None and type(event.top_n) is int:
        operation.snapshots["top_k"] = event.top_n


Reader = Callable[[Spans, Call, Any], None]
_READERS: Mapping[str, Reader] = {
    "LLMChatStartEvent": _model_starts,
    "LLMCompletionStartEvent": _model_starts,
    "LLMChatInProgressEvent": _model_piece,
    "LLMCompletionInProgressEvent": _model_piece,
    "LLMChatEndEvent": _model_ends,
    "LLMCompletionEndEvent": _model_ends,
    "LLMStructuredPredictStartEvent": _object_starts,
    "LLMStructuredPredictInProgressEvent": _object_piece,
    "LLMStructuredPredictEndEvent": _object_ends,
    "ExceptionEvent": _error_after_return,
    "SpanCancelledEvent": _stopped,
    "ReRankStartEvent": _reranks,
    **({} if _answer_is_kept() else {"StreamChatDeltaReceivedEvent": _chat_piece}),
}
_IN_GENERATORS = frozenset(name for name in _READERS if name.startswith("LLMStructuredPredict"))
