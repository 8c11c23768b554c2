"""Which recorded call the running code belongs to, where that is the body of a generator which a call has returned.

Python runs a generator's body in the context of whoever reads it, so LlamaIndex's own active call is there the reader's.
The running frames tell: one of them is the generator's.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import AsyncGeneratorType, CodeType, FrameType, GeneratorType
from typing import Any
from weakref import ref

from ..recording.open_operation import OpenOperation
from .calls import Call, is_within
from .classify import GENERATION
from .finalizers import FinalizerThread

_Entry = tuple[ref[Any], Call]  # the generator, and whose it is
_FEW = 4
_MAX_FRAMES = 100  # that are looked at; 0.1 us each


class GeneratorCalls:
    """The generators that calls have returned, by their frames. Each change is one atomic step on a dict: no lock.

    Calls that are only a layer of another are here too: events come with their ids as long as the stream is read.
    """

    def __init__(self, finalizers: FinalizerThread) -> None:
        self._finalizers = finalizers
        self.calls: dict[int, _Entry] = {}  # by the id of the frame
        self._by_id: dict[str, _Entry] = {}  # by the call's id; keeps the references, as long as they are waited for

    def add(self, generator: Any, call: Call, on_collected: Callable[[str], object] | None = None) -> bool:
        """Let what begins in the body of *generator*, if it is one, belong to *call*, until the generator is gone.

        *on_collected* is then called with the call's id, in a thread of its own.
        """
        frame = frame_of(generator)
        if frame is None:
            return False
        key, id_ = id(frame), call.id

        def forget() -> None:
            entry = self._by_id.pop(id_, None)
            if entry is not None and self.calls.get(key) is entry:
                del self.calls[key]
            if on_collected is not None:
                on_collected(id_)

        self._by_id[id_] = self.calls[key] = ref(generator, self._finalizers.after_collection(forget)), call
        return True

    def find(self, id_: str) -> Call | None:
        """Return the call of that id, if it has returned a generator that is not gone."""
        entry = self._by_id.get(id_)
        return None if entry is None else entry[1]

    def around(self, inner: Call | None = None) -> Call | None:
        """Return the call whose generator's body is running, unless *inner* is nearer; else *inner*."""
        call = self._running(sys._getframe(1)) if self.calls and self._may_run() else None
        return inner if call is None or (inner is not None and is_within(inner, call)) else call

    def generation(self) -> OpenOperation | None:
        """Return the model call whose stream's body is running."""
        call = self._running(sys._getframe(1)) if self.calls else None
        return call.operation if call is not None and call.role == GENERATION else None

    def _may_run(self) -> bool:
        """Return whether the body of a generator is running, in any thread: of few this is less than walking frames."""
        entries = list(self.calls.values())
        return len(entries) > _FEW or any([is_running(generator()) for generator, _ in entries])

    def _running(self, frame: FrameType | None) -> Call | None:
        """Return the call of the innermost generator among *frame* and those around it."""
        for _ in range(_MAX_FRAMES):
            if frame is None:
                break
            entry = self.calls.get(id(frame))
            if entry is not None and frame_of(entry[0]()) is frame:
                return entry[1]
            frame = frame.f_back
        return None

    def that_raised(self, error: BaseException) -> list[Call]:
        """Return the calls through whose generators' bodies *error* came, the innermost first."""
        found: list[Call] = []
        step = error.__traceback__ if self.calls else None
        for _ in range(_MAX_FRAMES):
            if step is None:
                break
            entry = self.calls.get(id(step.tb_frame))
            # a generator that has raised has no frame any more: its code tells that the number is not another frame's
            if entry is not None and code_of(entry[0]()) is step.tb_frame.f_code:
                found.insert(0, entry[1])
            step = step.tb_next
        return found

    def clear(self) -> None:
        """Forget all generators."""
        self.calls = {}
        self._by_id = {}


def code_of(generator: object) -> CodeType | None:
    """Return the code of a generator, also of one that has ended."""
    if type(generator) is GeneratorType:
        return generator.gi_code
    if type(generator) is AsyncGeneratorType:
        return generator.ag_code
    return None


def frame_of(generator: object) -> FrameType | None:
    """Return the frame of a generator that has not ended."""
    if type(generator) is GeneratorType:
        return generator.gi_frame
    if type(generator) is AsyncGeneratorType:
        return generator.ag_frame
    return None


def is_running(generator: object) -> bool:
    """Return whether the body of a generator is running, or waits for something."""
    if type(generator) is AsyncGeneratorType:
        return generator.ag_running
    return type(generator) is GeneratorType and generator.gi_running
