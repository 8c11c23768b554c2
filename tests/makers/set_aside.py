"""What spancast does otherwise on every span on purpose, set aside so that the makers' tests look at all the rest as well.

A test of theirs stops at its first wrong assertion. Where that is a status that is OK here and unset there, nothing behind
it is ever looked at. So each of these differences is a function here, has its reason in `differences.json`, and is applied
to what their exporter returns; `run.py` also says how many tests pass without it. All are pure functions of finished spans.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from opentelemetry.context import Context
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import INVALID_SPAN, Status, StatusCode, set_span_in_context

from spancast.recording.current import CurrentSpan, first_live

Spans = Sequence[ReadableSpan]
_OPERATION = "gen_ai.operation.name"
_SPAN = next(iter(set_span_in_context(INVALID_SPAN, Context())))


def changed(span: ReadableSpan, **fields: Any) -> ReadableSpan:
    """Return a copy of *span* with *fields* instead of its own."""
    own = {
        "name": span.name,
        "context": span.context,
        "parent": span.parent,
        "resource": span.resource,
        "attributes": span.attributes,
        "events": span.events,
        "links": span.links,
        "kind": span.kind,
        "status": span.status,
        "start_time": span.start_time,
        "end_time": span.end_time,
        "instrumentation_scope": span.instrumentation_scope,
    }
    return ReadableSpan(**{**own, **fields})


def is_spancasts(span: ReadableSpan) -> bool:
    """Return whether spancast made it: the application's spans and other instrumentors' stand beside."""
    return span.instrumentation_scope is not None and span.instrumentation_scope.name == "spancast"


def status_unset(spans: Spans) -> Spans:
    """OK becomes unset."""
    return [
        changed(span, status=Status(StatusCode.UNSET))
        if is_spancasts(span) and span.status.status_code is StatusCode.OK
        else span
        for span in spans
    ]


def chains_left_out(spans: Spans) -> Spans:
    """Leave out what is no operation of the conventions, such as a graph's nodes; what lies beneath hangs one higher."""
    parents: dict[int, Any] = {}
    kept = []
    for span in spans:
        if is_spancasts(span) and _OPERATION not in (span.attributes or {}):
            parents[span.context.span_id] = span.parent
        else:
            kept.append(span)

    def parent_of(span: ReadableSpan) -> Any:
        parent = span.parent
        while parent is not None and parent.span_id in parents:
            parent = parents[parent.span_id]
        return parent

    return [changed(span, parent=parent_of(span)) for span in kept]


def workflow_in_name(spans: Spans) -> Spans:
    """A root chain is called `invoke_workflow NAME`."""
    return [
        changed(span, name=f"invoke_workflow {span.name}")
        if is_spancasts(span) and (span.attributes or {}).get(_OPERATION) == "invoke_workflow"
        else span
        for span in spans
    ]


def nameless_models_left_out(spans: Spans) -> Spans:
    """Leave out the calls of a model that has no name, as scripted ones have none."""

    def is_nameless(span: ReadableSpan) -> bool:
        known = span.attributes or {}
        return is_spancasts(span) and known.get(_OPERATION) == "chat" and "gen_ai.request.model" not in known

    return [span for span in spans if not is_nameless(span)]


def unnamed_agents(spans: Spans) -> Spans:
    """An agent that nobody named is called nothing."""
    return [
        changed(span, name="invoke_agent", attributes=_without(span, "gen_ai.agent.name"))
        if is_spancasts(span) and span.name == "invoke_agent agent"
        else span
        for span in spans
    ]


def retrievals_without_source(spans: Spans) -> Spans:
    """What LangChain calls the retriever is no data source."""
    return [
        changed(span, name="retrieval", attributes=_without(span, "gen_ai.data_source.id"))
        if is_spancasts(span) and "gen_ai.data_source.id" in (span.attributes or {})
        else span
        for span in spans
    ]


def _without(span: ReadableSpan, name: str) -> dict[str, Any]:
    return {key: value for key, value in (span.attributes or {}).items() if key != name}


def system_among_messages(spans: Spans) -> Spans:
    """The instructions are the first of the messages."""
    changes = []
    for span in spans:
        known = dict(span.attributes or {})
        if is_spancasts(span) and (parts := known.pop("gen_ai.system_instructions", None)):
            first = {"role": "system", "parts": json.loads(parts)}
            messages = [first, *json.loads(known.get("gen_ai.input.messages", "[]"))]
            known["gen_ai.input.messages"] = json.dumps(messages, separators=(",", ":"))
            span = changed(span, attributes=known)
        changes.append(span)
    return changes


def documents_by_id(spans: Spans) -> Spans:
    """A retrieved document is its id and its score."""

    def short(text: Any) -> str:
        return json.dumps([{"id": each.get("id"), "score": each.get("score")} for each in json.loads(text)])

    return _with_attribute(spans, "gen_ai.retrieval.documents", short)


def _with_attribute(spans: Spans, name: str, change: Callable[[Any], Any]) -> Spans:
    return [
        changed(span, attributes={**span.attributes, name: change(span.attributes[name])})
        if span.attributes and is_spancasts(span) and name in span.attributes
        else span
        for span in spans
    ]


def in_order_of_end(spans: Spans) -> Spans:
    """Spans come in the order in which they ended; spancast's leave a little later than the application's."""
    return sorted(spans, key=lambda span: span.end_time or 0)


def scope_of_theirs(spans: Spans) -> Spans:
    """The instrumentation scope has their name."""
    scope = InstrumentationScope("opentelemetry.instrumentation.genai.langchain")
    return [changed(span, instrumentation_scope=scope) if is_spancasts(span) else span for span in spans]


def live_context(get_current: Callable[[], Context]) -> Callable[[], Context]:
    """Return *get_current* without spans that have ended: each stands for the one around it, and is never taken out."""
    first: dict[tuple[Any, ...], Context] = {}

    def current() -> Context:
        context = get_current()
        live = {name: value for name, value in context.items() if not isinstance(value, CurrentSpan)}
        span = context.get(_SPAN)
        if isinstance(span, CurrentSpan):
            span = first_live(span)
            if span is not INVALID_SPAN:
                live[_SPAN] = span
        else:
            live = dict(context)
        key = tuple(sorted((name, id(value)) for name, value in live.items()))
        return first.setdefault(key, Context(live))

    return current


ALL: Mapping[str, Callable[[Spans], Spans]] = {
    each.__name__: each
    for each in (
        in_order_of_end,
        status_unset,
        chains_left_out,
        workflow_in_name,
        nameless_models_left_out,
        unnamed_agents,
        retrievals_without_source,
        system_among_messages,
        documents_by_id,
        scope_of_theirs,  # last: the others know spancast's spans by their scope
    )
}


def set_aside(spans: Spans, names: Sequence[str]) -> Spans:
    """Return *spans* without the differences of these *names*."""
    for name, change in ALL.items():
        if name in names:
            spans = change(spans)
    return tuple(spans)
