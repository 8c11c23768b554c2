"""What a destination makes of an operation: hide, redact, render, limit, and let only safe names leave. Pure functions."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Mapping
from dataclasses import replace
from functools import partial
from itertools import islice
from typing import Any

from ..conventions import Convention, gen_ai, openinference
from ..conventions.limits import shorten
from ..conventions.span import Attributes, Span
from ..privacy.allow_list import only_safe, with_short_content, without_content
from ..privacy.media import without_media
from ..privacy.redaction import Redaction
from ..record.operation import Kind, Operation
from ..recording.identity import new_span_id, new_trace_id
from ..recording.notice import warn_once
from .destination import Destination, SpanLimits

CHECK_NAME = "spancast-connection-test"


def openinference_with_one_metadata(convention: str) -> Convention:
    """Return the convention without `metadata.<key>` beside `metadata`, for backends where the two would clash."""
    return partial(openinference.render, flat_metadata=False) if convention == "openinference" else gen_ai.render


def within_limits(span: Span, limits: SpanLimits) -> Span:
    """Return *span* with no more attributes, events and links than *limits* allow; the first of each are kept."""
    events = span.events[: limits.events]
    links = span.links[: limits.links]
    return replace(
        span,
        attributes=_first(span.attributes, limits.attributes),
        events=tuple(replace(each, attributes=_first(each.attributes, limits.event_attributes)) for each in events),
        links=tuple(replace(each, attributes=_first(each.attributes, limits.link_attributes)) for each in links),
    )


def _first(attributes: Attributes, count: int | None) -> Attributes:
    if count is None or len(attributes) <= count:
        return attributes
    return dict(islice(attributes.items(), count))


def check_span(destination: Destination) -> Span:
    """Return one real span as *destination* would send it: a root without content, in a trace of its own."""
    now = time.time_ns()
    operation = Operation(
        kind=Kind.CHAIN,
        name=CHECK_NAME,
        given_name=CHECK_NAME,
        trace_id=new_trace_id(),
        span_id=new_span_id(),
        start_ns=now - 1_000_000,
        end_ns=now,
        metadata={"connection_test": True},
    )
    return rendering_of(destination)(operation)


def rendering_of(destination: Destination, *, cuts: bool = True) -> Callable[[Operation], Span]:
    """Return the function that makes spans for *destination*. It runs in the encoder's thread, once a span.

    A `redact` hook sees in privacy mode what still leaves: names stay, metadata is redacted. Without *cuts*, long values
    are left to who knows how many bytes the span has: see `cut_after_encoding`.
    """
    steps = _steps(destination)
    render, extra, limits = destination.render, destination.span_attributes, destination.limits
    limit, short = attribute_limit(destination), destination.max_content_chars
    if not cuts and not steps:
        return partial(_with_extra, render, extra) if extra else render

    def prepare(operation: Operation) -> Span:
        for step in steps:
            operation = step(operation)
        span = render(operation)
        if cuts:
            span = shorten(span, limit)
        if short is not None:
            span = with_short_content(span, short)
        if extra:  # into the mapping that was rendered just now: `replace` costs 4 us a span
            attributes: Any = span.attributes
            attributes.update(extra)
        if limits is not None:
            span = within_limits(span, limits)
        return only_safe(span) if destination.privacy_mode else span

    return prepare


def _with_extra(render: Convention, extra: Mapping[str, Any], operation: Operation) -> Span:
    span = render(operation)
    attributes: Any = span.attributes
    attributes.update(extra)
    return span


def attribute_limit(destination: Destination) -> int:
    """Return how many characters a text among a span's attributes may have at *destination*."""
    limit, limits = destination.max_attribute_length, destination.limits
    return limit if limits is None or limits.attribute_length is None else min(limit, limits.attribute_length)


def cut_after_encoding(destination: Destination) -> int | None:
    """Return the limit to which long values may be cut once the bytes of a span are there; None: before it is ready.

    A text has no more characters than its bytes in a span: where all of a span has no more bytes than the limit, there is
    nothing to cut, and nothing was looked at. What counts or filters attributes has to see the marks of what was cut.
    """
    limit = attribute_limit(destination)
    plain = destination.max_content_chars is None and destination.limits is None and not destination.privacy_mode
    is_short = all(len(value) <= limit for value in destination.span_attributes.values() if isinstance(value, str))
    return limit if plain and is_short else None


def render_key(destination: Destination) -> Hashable:
    """Return what decides how an operation's bytes look at *destination*: equal for those that share them.

    None where something in it cannot be compared.
    """
    render: object = destination.render
    if isinstance(render, partial):
        render = (render.func, render.args, tuple(sorted(render.keywords.items())))
    key = (
        render,
        getattr(destination.target, "protocol", id(destination.target)),
        (destination.privacy_mode, destination.redact, destination.media),
        (destination.max_content_chars, destination.max_attribute_length, destination.limits),
        tuple(sorted(destination.span_attributes.items())),
    )
    try:
        hash(key)
    except Exception:  # of a `redact` of the application's, or a value of it
        return None
    return key


def _steps(destination: Destination) -> list[Callable[[Operation], Operation]]:
    steps: list[Callable[[Operation], Operation]] = []
    if destination.privacy_mode:
        steps.append(without_content)
    elif not destination.media:
        steps.append(without_media)
    if destination.redact is not None:
        steps.append(Redaction(destination.redact, _redact_failed))
    return steps


def _redact_failed(error: BaseException) -> None:
    warn_once("redact", "spancast: redact raised %s: spans go without content.", type(error).__name__)
