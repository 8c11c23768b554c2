"""Methods of LlamaIndex's classes that are replaced while tracing is on, because its dispatcher leaves something out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any


class ReplacedMethods:
    """Replaces methods of a class and its subclasses, also of those that are made later, and puts them back.

    Its owner, `install`, calls it under a lock of its own.

    Args:
        base: The class.
        names: The methods.
        replacement: Returns what stands in the place of a method, or the method itself; asked once for each function.
    """

    def __init__(self, base: type, names: tuple[str, ...], replacement: Callable[[Any], Any]) -> None:
        self._base: Any = base
        self._names = names
        self._replacement = replacement
        self._theirs: dict[tuple[type, str], Any] = {}
        self._made: dict[Any, Any] = {}  # by the function that is replaced: LlamaIndex decorates it once only
        self._is_on = False

    def add(self) -> None:
        """Replace what is there, and what will be made."""
        if self._is_on:
            return
        self._is_on = True
        for kind in _with_subclasses(self._base):
            self._replace(kind)
        base = self._base

        def made(kind: type, /, **keywords: Any) -> None:
            super(base, kind).__init_subclass__(**keywords)  # type: ignore[misc]
            if self._is_on:
                self._replace(kind)

        base.__init_subclass__ = classmethod(made)

    def _replace(self, kind: type) -> None:
        for name in self._names:
            theirs = kind.__dict__.get(name)
            if theirs is None or getattr(theirs, "__isabstractmethod__", False):
                continue
            if theirs not in self._made:
                self._made[theirs] = self._replacement(theirs)
            if self._made[theirs] is not theirs:
                self._theirs[kind, name] = theirs
                setattr(kind, name, self._made[theirs])

    def remove(self) -> None:
        """Put LlamaIndex's own functions back."""
        if not self._is_on:
            return
        self._is_on = False
        del self._base.__init_subclass__
        for (kind, name), theirs in self._theirs.items():
            setattr(kind, name, theirs)
        self._theirs.clear()


def _with_subclasses(kind: type) -> Iterator[type]:
    yield kind
    subclasses: list[type] = kind.__subclasses__()
    for each in subclasses:
        yield from _with_subclasses(each)
