"""Operation -> Span: the names that backends know. One module a convention, each a pure function `render`."""

from __future__ import annotations

from collections.abc import Callable

from ..record.operation import Operation
from . import gen_ai, openinference
from .span import Span

Convention = Callable[[Operation], Span]
CONVENTIONS: dict[str, Convention] = {"openinference": openinference.render, "gen_ai": gen_ai.render}

__all__ = ["CONVENTIONS", "Convention", "Span"]
