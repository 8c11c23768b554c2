"""What is worked out once for each class, without keeping the class alive."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")
MAX_CLASSES = 4096


class ClassCache(Generic[T]):
    """Values by class; the value is made at the first call.

    Classes are known by their id and held weakly: one that is made for a request goes with it. Each step is one atomic
    operation on a dict, so threads share a cache without a lock; the callbacks that drop a class may run in any thread.
    """

    __slots__ = ("__weakref__", "_classes", "_make", "_values", "find")

    def __init__(self, make: Callable[[type], T]) -> None:
        self._make = make
        self._values: dict[int, tuple[T]] = {}
        self.find = self._values.get
        """Returns a tuple of the value for the class of that id, None before the first `get`. The table's own method."""
        self._classes: dict[int, weakref.ref[type]] = {}

    def get(self, kind: type) -> T:
        """Return the value for *kind*, a class; it is not hashed, because a metaclass may refuse that."""
        found = self._values.get(id(kind))
        return found[0] if found is not None else self._learn(kind)

    def _learn(self, kind: type) -> T:
        value = self._make(kind)
        identity = id(kind)
        if len(self._values) >= MAX_CLASSES:
            self._values.clear()
            self._classes.clear()
        values, classes = self._values, self._classes

        def forget(_: object) -> None:
            values.pop(identity, None)
            classes.pop(identity, None)

        classes[identity] = weakref.ref(kind, forget)
        values[identity] = (value,)
        return value
