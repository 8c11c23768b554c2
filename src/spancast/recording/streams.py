"""Generators that run in the context in which they were made, whoever reads them, and wherever."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Generator
from contextvars import Context
from typing import Any


class GeneratorInContext(Generator[Any, Any, Any]):
    """A generator each of whose steps runs in *context*."""

    __slots__ = ("_context", "_inner")

    def __init__(self, inner: Generator[Any, Any, Any], context: Context) -> None:
        self._inner = inner
        self._context = context

    def __next__(self) -> Any:
        """Return the next piece."""
        return self._context.run(next, self._inner)

    def send(self, value: Any) -> Any:
        """Pass *value* on."""
        return self._context.run(self._inner.send, value)

    def throw(self, *error: Any) -> Any:
        """Pass an error on."""
        return self._context.run(self._inner.throw, *error)

    def close(self) -> None:
        """End early."""
        self._context.run(self._inner.close)


class AsyncGeneratorInContext(AsyncGenerator[Any, Any]):
    """The same for an async generator; the task stays the reader's own."""

    __slots__ = ("_context", "_inner")

    def __init__(self, inner: AsyncGenerator[Any, Any], context: Context) -> None:
        self._inner = inner
        self._context = context

    def __anext__(self) -> Any:
        """Return the next piece."""
        return InContext(self._inner.__anext__(), self._context)

    def asend(self, value: Any) -> Any:
        """Pass *value* on."""
        return InContext(self._inner.asend(value), self._context)

    def athrow(self, *error: Any) -> Any:
        """Pass an error on."""
        return InContext(self._inner.athrow(*error), self._context)

    def aclose(self) -> Any:
        """End early."""
        return InContext(self._inner.aclose(), self._context)


class InContext:
    """Awaits *awaitable* so that every step of it runs in *context*."""

    __slots__ = ("_awaitable", "_context")

    def __init__(self, awaitable: Any, context: Context) -> None:
        self._awaitable = awaitable
        self._context = context

    def __await__(self) -> Generator[Any, Any, Any]:
        """Run it step by step."""
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
