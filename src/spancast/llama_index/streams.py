"""Streams stay open to their last token: wrapped where LlamaIndex hands them out in an object, else watched.

A wrapped stream runs in the context of the call that made it, so that what it does lazily (LlamaIndex calls the model at
the first token) keeps its parent, and so that the consumer never finds our span as its own current one.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Generator
from contextvars import Context, ContextVar, copy_context
from typing import Any

from ..recording.streams import InContext
from .finalizers import FinalizerThread

MAX_TEXT = 1_000_000  # characters kept of one streamed answer
in_stream: ContextVar[bool] = ContextVar("spancast_in_stream", default=False)

Finish = Callable[[str, "BaseException | None", "str | None", str], None]  # call, error, ending, text


class StreamEnd:
    """The calls that end when a stream does, and the text that it gave until then."""

    __slots__ = ("_finish", "calls", "has_begun", "has_ended", "pieces", "size")

    def __init__(self, finish: Finish, call: str) -> None:
        self._finish = finish
        self.calls = [call]
        self.has_begun = False
        self.has_ended = False
        self.pieces: list[str] = []
        self.size = 0

    def add(self, piece: object) -> None:
        """Add a piece of the answer that was read."""
        self.has_begun = True
        if type(piece) is not str:
            piece = getattr(piece, "delta", None)  # a chat engine's
        if type(piece) is str and self.size < MAX_TEXT:
            self.pieces.append(piece)
            self.size += len(piece)

    def finish(self, error: BaseException | None = None, ending: str | None = None) -> None:
        """The stream has ended: end the calls, innermost first. Further ends do nothing."""
        if self.has_ended:
            return
        self.has_ended = True
        text = "".join(self.pieces)
        self.pieces = []
        for call in self.calls:
            self._finish(call, error, ending, text)

    def on_collected(self) -> None:
        """End what waits: the stream was thrown away."""
        self.finish(ending="abandoned" if self.has_begun else "never started")


def wrapped(
    stream: Any, finish: Finish, call: str, finalizers: FinalizerThread
) -> TokenStream | AsyncTokenStream | None:
    """Return *stream* wrapped, so that its end is noticed and it runs in a copy of the current context; None: no stream."""
    kind: type[TokenStream] | type[AsyncTokenStream]
    if hasattr(type(stream), "__anext__"):
        kind = AsyncTokenStream
    elif hasattr(type(stream), "__next__"):
        kind = TokenStream
    else:
        return None
    stream_end = StreamEnd(finish, call)
    context = copy_context()
    context.run(in_stream.set, True)
    made = kind(stream, context, stream_end)
    finalizers.watch(made, stream_end.on_collected)
    return made


class TokenStream(Generator[Any, Any, Any]):
    """A generator that runs another one in its own context, and reports each piece and the end to *stream_end*."""

    def __init__(self, inner: Any, context: Context, stream_end: StreamEnd) -> None:
        self._inner = inner
        self._context = context
        self.stream_end = stream_end

    def _run(self, step: Callable[..., Any], *arguments: Any) -> Any:
        try:
            piece = self._context.run(step, *arguments)
        except StopIteration:
            self.stream_end.finish()
            raise
        except BaseException as error:
            self.stream_end.finish(error)
            raise
        self.stream_end.add(piece)
        return piece

    def __next__(self) -> Any:
        """Return the next piece."""
        return self._run(next, self._inner)

    def send(self, value: Any) -> Any:
        """Pass *value* on."""
        return self._run(next, self._inner) if value is None else self._run(self._inner.send, value)

    def throw(self, *error: Any) -> Any:
        """Pass an error on."""
        return self._run(self._inner.throw, *error)

    def close(self) -> None:
        """End early, as an abandoned stream does."""
        close = getattr(self._inner, "close", None)
        try:
            if close is not None:
                self._context.run(close)
        finally:
            self.stream_end.on_collected()


class AsyncTokenStream(AsyncGenerator[Any, Any]):
    """The same for an async generator: each of its steps runs in the context of the call that made it."""

    def __init__(self, inner: Any, context: Context, stream_end: StreamEnd) -> None:
        self._inner = inner
        self._context = context
        self.stream_end = stream_end

    async def _run(self, step: Callable[..., Any], *arguments: Any) -> Any:
        try:
            piece = await InContext(step(*arguments), self._context)
        except StopAsyncIteration:
            self.stream_end.finish()
            raise
        except BaseException as error:
            self.stream_end.finish(error)
            raise
        self.stream_end.add(piece)
        return piece

    def __anext__(self) -> Any:
        """Return the next piece."""
        return self._run(self._inner.__anext__)

    async def asend(self, value: Any) -> Any:
        """Pass *value* on."""
        return await (self._run(self._inner.__anext__) if value is None else self._run(self._inner.asend, value))

    async def athrow(self, *error: Any) -> Any:
        """Pass an error on."""
        return await self._run(self._inner.athrow, *error)

    async def aclose(self) -> None:
        """End early, as an abandoned stream does."""
        close = getattr(self._inner, "aclose", None)
        try:
            if close is not None:
                await InContext(close(), self._context)
        finally:
            self.stream_end.on_collected()
