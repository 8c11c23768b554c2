"""Calls that have returned a stream: their operations stay open until the stream ends, however it is left."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator
from typing import Any

from llama_index.core.base.response.schema import AsyncStreamingResponse, StreamingResponse
from llama_index.core.chat_engine.types import StreamingAgentChatResponse
from llama_index.core.response_synthesizers import BaseSynthesizer

from ..capture.class_cache import ClassCache
from ..capture.endings import ending_of
from ..recording.current import detach, nearest
from ..recording.guard import report_fault
from ..recording.open_operation import OpenOperation
from . import classify
from .calls import Call, visible
from .classify import EMBEDDING, GENERATION, OWN_REQUEST, STEP, STRUCTURED
from .content import capture
from .finalizers import FinalizerThread
from .generators import GeneratorCalls
from .models import capture_own_answer, capture_response, model_of
from .streams import AsyncTokenStream, TokenStream, in_stream, wrapped


class PendingStreams:
    """The calls that wait for their stream to end.

    Owner of these tables; each change is one atomic step on a dict, so no lock is needed: threads that read streams, the
    one of collected objects and callbacks may all come together, and whoever takes a call out of the table ends it.
    """

    def __init__(self) -> None:
        self._finalizers = FinalizerThread()
        self._calls: dict[str, Call] = {}
        self._chat_answers: dict[int, list[str]] = {}  # id of a chat engine's stream -> ids of calls
        self.generators = GeneratorCalls(self._finalizers)

    def __len__(self) -> int:
        return len(self._calls)

    def find(self, id_: str) -> Call | None:
        """Return the call of that id, if it waits for its stream."""
        return self._calls.get(id_)

    def __contains__(self, call: Call) -> bool:
        return call.id in self._calls

    def forget(self, call: Call) -> None:
        """Let a call wait no longer, without ending anything."""
        self._calls.pop(call.id, None)

    # ------------------------------------------------------------------ a call returns
    def keep_open(self, call: Call, operation: OpenOperation, result: Any) -> bool:
        """Keep the operation open where the call returned a stream; return whether it did."""
        stream = _stream_of(type(result))
        if stream is None:
            return False
        if stream == "response":
            return self._await_response(call, operation, result)
        if stream == "chat":
            return self._await_chat(call, operation, result)
        self._await_generator(call, operation, result)
        return True

    def _await_generator(self, call: Call, operation: OpenOperation, result: Any) -> None:
        self._calls[call.id] = call
        if not _is_read_by_framework(call):
            detach(operation)
        if call.role == GENERATION and operation.snapshots.get("model") is None and not call.progress.sends_events:
            operation.snapshots["model"] = model_of(call.instance)
        call.release_instance()
        if not self.generators.add(result, call, self.on_collected):
            id_ = call.id
            self._finalizers.watch(result, lambda: self.on_collected(id_))

    def _await_response(self, call: Call, operation: OpenOperation, result: Any) -> bool:
        stream = result.response_gen
        if stream is None or result.response_txt is not None:
            return False
        made = self._await_stream(call, stream)
        if made is None:
            return False
        result.response_gen = made
        _detach_from(operation)
        return True

    def _await_stream(self, call: Call, stream: Any) -> Any:
        """Let the call end when *stream* does; return the stream to hand out instead of it, None when it is none."""
        if isinstance(stream, (TokenStream, AsyncTokenStream)) and not stream.stream_end.has_ended:
            stream.stream_end.calls.append(call.id)
            made: Any = stream
        else:
            made = wrapped(stream, self.finish, call.id, self._finalizers)
        if made is not None:
            self._calls[call.id] = call
        return made

    def _await_chat(self, call: Call, operation: OpenOperation, result: Any) -> bool:
        """A chat engine's stream is read by a thread or task of its own, which writes the history; else by the user."""
        if not result.is_writing_to_memory:  # the context engines before 0.14.17
            name = "chat_stream" if result.chat_stream is not None else "achat_stream"
            made = self._await_stream(call, getattr(result, name))
            if made is None:
                return False
            setattr(result, name, made)
            _detach_from(operation)
            return True
        self._calls[call.id] = call
        key = id(result)
        self._chat_answers.setdefault(key, []).append(call.id)
        detach(operation)
        if result.is_done or result.exception is not None:  # the thread was faster
            self.finish_chat(result, result.exception)
        else:
            self._finalizers.watch(result, lambda: self._on_chat_collected(key))
        return True

    # ------------------------------------------------------------------ a stream ends
    def finish_chat(self, result: Any, error: BaseException | None) -> None:
        """End the calls that wait for a chat engine's answer: it is written."""
        for id_ in self._chat_answers.pop(id(result), ()):
            text = result.response if isinstance(result.response, str) else ""
            call = self._calls.get(id_)
            if not text and call is not None and call.progress.pieces:
                text = "".join(call.progress.pieces).strip()  # as LlamaIndex itself keeps it
            self.finish(id_, error, None, text)

    def finish(self, id_: str, error: BaseException | None = None, ending: str | None = None, text: str = "") -> None:
        """End a call whose stream has ended; a second end does nothing. Called amid the reader's code: never raises."""
        call = self._calls.pop(id_, None)
        if call is None or call.operation is None:
            return
        try:
            self._finish(call, call.operation, error, ending, text)
        except Exception as fault:
            report_fault("stream ended", fault)
            call.recorder.close(call.operation, ending=ending, keep_children=True)

    def _finish(
        self, call: Call, operation: OpenOperation, error: BaseException | None, ending: str | None, text: str
    ) -> None:
        if text and operation.capture and "output" not in operation.snapshots:
            operation.snapshots["output"] = text
            operation.size += len(text)
        failed, named = ending_of(error)
        ending = ending or named
        if error is not None:
            self.fail(error)
        self.capture_answer(call, operation)
        if ending:
            self._end_models_beneath(operation, ending)
        self.close(call, error=failed, ending=ending)

    @staticmethod
    def capture_answer(call: Call, operation: OpenOperation, response: Any = None) -> None:
        """Capture what the stream of *call* came to: *response*, else the last that was reported, with its token counts."""
        progress = call.progress
        if response is None:
            response = progress.response
        if response is None and progress.counted is None:
            return
        progress.response = None
        if call.role == GENERATION:
            capture_response(call, operation, response)
        elif call.role == OWN_REQUEST:
            capture_own_answer(response, operation)
        elif operation.capture and response is not None:
            operation.snapshots["output"] = capture(response, operation)

    def _end_models_beneath(self, operation: OpenOperation, ending: str) -> None:
        """End the model's stream inside one that was left: an async one would end later, or never."""
        for inner in list(self._calls.values()):
            if inner.role == GENERATION and inner.operation is not None and is_beneath(inner.operation, operation):
                if ending == "abandoned":
                    self.on_collected(inner.id)
                else:
                    self.finish(inner.id, ending=ending)

    def fail(self, error: BaseException) -> None:
        """End the streams whose bodies raised *error*: of a model without decorators nothing else reports it."""
        for call in self.generators.that_raised(error):
            self.finish(call.id, error)

    def on_collected(self, id_: str) -> None:
        """End a call whose stream was thrown away. Where nothing was reported, nobody knows how far it was read."""
        call = self._calls.get(id_)
        if call is None:
            return
        progress = call.progress
        ending = None
        if progress.is_reported or (call.method in STRUCTURED and call.role != OWN_REQUEST):
            ending = "abandoned" if progress.has_begun else "never started"
            if call.operation is not None and progress.failure is not None:
                call.operation.failure, ending = progress.failure, None
        self.finish(id_, ending=ending)

    def _on_chat_collected(self, key: int) -> None:
        """End the calls whose chat answer was thrown away before its stream was read."""
        for id_ in self._chat_answers.pop(key, ()):
            self.finish(id_, None, "never started")

    def close(self, call: Call, *, error: BaseException | None = None, ending: str | None = None) -> None:
        """Close the operation of a call; what began beneath it may go on."""
        operation = call.operation
        if operation is None:
            return
        call.recorder.close(operation, error=error, ending=ending, keep_children=True)
        if call.role not in (GENERATION, EMBEDDING):
            call.recorder.remember(call.id, operation)
        outer = visible(call.outer)
        if outer is not None and outer.operation is not None and outer in self:
            # the error itself is not kept where a stream is waited for: its traceback may hold the very stream
            outer.operation.seen_failure = None
            outer.progress.failure = operation.failure
        call.release_instance()
        call.outer = None

    # ------------------------------------------------------------------ the end
    def abandon(self) -> None:
        """End all calls: no more will be reported of them."""
        for id_ in list(self._calls):
            self.finish(id_, ending="incomplete")
        self._chat_answers.clear()
        self.generators.clear()

    def after_fork_in_child(self) -> None:
        """Forget what is open: it belongs to the parent process."""
        self._calls = {}
        self._chat_answers = {}
        self.generators.clear()
        self._finalizers.after_fork_in_child()


def _stream_class(kind: type) -> str | None:
    if issubclass(kind, (StreamingResponse, AsyncStreamingResponse)):
        return "response"
    if issubclass(kind, StreamingAgentChatResponse):
        return "chat"
    return "generator" if issubclass(kind, (Generator, AsyncGenerator)) else None


_stream_of = ClassCache(_stream_class).get


def _is_read_by_framework(call: Call) -> bool:
    """Return whether LlamaIndex's own code reads a model's stream: then the span stays current until its end."""
    if in_stream.get():
        return True
    outer = call.outer
    while outer is not None and outer.instance is call.instance:
        outer = outer.outer
    if outer is None:
        return False
    if outer.role == STEP:
        return outer.outer is not None and outer.outer.progress.agents != 0 and outer.method in classify.AGENT_STEPS
    # a synthesizer hands the stream on in a wrapped one, which then runs inside the model's span (_await_response)
    return isinstance(outer.instance, (StreamingAgentChatResponse, BaseSynthesizer))


def _detach_from(operation: OpenOperation) -> None:
    """Put back what was current before *operation*, which stays open, also where a stream beneath it is current still."""
    beneath = nearest()
    while beneath is not None and beneath is not operation and is_beneath(beneath, operation):
        detach(beneath)
        beneath = beneath.parent
    detach(operation)


def is_beneath(inner: OpenOperation, outer: OpenOperation) -> bool:
    """Return whether *inner* began beneath *outer*."""
    above = inner.parent
    while above is not None and above is not outer:
        above = above.parent
    return above is outer
