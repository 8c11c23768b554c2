"""The event handler: what LlamaIndex tells of a call besides its beginning and end. By class name; unknown ones pass."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from time import time_ns
from typing import TYPE_CHECKING, Any

from llama_index.core.base.llms.types import ToolCallBlock
from llama_index.core.chat_engine.types import StreamingAgentChatResponse
from llama_index.core.instrumentation.event_handlers import BaseEventHandler

from ..recording.guard import report_fault
from .calls import Call
from .outcome import counts, ending_of
from .spans import SpanHandler, hold_response


class EventHandler(BaseEventHandler):
    """Reads models' chunks and ends, and errors that come after a call has returned its stream."""

    if TYPE_CHECKING:  # a plain attribute: one of pydantic's private ones costs 1 us at each token
        _spans: SpanHandler

    def __init__(self, spans: SpanHandler) -> None:
        super().__init__()
        self.__dict__["_spans"] = spans

    @classmethod
    def class_name(cls) -> str:
        """Return the name under which LlamaIndex knows the class."""
        return "SpancastEventHandler"

    def handle(self, event: Any, **kwargs: Any) -> None:
        """Take an event. Called for every token: no guard wrapper, one look-up for what is of no interest."""
        read = _READERS.get(type(event).__name__)
        if read is None:
            return
        try:
            about = self._spans.find(event.span_id)
            if about is not None and about.operation is not None:
                read(self._spans, about, event)
        except Exception as error:
            report_fault(type(event).__name__, error)


def _model_starts(spans: SpanHandler, about: Call, event: Any) -> None:
    about.told = True
    operation = about.operation
    if about.shown and operation is not None and operation.snapshots.get("model") is None:
        model = event.model_dict.get("model_name") or event.model_dict.get("model")
        if isinstance(model, str) and model and model != "unknown":
            operation.snapshots["model"] = model


def _piece(spans: SpanHandler, about: Call, event: Any) -> None:
    """Note when the first piece came, and which chunk had token counts last; the chunk itself is not kept."""
    operation = about.operation
    response = event.response
    if operation is not None and not operation.first_token_ns and (response.delta or _has_tool_call(response)):
        operation.first_token_ns = time_ns()
    raw = response.raw  # no copy: a chunk costs 1.5 us here, where LlamaIndex's event itself costs 6
    if raw is not None and counts(raw):
        (about.layered or about).raw = raw


def _has_tool_call(response: Any) -> bool:
    message = getattr(response, "message", None)
    if message is None:
        return False
    if message.additional_kwargs.get("tool_calls"):
        return True
    return any(isinstance(block, ToolCallBlock) for block in message.blocks)


def _model_ends(spans: SpanHandler, about: Call, event: Any) -> None:
    outer = about.layered
    response = event.response
    if outer is not None:  # a layer: the model call around it has the answer, but perhaps not the token counts
        if response is not None and counts(response.raw):
            outer.raw = response.raw
        return
    if about.shown and about.operation is not None and spans.is_waiting(about):
        hold_response(about, about.operation, response)
        spans.settle(about.id)


def _error_after_return(spans: SpanHandler, about: Call, event: Any) -> None:
    if about.layered is None and about.shown and spans.is_waiting(about):
        _, ending = ending_of(event.exception)
        if ending and about.operation is not None and not about.operation.first_token_ns:
            ending = "never started" if ending == "abandoned" else ending
        if about.raw is not None and about.operation is not None:
            hold_response(about, about.operation, None)
        spans.settle(about.id, event.exception, ending)


def _chat_piece(spans: SpanHandler, about: Call, event: Any) -> None:
    """Keep a piece of a chat engine's answer, for the chat that waits for it; the thread that tells it may end sooner."""
    if about.operation is None or not about.operation.capture:
        return
    pieces = about.pieces
    if pieces is None:
        pieces = []
        above: Call | None = about
        while above is not None:
            above.pieces = pieces
            above = above.outer
    pieces.append(event.delta)


def _answer_is_kept() -> bool:
    """Return whether LlamaIndex keeps a chat engine's whole answer (from 0.14.24 on); else we keep its pieces."""
    written: Any = StreamingAgentChatResponse.write_response_to_history
    code = getattr(getattr(written, "__wrapped__", written), "__code__", None)
    return code is not None and "response" in code.co_names


def _stopped(spans: SpanHandler, about: Call, event: Any) -> None:
    if about.shown and about.operation is not None:
        about.operation.ending = "cancelled"
    elif about.outer is not None and about.outer.member is not None:
        about.outer.member.operation.ending = "cancelled"


def _reranks(spans: SpanHandler, about: Call, event: Any) -> None:
    operation = about.operation
    if operation is None or "documents" not in operation.snapshots:
        return
    if isinstance(event.model_name, str) and event.model_name:
        operation.snapshots["model"] = operation.snapshots.get("model") or event.model_name
    if operation.snapshots.get("top_k") is None and type(event.top_n) is int:
        operation.snapshots["top_k"] = event.top_n


Reader = Callable[[SpanHandler, Call, Any], None]
_READERS: Mapping[str, Reader] = {
    "LLMChatStartEvent": _model_starts,
    "LLMCompletionStartEvent": _model_starts,
    "LLMChatInProgressEvent": _piece,
    "LLMCompletionInProgressEvent": _piece,
    "LLMChatEndEvent": _model_ends,
    "LLMCompletionEndEvent": _model_ends,
    "ExceptionEvent": _error_after_return,
    "SpanCancelledEvent": _stopped,
    "ReRankStartEvent": _reranks,
    **({} if _answer_is_kept() else {"StreamChatDeltaReceivedEvent": _chat_piece}),
}
