"""What LlamaIndex's dispatcher does not report, and is made to while tracing is on.

* Evaluators, and a model's `predict_and_call`, get the decorator that LlamaIndex has on its models and retrievers.
* A stream of a model whose integration lacks the callback decorator is passed through a generator that notes its pieces: no
  event says what it came to, nor its end.
"""

from __future__ import annotations

import inspect
from collections.abc import AsyncGenerator, Generator
from functools import wraps
from types import AsyncGeneratorType, GeneratorType
from typing import Any

from llama_index.core.base.llms.base import BaseLLM
from llama_index.core.base.llms.types import CompletionResponse
from llama_index.core.evaluation.base import BaseEvaluator
from llama_index.core.llms import callbacks
from llama_index.core.llms.llm import LLM
from llama_index_instrumentation import get_dispatcher
from llama_index_instrumentation.dispatcher import DISPATCHER_SPAN_DECORATED_ATTR
from llama_index_instrumentation.span import active_span_id

from ..recording.guard import guarded, report_fault
from .calls import Call
from .classify import GENERATION
from .events import note_piece
from .replaced_methods import ReplacedMethods
from .spans import Spans

_MAX_WORDS = 100_000  # pieces of an answer; what has more keeps the last one
_STREAMS = ("stream_chat", "stream_complete", "astream_chat", "astream_complete")


def replaced_methods(spans: Spans) -> tuple[ReplacedMethods, ...]:
    """Return all methods that are replaced, for calls that *spans* hears of."""
    return (
        ReplacedMethods(BaseEvaluator, ("evaluate", "aevaluate"), _decorated),
        ReplacedMethods(LLM, ("predict_and_call", "apredict_and_call"), _decorated),
        ReplacedMethods(BaseLLM, _STREAMS, lambda theirs: _passed_through(theirs, spans)),
    )


def _decorated(theirs: Any) -> Any:
    return get_dispatcher(__name__).span(theirs)


def _passed_through(theirs: Any, spans: Spans) -> Any:
    """Return *theirs* with its stream passed on piece by piece; itself where LlamaIndex's callback decorator is on it."""
    bare = getattr(theirs, "__wrapped__", None)  # what the dispatcher's decorator is on
    code = getattr(bare, "__code__", None)
    if code is None or not hasattr(bare, DISPATCHER_SPAN_DECORATED_ATTR):
        return theirs
    if code.co_filename == callbacks.__file__:
        return theirs
    function: Any = bare
    if inspect.iscoroutinefunction(function):

        @wraps(function)
        async def asked_async(*arguments: Any, **keywords: Any) -> Any:
            return _watched(spans, await function(*arguments, **keywords))

        made: Any = asked_async
    else:

        @wraps(function)
        def asked(*arguments: Any, **keywords: Any) -> Any:
            return _watched(spans, function(*arguments, **keywords))

        made = asked
    delattr(made, DISPATCHER_SPAN_DECORATED_ATTR)  # which `wraps` has copied: it is not decorated yet
    return get_dispatcher(function.__module__).span(made)


def _watched(spans: Spans, stream: Any) -> Any:
    """Return what is handed out instead of *stream*: itself where its call is reported by events, or is not recorded."""
    if type(stream) not in (GeneratorType, AsyncGeneratorType):
        return stream
    call = _unreported_call(spans)
    if call is None:
        return stream
    return _pieces(spans, call, stream) if type(stream) is GeneratorType else _async_pieces(spans, call, stream)


@guarded
def _unreported_call(spans: Spans) -> Call | None:
    call = spans.find(active_span_id.get())
    if call is None or not call.is_visible or call.role != GENERATION or call.progress.is_reported:
        return None
    call.progress.is_reported = True
    return call


def _pieces(spans: Spans, call: Call, stream: Any) -> Generator[Any, None, None]:
    words: list[str] = []
    try:
        for piece in stream:
            _note(call, piece, words)
            yield piece
    except GeneratorExit:
        stream.close()
        _end(spans, call, words, ending="abandoned")
        raise
    except BaseException as error:
        _end(spans, call, words, error)
        raise
    _end(spans, call, words)


async def _async_pieces(spans: Spans, call: Call, stream: Any) -> AsyncGenerator[Any, None]:
    words: list[str] = []
    try:
        async for piece in stream:
            _note(call, piece, words)
            yield piece
    except GeneratorExit:
        await stream.aclose()
        _end(spans, call, words, ending="abandoned")
        raise
    except BaseException as error:
        _end(spans, call, words, error)
        raise
    _end(spans, call, words)


def _note(call: Call, piece: Any, words: list[str]) -> None:
    """Note a piece; *words* are the pieces of a model whose `text` is the new words only, and not all of them so far."""
    try:
        note_piece(call, piece)
        if type(piece) is CompletionResponse and type(piece.delta) is str:
            if len(piece.text) == len(piece.delta) and len(words) < _MAX_WORDS:
                words.append(piece.delta)
            else:
                words.clear()
    except Exception as error:  # a piece may be anything
        report_fault("a piece of a stream", error)


def _end(
    spans: Spans, call: Call, words: list[str], error: BaseException | None = None, ending: str | None = None
) -> None:
    if len(words) > 1 and call.progress.response is not None:
        call.progress.response = call.progress.response.model_copy(update={"text": "".join(words)})
    spans.pending.finish(call.id, error, ending)
