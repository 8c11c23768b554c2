"""LlamaIndex's evaluators, whose calls its dispatcher leaves out: its own decorator reports them, while tracing is on.

`evaluate` and `aevaluate` of each class get the decorator that LlamaIndex has on its models and retrievers; classes that are
made later get it when they are made.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from llama_index.core.evaluation.base import BaseEvaluator, EvaluationResult
from llama_index_instrumentation import get_dispatcher

from ..capture.evaluations import judgement_of
from ..recording.open_operation import OpenOperation

_METHODS: Final = ("evaluate", "aevaluate")


class Evaluators:
    """Puts the decorator on, and takes it off again. Its owner, `install`, calls it under a lock of its own."""

    def __init__(self) -> None:
        self._theirs: dict[tuple[type, str], Any] = {}
        self._decorated: dict[Any, Any] = {}  # by the function that is decorated: LlamaIndex does it once only
        self._is_on = False

    def add(self) -> None:
        """Decorate what is there, and what will be made."""
        if self._is_on:
            return
        self._is_on = True
        for kind in _with_subclasses(BaseEvaluator):
            self._decorate(kind)

        def made(kind: type, /, **keywords: Any) -> None:
            super(BaseEvaluator, kind).__init_subclass__(**keywords)  # type: ignore[misc]
            if self._is_on:
                self._decorate(kind)

        BaseEvaluator.__init_subclass__ = classmethod(made)  # type: ignore[assignment]

    def _decorate(self, kind: type) -> None:
        for name in _METHODS:
            theirs = kind.__dict__.get(name)
            if theirs is not None and not getattr(theirs, "__isabstractmethod__", False):
                self._theirs[kind, name] = theirs
                if theirs not in self._decorated:
                    self._decorated[theirs] = get_dispatcher(__name__).span(theirs)
                setattr(kind, name, self._decorated[theirs])

    def remove(self) -> None:
        """Put LlamaIndex's own functions back."""
        if not self._is_on:
            return
        self._is_on = False
        del BaseEvaluator.__init_subclass__
        for (kind, name), theirs in self._theirs.items():
            setattr(kind, name, theirs)
        self._theirs.clear()


def _with_subclasses(kind: type) -> Iterator[type]:
    yield kind
    subclasses: list[type] = kind.__subclasses__()
    for each in subclasses:
        yield from _with_subclasses(each)


def capture_evaluation(instance: object, result: object, operation: OpenOperation) -> None:
    """Capture the score of an evaluator's call."""
    fields: Mapping[str, Any] = vars(result) if isinstance(result, EvaluationResult) else {}
    if not fields.get("invalid_result"):
        operation.snapshots["judgement"] = judgement_of(type(instance).__name__, fields, content=operation.capture)
