"""`spancast.score(...)`: a judgement goes to every destination as an operation of kind EVALUATOR, on the way of spans."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from time import time_ns
from typing import Any, Final, Literal

from ..record.operation import NOTHING, Kind, Link, Score
from ..recording.captured import SCORES, CapturedOperation, Content
from ..recording.fields import TraceFields, field_scope
from ..recording.guard import report_fault
from ..recording.handle import TraceHandle, use_scorer
from ..recording.identity import new_span_id, new_trace_id
from ..recording.notice import warn_once
from ..recording.open_operation import OpenOperation, TraceState, root_of
from ..recording.parent_context import current_parent_context
from ..recording.recorder import Recorder
from ..recording.trace import recorder_in_use
from .reading import Target, UnusableScoreError, read_score, read_target

MAX_ON_A_SPAN: Final = 32  # scores that an open span carries itself; further ones are carried by spans of their own


def score(
    name: str,
    value: float | None = None,
    *,
    label: str | None = None,
    explanation: str | None = None,
    annotator: Literal["human", "llm", "code"] = "human",
    identifier: str | None = None,
    metadata: Mapping[str, Any] | None = None,
    trace_id: str | None = None,
    span_id: str | None = None,
    session_id: str | None = None,
) -> bool:
    """Say what somebody thinks of a span, a trace or a session; it goes to every destination. Never raises.

    Inside a trace it needs no id: it judges the span that is open here. Afterwards, from any process, it takes the ids of
    a handle or of a log line. It is delivered as spans are: queued, tried again, spooled, counted, and in privacy mode
    without explanation and metadata.

    Args:
        name: The criterion: `helpful`, `correctness`.
        value: A number, True (1.0) or False (0.0); a scalar of numpy or pandas too. One that is not finite is left out.
        label: A category, such as `yes`.
        explanation: Why; content, as a prompt is.
        annotator: Who judged: `human`, `llm` (a model as a judge) or `code` (a test, a rule).
        identifier: Tells scores of one name on one target apart, such as two people's.
        metadata: Further plain data; content.
        trace_id: 32 hex digits, or a UUID. Alone it judges the trace.
        span_id: 16 hex digits, with the `trace_id`; inside a trace that one is meant. It judges the span.
        session_id: Alone it judges the session. Beside a `trace_id` it says whose trace that is: where traces are sampled
            by session, the score is kept where its trace is.

    Returns:
        True when the score can be used; False, with one warning, when it cannot: a malformed id, no result, no target.
    """
    try:
        judgement = _read(name, value, label, explanation, annotator, identifier, metadata)
        target = read_target(trace_id, span_id, session_id)
        _record(judgement, *_place(target))
    except UnusableScoreError as problem:
        warn_once(f"score:{problem.key}", "spancast: a score is not sent: %s", problem)
        return False
    except Exception as error:  # a score must not end the request that it belongs to
        report_fault("score", error)
        return False
    return True


def score_handle(handle: TraceHandle, operation: OpenOperation | None, name: str, value: Any, more: Any) -> bool:
    """Judge the span of *handle*; *operation* is what it stands for, where that belongs to a recorder of this process."""
    try:
        target = read_target(handle.trace_id, handle.span_id, more.pop("session_id", None))
        _record(_read(name, value, **{**_UNSAID, **more}), target, operation)
    except UnusableScoreError as problem:
        warn_once(f"score:{problem.key}", "spancast: a score is not sent: %s", problem)
        return False
    except Exception as error:
        report_fault("score", error)
        return False
    return True


def _read(*arguments: Any, **more: Any) -> Score:
    """Return the score; one warning where a part of it was left out."""
    judgement, problem = read_score(*arguments, **more)
    if problem is not None:
        warn_once(f"score-part:{problem.key}", "spancast: a part of a score is not sent: %s", problem)
    return judgement


_UNSAID: Mapping[str, Any] = {
    **dict.fromkeys(("label", "explanation", "identifier", "metadata")),
    "annotator": "human",
}


def _place(target: Target) -> tuple[Target, OpenOperation | None]:
    """Return *target* with what the place here adds to it, and the spancast operation that is open here in its trace.

    Raises:
        UnusableScoreError: When nothing says what is judged.
    """
    around = current_parent_context()
    own = around.own
    here = around.trace_id or (own.trace_id if own is not None else 0)
    if target.trace_id:
        return target, own if own is not None and own.trace_id == target.trace_id else None
    if target.session_id and not target.span_id:
        return target, None
    if target.span_id:
        if not here:
            raise UnusableScoreError("span_id", "a `span_id` needs its `trace_id` where no trace is open.")
        return replace(target, trace_id=here), own
    if here:
        span_id = around.span_id if around.trace_id else own.span_id if own is not None else 0
        return replace(target, trace_id=here, span_id=span_id), own
    scope = field_scope.get()
    reserved = scope.reserved if scope is not None else None
    if scope is None or reserved is None:
        raise UnusableScoreError("target", "no trace is open here: give its `trace_id`, or a `session_id`.")
    operation = reserved.operation if isinstance(reserved.operation, OpenOperation) else None
    ids = {"trace_id": reserved.trace_id, "span_id": reserved.span_id, "session_id": scope.fields.session_id}
    return Target(**ids), operation  # type: ignore[arg-type]


def _record(judgement: Score, target: Target, operation: OpenOperation | None) -> None:
    """Hand an operation over that carries *judgement*; *operation*: one in the target's trace, if there is any."""
    recorder = _recorder_of(operation)
    if operation is not None and _carried_by(operation, judgement, target):
        return
    scope = "span" if target.span_id else "trace" if target.trace_id else "session"
    trace_id = target.trace_id or new_trace_id()
    now = time_ns()
    carrier = OpenOperation(Kind.EVALUATOR, judgement.name, now, trace_id, new_span_id())
    carrier.end_ns = now
    linked = target.span_id
    if scope == "trace" and operation is not None:
        linked = root_of(operation).span_id
    if linked:  # the specification's one link; of a trace whose spans nobody named it is the trace id that says which
        carrier.links = (Link(trace_id=trace_id, span_id=linked),)
    carrier.state = _state(recorder, trace_id, target, operation)
    carrier.capture = recorder.sees_content(carrier.state.sampled)
    if not carrier.capture:
        judgement = _without_content(judgement)
    carrier.snapshots["score"] = replace(judgement, scope=scope)
    carrier.size = len(judgement.explanation or "")
    carrier.translate = translate_score
    recorder.hand_over(carrier.captured())


def _carried_by(operation: OpenOperation, judgement: Score, target: Target) -> bool:
    """Let an open operation that is the target carry its judgement itself, as both conventions ask; return whether it does.

    The mapping of snapshots is what `close` hands over: where the operation ends in this moment, the score is still in it.
    """
    earlier = operation.snapshots.get(SCORES, ())
    if operation.end_ns or operation.span_id != target.span_id or len(earlier) >= MAX_ON_A_SPAN:
        return False
    if operation.trace_id != target.trace_id or not operation.state.sampled:
        return False
    operation.snapshots[SCORES] = (*earlier, judgement if operation.capture else _without_content(judgement))
    operation.size += len(judgement.explanation or "")
    return True


def _without_content(judgement: Score) -> Score:
    return replace(judgement, explanation=None, metadata=NOTHING)


def _recorder_of(operation: OpenOperation | None) -> Recorder:
    own = operation.state.recorder if operation is not None else None
    return own if isinstance(own, Recorder) and not own.retired else recorder_in_use()


def _state(recorder: Recorder, trace_id: int, target: Target, operation: OpenOperation | None) -> TraceState:
    """Return what the carrier shares with its target's trace: who, and which destinations record it."""
    if operation is not None and operation.state.recorder is recorder:
        said = operation.state
        fields = said.fields.inherited()
        if target.session_id:
            fields = replace(fields, session_id=target.session_id)
        return TraceState(fields, sampled=said.sampled, decision=said.decision, recorder=recorder)
    fields = TraceFields(session_id=target.session_id)
    return recorder.remote_parent(trace_id, target.span_id or 1, fields, recorded=True).state


def translate_score(captured: CapturedOperation) -> Content:
    """Return the score as the operation's detail."""
    return Content(detail=captured.snapshots["score"])


use_scorer(score_handle)
