"""Recorders whose pipeline was replaced while operations were open: what is open ends whole, where it began."""

from __future__ import annotations

import _thread
from collections.abc import Callable
from typing import Final, TypeVar

from .current import nearest
from .guard import report_fault
from .open_operation import OperationTable

Table = TypeVar("Table", bound=OperationTable)

MAX_RETIRED: Final = (
    16  # beyond, the oldest is ended immediately: an operation that never ends must not keep all pipelines
)

# Replaced as a whole, so that callbacks read it without a lock; written where pipelines are replaced.
_retired: tuple[tuple[OperationTable, Callable[[], object]], ...] = ()


def retire(recorder: OperationTable, shutdown: Callable[[], object]) -> bool:
    """Let *recorder* go on until what is open in it has ended, then call *shutdown* in a thread of its own.

    False where nothing is open: then nothing is called.
    """
    global _retired
    if not recorder.open_operations:
        return False
    _retired = (*_retired, (recorder, shutdown))
    for oldest, _ in _retired[:-MAX_RETIRED]:
        finish(oldest)
    recorder.retired = True
    if not recorder.open_operations:  # the last one has ended in this moment
        finish(recorder)
    return True


def finish(recorder: OperationTable) -> None:
    """Shut down the pipeline of a retired recorder. May be called from a callback: it does not wait."""
    global _retired
    found = [shutdown for each, shutdown in _retired if each is recorder]
    _retired = tuple(entry for entry in _retired if entry[0] is not recorder)
    recorder.retired = False
    for shutdown in found:
        try:
            _thread.start_new_thread(shutdown, ())
        except RuntimeError as error:  # the interpreter is exiting: its hooks shut all pipelines down
            report_fault("retired", error)


def retired_here() -> OperationTable | None:
    """Return the recorder of the operation that is open here, where pipelines were replaced meanwhile."""
    if not _retired:
        return None
    here = nearest()
    return here.state.recorder if here is not None else None


def owner_of(key: object, recorder: Table | None) -> Table | None:
    """Return the recorder in which the operation *key* is open: *recorder*, or one that was retired meanwhile."""
    if not _retired or (recorder is not None and recorder.find(key) is not None):
        return recorder
    for each, _ in _retired:
        if each.find(key) is not None:
            return each  # type: ignore[return-value]  # all of them are recorders
    return recorder
