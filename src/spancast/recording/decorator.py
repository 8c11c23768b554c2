"""`@spancast.trace(...)`: each call of a function is a block of its own, with its arguments and its result.

A generator's block is left between two pieces, so that its consumer is not inside it. A function that returns a generator
which it has not run yet (`return chain.stream(question)`) gets it back with the block's context: what it begins when it is
read lies beneath the block.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import AsyncGenerator, Callable, Generator
from contextvars import copy_context
from functools import partial
from types import AsyncGeneratorType, GeneratorType
from typing import Any, Protocol

from ..privacy.secrets import masked_arguments
from .guard import report_fault
from .streams import AsyncGeneratorInContext, GeneratorInContext

_MAX_PIECES = 10_000  # pieces of a generator that are kept for the output
_UNREAD = frozenset({GeneratorType, AsyncGeneratorType, GeneratorInContext, AsyncGeneratorInContext})


class Passage(Protocol):
    """One passage through a block, as a call of a decorated function sees it."""

    def capture(self, name: str, value: object) -> None:
        """Capture an input or an output, where none was given explicitly."""

    def suspend(self) -> None:
        """Leave the block for a moment."""

    def resume(self) -> None:
        """Go on inside the block."""


def decorated(function: Callable[..., Any], call: Call) -> Callable[..., Any]:
    """Return *function* of any of the four forms so that each call runs inside a passage through a block."""
    if inspect.isasyncgenfunction(function):
        made = _async_generator(function, call)
    elif inspect.iscoroutinefunction(function):
        made = _coroutine(function, call)
    elif inspect.isgeneratorfunction(function):
        made = _generator(function, call)
    else:
        made = _plain(function, call)
    return functools.wraps(function)(made)


def _plain(function: Callable[..., Any], call: Call) -> Callable[..., Any]:
    def plain(*args: Any, **kwargs: Any) -> Any:
        passage = call.begin(args, kwargs)
        try:
            result = call.carried(function(*args, **kwargs))
        except BaseException as error:
            call.end(passage, error, None)
            raise
        call.end(passage, None, result)
        return result

    return plain


def _coroutine(function: Callable[..., Any], call: Call) -> Callable[..., Any]:
    async def coroutine(*args: Any, **kwargs: Any) -> Any:
        passage = call.begin(args, kwargs)
        try:
            result = call.carried(await function(*args, **kwargs))
        except BaseException as error:
            call.end(passage, error, None)
            raise
        call.end(passage, None, result)
        return result

    return coroutine


def _generator(function: Callable[..., Any], call: Call) -> Callable[..., Any]:
    def generator(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
        stream = function(*args, **kwargs)
        passage, pieces = call.begin(args, kwargs, suspended=True), Pieces()
        step: Callable[[], Any] = partial(next, stream)
        try:
            while True:
                _resume(passage)
                try:
                    piece = step()
                except StopIteration as stop:
                    result = stop.value
                    break
                finally:
                    _suspend(passage)
                pieces.add(piece)
                try:
                    step = partial(stream.send, (yield piece))
                except GeneratorExit:
                    raise
                except BaseException as error:
                    step = partial(stream.throw, error)
        except BaseException as error:
            _resume(passage)
            stream.close()
            call.end(passage, error, pieces.joined())
            raise
        call.end(passage, None, pieces.joined())
        return result

    return generator


def _async_generator(function: Callable[..., Any], call: Call) -> Callable[..., Any]:
    async def async_generator(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, Any]:
        stream = function(*args, **kwargs)
        passage, pieces = call.begin(args, kwargs, suspended=True), Pieces()
        step: Callable[[], Any] = stream.__anext__
        try:
            while True:
                _resume(passage)
                try:
                    piece = await step()
                except StopAsyncIteration:
                    break
                finally:
                    _suspend(passage)
                pieces.add(piece)
                try:
                    step = partial(stream.asend, (yield piece))
                except GeneratorExit:
                    raise
                except BaseException as error:
                    step = partial(stream.athrow, error)
        except BaseException as error:
            _resume(passage)
            await stream.aclose()
            call.end(passage, error, pieces.joined())
            raise
        call.end(passage, None, pieces.joined())

    return async_generator


class Call:
    """How the calls of one decorated function are recorded. Frozen after its making; shared by all calls."""

    __slots__ = ("_begin", "_captures", "_description", "_end", "_name", "_signature")

    def __init__(
        self,
        function: Callable[..., Any],
        name: str | None,
        captures: tuple[bool, bool],
        begin: Callable[[str | None], Passage | None],
        end: Callable[[Any, BaseException | None], None],
    ) -> None:
        """Args say the name of the calls' spans (None: no span), and whether arguments and results are captured."""
        self._name = name
        self._captures = captures if name is not None else (False, False)
        self._begin = begin
        self._end = end
        self._description = (inspect.getdoc(function) or "").partition("\n\n")[0] or None
        try:
            self._signature: inspect.Signature | None = inspect.signature(function)
        except (TypeError, ValueError):  # of C: it has none
            self._signature = None

    def begin(self, args: tuple[Any, ...], kwargs: dict[str, Any], *, suspended: bool = False) -> Passage | None:
        """Begin a block for one call; *suspended*: leave it until the first piece is asked for."""
        passage = self._begin(self._name)
        if passage is None:
            return None
        try:
            if self._captures[0]:
                passage.capture("input", masked_arguments(self._arguments(args, kwargs)))
            if self._description is not None and self._name is not None:
                passage.capture("description", self._description)
            if suspended:
                passage.suspend()
        except Exception as error:
            report_fault("trace", error)
        return passage

    def _arguments(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
        """Return the arguments by name; what is named like a secret is masked, also among further keywords."""
        if self._signature is None:
            return {"args": list(args), **kwargs} if args else dict(kwargs)
        try:
            bound = dict(self._signature.bind(*args, **kwargs).arguments)
        except TypeError:  # the call itself will say so
            return {"args": list(args), **kwargs}
        first = next(iter(self._signature.parameters), None)
        if first in ("self", "cls"):
            bound.pop(first, None)
        for name in [name for name, each in self._signature.parameters.items() if each.kind is each.VAR_KEYWORD]:
            if name in bound:
                bound[name] = masked_arguments(bound[name])
        return bound

    def carried(self, result: Any) -> Any:
        """Return *result*; a generator that was not run yet with the context of the block."""
        if type(result) is GeneratorType and inspect.getgeneratorstate(result) == inspect.GEN_CREATED:
            return GeneratorInContext(result, copy_context())
        if type(result) is AsyncGeneratorType and not result.ag_running:
            return AsyncGeneratorInContext(result, copy_context())
        return result

    def end(self, passage: Passage | None, error: BaseException | None, result: Any) -> None:
        """End the block of one call."""
        if passage is not None and result is not None and self._captures[1]:
            if type(result) not in _UNREAD:  # `isinstance` asks a lazy object for its class, which may raise
                try:
                    passage.capture("output", result)
                except Exception as fault:
                    report_fault("trace", fault)
        self._end(passage, error)


class Pieces:
    """What a generator yielded, bounded: text is joined, anything else is a list."""

    __slots__ = ("_pieces",)

    def __init__(self) -> None:
        self._pieces: list[Any] = []

    def add(self, piece: Any) -> None:
        """Note a piece."""
        if len(self._pieces) < _MAX_PIECES:
            self._pieces.append(piece)

    def joined(self) -> Any:
        """Return all of it; None where there was nothing."""
        pieces, self._pieces = self._pieces, []
        if not pieces:
            return None
        return "".join(pieces) if all(type(piece) is str for piece in pieces) else pieces


def _resume(passage: Passage | None) -> None:
    if passage is not None:
        passage.resume()


def _suspend(passage: Passage | None) -> None:
    if passage is not None:
        passage.suspend()
