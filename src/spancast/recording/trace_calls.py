"""How `spancast.trace` is called, for type checkers: mypy does not look at a metaclass, and pyright finds `Any` there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, TypeVar, overload

from ..record.operation import Kind
from . import trace as home

F = TypeVar("F", bound=Callable[..., Any])


class Trace(Protocol):
    """The class `trace`, as callers see it; it documents what the arguments mean."""

    @overload
    def __call__(self, function: F, /) -> F: ...

    @overload
    def __call__(
        self,
        name: str | None = None,
        /,
        *,
        kind: Kind | str | None = None,
        input: object = None,
        output: object = None,
        capture_input: bool = True,
        capture_output: bool = True,
        **fields: object,
    ) -> home.trace: ...


trace: Trace
