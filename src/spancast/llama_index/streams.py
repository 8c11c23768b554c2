"""Streams stay open to their last token: wrapped where LlamaIndex hands them out in an object, else watched.

A wrapped stream runs in the context of the call that made it, so that what it does lazily (LlamaIndex calls the model at
the first token) keeps its parent, and so that the consumer never finds our span as its own current one.
"""

from __future__ import annotations

import queue
import threading
import weakref
from collections.abc import AsyncGenerator, Callable, Generator
from contextvars import Context, ContextVar, copy_context
from typing import Any

from ..recording.guard import report_fault

MAX_TEXT = 1_000_000  # characters kept of one streamed answer
in_stream: ContextVar[bool] = ContextVar("spancast_in_stream", default=False)

Settle = Callable[[str, "BaseException | None", "str | None", str], None]


class Tail:
    """What ends when a stream ends: the calls that wait for it."""

    __slots__ = ("_settle", "begun", "calls", "ended", "pieces", "size")

    def __init__(self, settle: Settle, call: str) -> None:
        self._settle = settle
        self.calls = [call]
        self.begun = False
        self.ended = False
        self.pieces: list[str] = []
        self.size = 0

    def note(self, piece: object) -> None:
        """A piece of the answer went by."""
        self.begun = True
        if type(piece) is not str:
            piece = getattr(piece, "delta", None)  # a chat engine's
        if type(piece) is str and self.size < MAX_TEXT:
            self.pieces.append(piece)
            self.size += len(piece)

    def end(self, error: BaseException | None = None, ending: str | None = None) -> None:
        """The stream has ended: end the calls, innermost first. Further ends do nothing."""
        if self.ended:
            return
        self.ended = True
        text = "".join(self.pieces)
        self.pieces = []
        for call in self.calls:
            self._settle(call, error, ending, text)

    def collected(self) -> None:
        """The stream was thrown away."""
        self.end(ending="abandoned" if self.begun else "never started")


def wrapped(stream: Any, settle: Settle, call: str, reaper: Reaper) -> TokenStream | AsyncTokenStream | None:
    """Return *stream* so that it tells of its end, run in a copy of the current context; None when it is no stream."""
    kind: type[TokenStream] | type[AsyncTokenStream]
    if hasattr(type(stream), "__anext__"):
        kind = AsyncTokenStream
    elif hasattr(type(stream), "__next__"):
        kind = TokenStream
    else:
        return None
    tail = Tail(settle, call)
    context = copy_context()
    context.run(in_stream.set, True)
    made = kind(stream, context, tail)
    reaper.watch(made, tail.collected)
    return made


class TokenStream(Generator[Any, Any, Any]):
    """A generator that runs another one in its own context, and tells *tail* of each piece and of the end."""

    def __init__(self, inner: Any, context: Context, tail: Tail) -> None:
        self._inner = inner
        self._context = context
        self.tail = tail

    def _run(self, step: Callable[..., Any], *arguments: Any) -> Any:
        try:
            piece = self._context.run(step, *arguments)
        except StopIteration:
            self.tail.end()
            raise
        except BaseException as error:
            self.tail.end(error)
            raise
        self.tail.note(piece)
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
            self.tail.collected()


class AsyncTokenStream(AsyncGenerator[Any, Any]):
    """The same for an async generator: each of its steps runs in the context of the call that made it."""

    def __init__(self, inner: Any, context: Context, tail: Tail) -> None:
        self._inner = inner
        self._context = context
        self.tail = tail

    async def _run(self, step: Callable[..., Any], *arguments: Any) -> Any:
        try:
            piece = await _InContext(step(*arguments), self._context)
        except StopAsyncIteration:
            self.tail.end()
            raise
        except BaseException as error:
            self.tail.end(error)
            raise
        self.tail.note(piece)
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
                await _InContext(close(), self._context)
        finally:
            self.tail.collected()


class _InContext:
    """Awaits *awaitable* so that every step of it runs in *context*; the task stays the caller's own."""

    __slots__ = ("_awaitable", "_context")

    def __init__(self, awaitable: Any, context: Context) -> None:
        self._awaitable = awaitable
        self._context = context

    def __await__(self) -> Generator[Any, Any, Any]:
        run = self._context.run
        steps = self._awaitable.__await__()
        step: Callable[[], Any] = lambda: next(steps)  # noqa: E731
        while True:
            try:
                waited_for = run(step)
            except StopIteration as stop:
                return stop.value
            try:
                sent = yield waited_for
            except GeneratorExit:
                run(steps.close)
                raise
            except BaseException as error:
                step = _throwing(steps, error)
            else:
                step = _sending(steps, sent)


def _sending(steps: Any, value: Any) -> Callable[[], Any]:
    return lambda: next(steps) if value is None else steps.send(value)


def _throwing(steps: Any, error: BaseException) -> Callable[[], Any]:
    return lambda: steps.throw(error)


class Reaper:
    """Calls back, in a thread of its own, when a watched object was thrown away.

    Not in the garbage collector's own callback: that may run at any line, also while a lane holds its lock.
    """

    def __init__(self) -> None:
        self._gone: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()

    def watch(self, watched: object, then: Callable[[], None]) -> None:
        """Let *then*, which must not hold *watched*, be called when *watched* is gone."""
        weakref.finalize(watched, self._gone.put, then).atexit = False
        if self._thread is None or not self._thread.is_alive():
            self._start()

    def _start(self) -> None:
        with self._starting:
            if self._thread is not None and self._thread.is_alive():
                return
            thread = threading.Thread(target=self._work, name="spancast-streams", daemon=True)
            try:
                thread.start()
            except RuntimeError:  # at interpreter exit
                return
            self._thread = thread

    def _work(self) -> None:
        while True:
            then = self._gone.get()
            try:
                then()
            except Exception as error:
                report_fault("stream collected", error)
            del then

    def after_fork_in_child(self) -> None:
        """Start clean: a lock or a thread of the parent did not come along."""
        self._starting = threading.Lock()
        self._thread = None
