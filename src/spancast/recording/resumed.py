"""A trace that paused for a human: its root is written when the run that answers it ends.

The backends show a trace by its root, and take each span once. So the run that pauses becomes a child of a root that is not
there yet, every run that goes on lies beside it, and the last one writes the root: from the first run's start to the
last one's end, with the first one's input and the last one's output and status (docs/decisions/020).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from time import time_ns

from ..record.operation import Kind, Operation
from .block_content import shown_io
from .captured import CapturedOperation, Content
from .identity import new_span_id
from .open_operation import OpenOperation, outermost, root_of
from .paused import Pause, Pauses

INTERRUPTED = "interrupted"


def pause(pauses: Pauses, operation: OpenOperation, thread: str, checkpoint_id: str | None) -> None:
    """Remember that *thread* paused in the trace of *operation*, so that whoever answers goes on there."""
    root = root_of(operation)
    noted = root.pause or root.resumes
    if noted is None:
        first = outermost(root)
        if first.parent_span_id is None and not root.is_block:
            name = first.given_name or first.name
            noted = Pause(root.trace_id, new_span_id(), root.start_ns, name)
            first.parent_span_id = noted.span_id
        else:  # the root is a block of the application, or lies elsewhere: it is written by itself
            noted = Pause(root.trace_id, first.span_id, root.start_ns)
    if checkpoint_id is not None and noted.checkpoint_id != checkpoint_id:
        noted = replace(noted, checkpoint_id=checkpoint_id)
    root.pause = noted
    pauses.remember(thread, noted)


def keep_question(pauses: Pauses, operation: OpenOperation, captured: CapturedOperation) -> None:
    """Keep the first run's input for the root: called when a run that paused has closed."""
    noted = operation.pause
    if noted is not None and noted.name is not None:
        first = pauses.question(operation.resumes) if operation.resumes is not None else None
        pauses.keep_question(noted, first or captured)


def written_root(pauses: Pauses, operation: OpenOperation, captured: CapturedOperation) -> CapturedOperation | None:
    """Return the root that is due now that *operation*, which answered a pause, has closed; None where it paused again."""
    answered = operation.resumes
    if answered is None or answered.name is None or operation.pause is not None:
        return None
    root = _root(answered, operation)
    root.end_ns = operation.end_ns
    root.failure, root.ending = operation.failure, operation.ending
    root.translate = _shown(pauses.question(answered), captured)
    return root.captured()


def left_root(pauses: Pauses, unanswered: Pause, operation: OpenOperation) -> CapturedOperation | None:
    """Return the root of a trace that nobody will go on with: *operation*, another turn of its thread, has begun."""
    if unanswered.name is None:
        return None
    question = pauses.question(unanswered)
    root = _root(unanswered, operation)
    root.end_ns = question.end_ns if question is not None else time_ns()
    root.ending = INTERRUPTED
    root.translate = _shown(question, None)
    return root.captured()


def _root(noted: Pause, like: OpenOperation) -> OpenOperation:
    """Return the open root of a paused trace, with the fields and the sampling of a run of the same thread."""
    root = OpenOperation(Kind.CHAIN, noted.name or "", noted.start_ns, noted.trace_id, noted.span_id)
    root.state = like.state
    root.capture = like.capture
    return root


def _shown(
    question: CapturedOperation | None, answer: CapturedOperation | None
) -> Callable[[CapturedOperation], Content]:
    def translate(_: CapturedOperation) -> Content:
        asked: Operation | None = question.operation() if question is not None else None
        answered = answer.operation() if answer is not None else None
        about = answered or asked
        return Content(
            input=shown_io(asked)[0] if asked is not None else None,
            output=shown_io(answered)[1] if answered is not None else None,
            metadata=about.metadata if about is not None else {},
            tags=about.tags if about is not None else (),
        )

    return translate
